"""Packets and exchanges in words: every vector, others written by hand, and bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.framing import ch392_commands
from chiplink.protocol.ch392_command_words import COMMANDS
from chiplink.protocol.ch392_reply_words import REPLIES
from chiplink.protocol.ch392_words import explain, explain_exchange

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "ch392.json").read_text("utf-8")
)
BY_NAME = {vector["name"]: vector for vector in VECTORS}

WORDS = {
    "get_ic_ver": ("GET_IC_VER", "version 41H"),
    "set_baudrate_115200": ("SET_BAUDRATE: 115200 baud", "success"),
    "set_baudrate_921600": ("SET_BAUDRATE: 921600 baud", "success"),
    "reset_all": ("RESET_ALL", ""),
    "check_exist": ("CHECK_EXIST: 57H", "A8H"),
    "set_mac_addr": ("SET_MAC_ADDR: 02:01:02:03:04:05", ""),
    "set_ip_addr": ("SET_IP_ADDR: 192.168.1.2", ""),
    "set_gwip_addr": ("SET_GWIP_ADDR: 192.168.1.1", ""),
    "set_mask_addr": ("SET_MASK_ADDR: 255.255.255.0", ""),
    "get_phy_status": ("GET_PHY_STATUS", "link, 10 Mbit/s full duplex"),
    "init_ch392": ("INIT_CH392", ""),
    "get_unreach_ipport": ("GET_UNREACH_IPPORT", "port unreachable (3): UDP to 192.168.1.50:53"),
    "get_glob_int_status": ("GET_GLOB_INT_STATUS", "PHY_CHANGE + DHCP + SOCK0"),
    "get_cmd_status": ("GET_CMD_STATUS", "still busy with the command (10)"),
    "get_remot_ipp_sn": ("GET_REMOT_IPP_SN: socket 1", "192.168.1.50:502"),
    "clear_recv_buf_sn": ("CLEAR_RECV_BUF_SN: socket 2", ""),
    "get_socket_status_sn": ("GET_SOCKET_STATUS_SN: socket 0", "open, TCP established"),
    "get_int_status_sn": (
        "GET_INT_STATUS_SN: socket 3",
        "SENBUF_FREE + SEND_OK + RECV + TIM_OUT",
    ),
    "set_ip_addr_sn": ("SET_IP_ADDR_SN: socket 0 to 192.168.1.50", ""),
    "udp_server_sn": (
        "SET_IP_ADDR_SN: socket 1 to 255.255.255.255, which makes a UDP socket a server",
        "",
    ),
    "set_dest_port_sn": ("SET_DEST_PORT_SN: socket 0, port 502", ""),
    "set_sour_port_sn": ("SET_SOUR_PORT_SN: socket 0, port 600", ""),
    "set_proto_type_sn_tcp": ("SET_PROTO_TYPE_SN: socket 0 TCP", ""),
    "set_proto_type_sn_udp": ("SET_PROTO_TYPE_SN: socket 1 UDP", ""),
    "open_socket_sn": ("OPEN_SOCKET_SN: socket 0", ""),
    "tcp_listen_sn": ("TCP_LISTEN_SN: socket 3", ""),
    "tcp_connect_sn": ("TCP_CONNECT_SN: socket 0", ""),
    "tcp_disconnect_sn": ("TCP_DISCONNECT_SN: socket 0", ""),
    "write_send_buf_sn": ("WRITE_SEND_BUF_SN: socket 0, 5 bytes: 68 65 6C 6C 6F", ""),
    "get_recv_len_sn": ("GET_RECV_LEN_SN: socket 0", "1072 bytes wait"),
    "read_recv_buf_sn": ("READ_RECV_BUF_SN: socket 0, 5 bytes", "5 bytes: 68 65 6C 6C 6F"),
    "close_socket_sn": ("CLOSE_SOCKET_SN: socket 0", ""),
    "set_ipraw_pro_sn": ("SET_IPRAW_PRO_SN: socket 0, IP protocol 89", ""),
    "get_mac_addr": ("GET_MAC_ADDR", "00:01:02:03:04:05"),
    "dhcp_enable": ("DHCP_ENABLE: on", ""),
    "dhcp_disable": ("DHCP_ENABLE: off", ""),
    "get_dhcp_status": ("GET_DHCP_STATUS", "failed, usually for want of a server (01H)"),
    "get_ip_inf": (
        "GET_IP_INF",
        "IP 192.168.1.2, gateway 192.168.1.1, netmask 255.255.255.0, DNS 8.8.4.4 and 0.0.0.0",
    ),
    "set_ttl": ("SET_TTL: socket 0, 128", ""),
    "set_recv_buf": ("SET_RECV_BUF: socket 0, 2 blocks from block 0 on (1072 bytes)", ""),
    "set_send_buf": ("SET_SEND_BUF: socket 1, 2 blocks from block 6 on (1072 bytes)", ""),
    "set_keep_live_idle": ("SET_KEEP_LIVE_IDLE: 20000 ms", ""),
    "set_keep_live_intvl": ("SET_KEEP_LIVE_INTVL: 15000 ms", ""),
    "set_keep_live_cnt": ("SET_KEEP_LIVE_CNT: 9 times", ""),
    "set_keep_live_sn": ("SET_KEEP_LIVE_SN: socket 0 on", ""),
    "enter_sleep": ("ENTER_SLEEP", ""),
    "get_glob_int_status_all": ("GET_GLOB_INT_STATUS_ALL", "SOCK0 + SOCK4"),
    "set_retran_count": ("SET_RETRAN_COUNT: 12 times", ""),
    "set_retran_period": ("SET_RETRAN_PERIOD: 500 ms", ""),
    "ping_enable": ("PING_ENABLE: on", ""),
    "set_tcp_mss": ("SET_TCP_MSS: 536 bytes", ""),
    "set_fun_para": ("SET_FUN_PARA: SOCKET_CLOSE", ""),
}


def lines(name: str) -> list[tuple[bool, str]]:
    command, reply = WORDS[name]
    back = [(True, f"← {command.partition(':')[0]}: {reply}")] if reply else []
    return [(True, f"→ {command}"), *back]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_vector(vector: dict[str, Any]) -> None:
    sent, received = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["reply"])
    assert explain_exchange(sent, received) == lines(vector["name"])
    assert explain(sent) == lines(vector["name"])[:1]


def test_all_vectors_in_one_stream() -> None:
    sent = bytes.fromhex("".join(vector["hex"] for vector in VECTORS))
    received = bytes.fromhex("".join(vector["reply"] for vector in VECTORS))
    expected = [lines(vector["name"]) for vector in VECTORS]
    assert explain(sent) == [command for command, *_ in expected]
    assert explain_exchange(sent, received) == [line for group in expected for line in group]


def test_every_argument_and_every_reply_has_words() -> None:
    rows = ch392_commands().values()
    assert COMMANDS.keys() == {row.code for row in rows if row.least}
    assert REPLIES.keys() == {row.code for row in rows if row.answers} - {0x06}


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ("34 02 00", "→ SET_PROTO_TYPE_SN: socket 2 IPRAW"),
        ("34 00 01", "→ SET_PROTO_TYPE_SN: socket 0 MACRAW"),
        ("34 00 07", "→ SET_PROTO_TYPE_SN: socket 0 unknown mode 07H"),
        ("35 04", "→ OPEN_SOCKET_SN: socket 4, which does not exist"),
        ("41 02", "→ DHCP_ENABLE: 02H, unknown"),
        ("51 01 81", "→ SET_TTL: socket 1, 129, more than 128"),
        (
            "52 00 07 02",
            "→ SET_RECV_BUF: socket 0, 2 blocks from block 7 on (1072 bytes), beyond block 7",
        ),
        ("53 00 07 01", "→ SET_SEND_BUF: socket 0, 1 block from block 7 on (536 bytes)"),
        ("55 03 01 00 00", "→ SET_FUN_PARA: bit 0 + TCP_SERVER + bit 8"),
        ("55 00 00 00 00", "→ SET_FUN_PARA: none"),
        ("39 00 01 00 57", "→ WRITE_SEND_BUF_SN: socket 0, 1 byte: 57"),
        ("39 00 00 00", "→ WRITE_SEND_BUF_SN: socket 0, 0 bytes"),
        ("3C 03 00 10", "→ READ_RECV_BUF_SN: socket 3, 4096 bytes"),
    ],
)
def test_other_commands(packet: str, words: str) -> None:
    assert explain(bytes.fromhex("57 AB" + packet)) == [(True, words)]


@pytest.mark.parametrize(
    ("packet", "reply", "words"),
    [
        ("02 80 25 00", "5F", "SET_BAUDRATE: the chip gave the command up (5F)"),
        ("02 80 25 00", "51", "SET_BAUDRATE: 51H (the manual states no values)"),
        ("26", "01", "GET_PHY_STATUS: no link"),
        ("26", "04", "GET_PHY_STATUS: link, 10 Mbit/s half duplex"),
        ("26", "03", "GET_PHY_STATUS: 03H, which no cable state is"),
        (
            "28",
            "00 06 00 50 0A 00 00 01",
            "GET_UNREACH_IPPORT: network or host unreachable (0): TCP to 10.0.0.1:20480",
        ),
        (
            "28",
            "0D 59 00 00 0A 00 00 01",
            "GET_UNREACH_IPPORT: unreachable (13): IP protocol 89 to 10.0.0.1:0",
        ),
        ("29", "00", "GET_GLOB_INT_STATUS: none"),
        ("29", "83", "GET_GLOB_INT_STATUS: UNREACH + IP_CONFLI + SOCK3"),
        ("2C", "00", "GET_CMD_STATUS: success"),
        (
            "2C",
            "2C",
            "GET_CMD_STATUS: the unknown status 2Ch, or the command's echo: read too soon",
        ),
        ("2C", "20", "GET_CMD_STATUS: the socket is open already (20)"),
        ("2F 00", "00 0A", "GET_SOCKET_STATUS_SN: closed, TCP time wait"),
        ("2F 00", "03 0B", "GET_SOCKET_STATUS_SN: unknown 03h, TCP unknown 0bh"),
        ("30 00", "00", "GET_INT_STATUS_SN: none"),
        ("30 00", "A0", "GET_INT_STATUS_SN: bit 5 + bit 7"),
        ("42", "00", "GET_DHCP_STATUS: an address was given"),
        ("3C 00 28 00", "00" * 40, "READ_RECV_BUF_SN: 40 bytes: " + "00 " * 32 + "…"),
    ],
)
def test_other_replies(packet: str, reply: str, words: str) -> None:
    sent = bytes.fromhex("57 AB" + packet)
    assert explain_exchange(sent, bytes.fromhex(reply))[1] == (True, f"← {words}")


# Bad ones


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("00 57", "not a packet: 00 57"),
        ("57 AB", "not a packet: 57 AB without a command"),
        ("57 AB 99", "→ command 99H: there is no such command"),
        ("57 AB 99 01 02", "→ command 99H: there is no such command: 01 02"),
        ("57 AB 22", "→ SET_IP_ADDR: 0 of 4 argument bytes"),
        ("57 AB 22 C0 A8", "→ SET_IP_ADDR: 2 of 4 argument bytes: C0 A8"),
        ("57 AB 39 00", "→ WRITE_SEND_BUF_SN: 1 of 3 argument bytes: 00"),
        ("57 AB 39 00 03 00 61", "→ WRITE_SEND_BUF_SN: 4 of 6 argument bytes: 00 03 00 61"),
        ("57 AB 39 00 01 10", "→ WRITE_SEND_BUF_SN: 4097 bytes, 4096 is the most"),
        ("57 AB 3C 00 FF FF", "→ READ_RECV_BUF_SN: 65535 bytes, 4096 is the most"),
    ],
)
def test_bad_packets_say_why(text: str, why: str) -> None:
    assert explain(bytes.fromhex(text)) == [(False, why)]
    assert explain_exchange(bytes.fromhex(text), b"") == [(False, why)]
    if "argument bytes" not in why and "without a command" not in why:
        good = explain(bytes.fromhex(text + "57 AB 27"))
        assert good == [(False, why), (True, "→ INIT_CH392")]


def test_a_torn_write_eats_the_next_packet_as_the_chip_does() -> None:
    assert explain(bytes.fromhex("57 AB 39 00 05 00 61 62 57 AB 26 57 AB 27")) == [
        (True, "→ WRITE_SEND_BUF_SN: socket 0, 5 bytes: 61 62 57 AB 26"),
        (True, "→ INIT_CH392"),
    ]


def test_bad_replies_say_why() -> None:
    sent = bytes.fromhex("57 AB 06 55 57 AB 43 57 AB 27 57 AB 26")
    assert explain_exchange(sent, b"\x55\xc0\xa8") == [
        (True, "→ CHECK_EXIST: 55H"),
        (False, "← CHECK_EXIST: 55H, not the complement of 55H"),
        (True, "→ GET_IP_INF"),
        (False, "← GET_IP_INF: 2 of 20 bytes: C0 A8"),
        (True, "→ INIT_CH392"),
        (True, "→ GET_PHY_STATUS"),
        (False, "← GET_PHY_STATUS: 0 of 1 bytes"),
    ]
    assert explain_exchange(bytes.fromhex("57 AB 26"), b"\x02\x04")[2:] == [
        (False, "not a reply: 04")
    ]
    assert explain_exchange(b"", b"\x04") == [(False, "not a reply: 04")]
    assert explain(b"") == []


PARTS = st.one_of(
    st.sampled_from([bytes.fromhex(vector["hex"]) for vector in VECTORS]),
    st.binary(max_size=6),
    st.builds(lambda rest: b"\x57\xab" + rest, st.binary(max_size=8)),
)


@given(st.lists(PARTS, max_size=8).map(b"".join), st.binary(max_size=60))
def test_anything_becomes_lines(sent: bytes, received: bytes) -> None:
    told = explain_exchange(sent, received)
    assert [line for line in told if not line[1].startswith(("←", "not a reply"))] == explain(sent)
    assert bool(explain(sent)) == bool(sent)
    assert all("\n" not in line for _, line in told)
