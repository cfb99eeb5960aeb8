"""Replies and their meaning, typed by hand from the manual's sections."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from ipaddress import IPv4Address

import pytest

from chiplink.framing import CH392_OPTIONAL, ch392_commands
from chiplink.protocol.ch392 import (
    STATUS_WORDS,
    Command,
    Dhcp,
    FunctionBit,
    GlobalInterrupt,
    Phy,
    SocketInterrupt,
    Status,
    global_bits,
    is_echo,
    socket_bits,
    status_words,
)
from chiplink.protocol.ch392_profile import DEFAULT, PROFILES, HeaderLength, ServerMode
from chiplink.protocol.ch392_replies import (
    READERS,
    Peer,
    SocketStatus,
    read_dhcp,
    read_exists,
    read_global_interrupts,
    read_ip_inf,
    read_length,
    read_mac,
    read_number,
    read_peer,
    read_phy,
    read_socket_interrupts,
    read_socket_status,
    read_unreachable,
)


def test_addresses() -> None:
    info = read_ip_inf(bytes.fromhex("C0A80102 C0A80101 FFFFFF00 08080404 00000000"))
    assert str(info.ip) == "192.168.1.2"
    assert str(info.gateway) == "192.168.1.1"
    assert str(info.netmask) == "255.255.255.0"
    assert info.dns == (IPv4Address("8.8.4.4"), IPv4Address(0))


def test_peers() -> None:
    assert read_peer(bytes.fromhex("C0A80132 F601")) == Peer(IPv4Address("192.168.1.50"), 502)
    assert str(Peer(IPv4Address("10.0.0.1"), 80)) == "10.0.0.1:80"
    gone = read_unreachable(bytes.fromhex("03 11 3500 C0A80132"))
    assert (gone.code, gone.protocol, str(gone.peer)) == (3, 17, "192.168.1.50:53")


def test_small_replies() -> None:
    assert read_number(b"\x41") == 0x41
    assert read_length(b"\x30\x04") == 1072
    assert read_exists(b"\xa8", 0x57)
    assert not read_exists(b"\xa8", 0x58)
    assert read_mac(bytes.fromhex("00 01 02 03 04 05")) == "00:01:02:03:04:05"
    assert read_socket_status(b"\x05\x04") == SocketStatus(0x05, 0x04)
    assert read_dhcp(b"\x00") is Dhcp.SUCCESS
    assert read_dhcp(b"\x01") is Dhcp.FAILED
    assert read_dhcp(b"\x7f") is Dhcp.FAILED


def test_the_cable_has_exactly_one_known_bit() -> None:
    known = {0x01: (Phy.DISCONNECTED, False), 0x02: (Phy.FULL_DUPLEX, True)}
    known[0x04] = (Phy.HALF_DUPLEX, True)
    for value in range(256):
        phy = read_phy(bytes([value]))
        assert (phy and (phy, phy.connected)) == known.get(value)


# Section 5.11, and the CH395's upper half.
GLOBAL = ("UNREACH", "IP_CONFLI", "PHY_CHANGE", "DHCP", *(f"SOCK{n}" for n in range(8)))
# Section 5.16.
SOCKET = {0: "SENBUF_FREE", 1: "SEND_OK", 2: "RECV", 3: "CONNECT", 4: "DISCONNECT", 6: "TIM_OUT"}


def test_interrupt_bits() -> None:
    assert {member.name: int(member) for member in GlobalInterrupt} == {
        name: 1 << bit for bit, name in enumerate(GLOBAL)
    }
    assert {member.name: int(member) for member in SocketInterrupt} == {
        name: 1 << bit for bit, name in SOCKET.items()
    }
    assert read_global_interrupts(b"\x94").sockets == (0, 3)
    assert read_global_interrupts(b"\x10\x01") == GlobalInterrupt.SOCK0 | GlobalInterrupt.SOCK4
    assert read_global_interrupts(b"\x00").sockets == ()
    assert read_socket_interrupts(b"\x47") == (
        SocketInterrupt.SENBUF_FREE
        | SocketInterrupt.SEND_OK
        | SocketInterrupt.RECV
        | SocketInterrupt.TIM_OUT
    )
    assert global_bits(0x9001) == ("UNREACH", "bit 12", "bit 15")
    assert socket_bits(0xA4) == ("RECV", "bit 5", "bit 7")
    assert socket_bits(0) == ()


# Section 5.12, then the CH395's.
STATUSES = """
    00 SUCCESS, 10 ERR_BUSY, 11 ERR_MEM, 12 ERR_BUF, 13 ERR_TIMEOUT, 14 ERR_RTE, 15 ERR_ABRT,
    16 ERR_RST, 17 ERR_CLSD, 18 ERR_CONN, 19 ERR_VAL, 1A ERR_ARG, 1B ERR_USE, 1C ERR_IF,
    1D ERR_ISCONN, 20 ERR_OPEN, 5F RET_ABORT, FA ERR_UNKNOWN
"""


def test_statuses() -> None:
    listed = [entry.split() for entry in STATUSES.split(",")]
    assert {int(status): status.name for status in Status} == {
        int(code, 16): name for code, name in listed
    }
    assert STATUS_WORDS.keys() == set(Status)
    assert len(set(STATUS_WORDS.values())) == len(STATUS_WORDS)
    for status in Status:
        code = f"({status:02X})"
        assert status_words(status).endswith("success" if status == 0 else code)
    assert status_words(0x77) == "the unknown status 77h"
    assert [code for code in range(256) if is_echo(code)] == [0x2C]


def test_every_answer_has_a_reader_that_knows_its_length() -> None:
    answered = {code for code, row in ch392_commands().items() if row.answers}
    assert READERS.keys() == answered
    for code in answered - {Command.READ_RECV_BUF_SN, Command.GET_GLOB_INT_STATUS_ALL}:
        size = ch392_commands()[code].reply
        READERS[code](bytes(size))
        for wrong in (0, size + 2):
            with pytest.raises(ValueError, match=f"not {wrong}$"):
                READERS[code](bytes(wrong))


def test_profiles() -> None:
    assert list(PROFILES) == ["ch392f", "ch392t"]
    assert PROFILES["ch392f"] is DEFAULT
    for name, profile in PROFILES.items():
        assert (profile.name, profile.model) == (name, name.upper())
        assert profile.server_mode is ServerMode.SPARE_OR_LISTENER
        assert profile.header_length is HeaderLength.EITHER
        assert (profile.spi_gap_us, profile.spi_turn_us) == (2, 2)
        assert (profile.sockets, profile.reopen_pause_ms) == (4, 200)
        assert profile.function_bits == FunctionBit.SOCKET_CLOSE
        assert not profile.uart_interrupts
        assert profile.init_deadline_ms >= 1000
    with pytest.raises(FrozenInstanceError):
        DEFAULT.sockets = 8  # type: ignore[misc]


def test_what_a_profile_has() -> None:
    others = {0x2A, 0x2B, 0x3F, 0x50}
    missing = {
        name: {code for code in ch392_commands() if not profile.has(code)}
        for name, profile in PROFILES.items()
    }
    assert missing == {"ch392f": others | {0x03, 0x19}, "ch392t": others}
    all_of_them = replace(DEFAULT, chips=DEFAULT.chips | CH392_OPTIONAL)
    assert all(all_of_them.has(code) for code in ch392_commands())
    assert not all_of_them.has(0x04)
