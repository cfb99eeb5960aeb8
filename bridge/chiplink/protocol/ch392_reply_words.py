"""What a CH392 answers, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.protocol.ch392 import (
    Command,
    Dhcp,
    Phy,
    SocketState,
    Status,
    TcpState,
    global_bits,
    is_echo,
    socket_bits,
    status_words,
)
from chiplink.protocol.ch392_command_words import bytes_words
from chiplink.protocol.ch392_replies import (
    read_dhcp,
    read_exists,
    read_ip_inf,
    read_length,
    read_mac,
    read_peer,
    read_phy,
    read_socket_status,
    read_unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PHY_WORDS = {
    Phy.DISCONNECTED: "no link",
    Phy.FULL_DUPLEX: "link, 10 Mbit/s full duplex",
    Phy.HALF_DUPLEX: "link, 10 Mbit/s half duplex",
}
"""Section 5.9 in words."""

UNREACHABLE_WORDS = {
    0: "network or host unreachable",
    1: "network or host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
}
"""ICMP codes: RFC 792 has 0 for the network and 1 for the host, the CH395's header the reverse."""

IP_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP"}
"""The IP protocol numbers that an unreachable packet usually has."""


def reply_words(command: bytes, reply: bytes) -> tuple[bool, str]:
    """Return what a whole reply to a command says, and whether it is as it should be."""
    if command[0] == Command.CHECK_EXIST:
        good = read_exists(reply, command[1])
        return (
            good,
            f"{reply[0]:02X}H{'' if good else f', not the complement of {command[1]:02X}H'}",
        )
    return True, REPLIES[command[0]](reply)


def _phy(reply: bytes) -> str:
    phy = read_phy(reply)
    return PHY_WORDS[phy] if phy else f"{reply[0]:02X}H, which no cable state is"


def _status(reply: bytes) -> str:
    echo = ", or the command's echo: read too soon" if is_echo(reply[0]) else ""
    return status_words(reply[0]) + echo


def _baud_status(reply: bytes) -> str:
    if reply[0] in (Status.SUCCESS, Status.RET_ABORT):
        return status_words(reply[0])
    return f"{reply[0]:02X}H (the manual states no values)"


def _global(reply: bytes) -> str:
    return " + ".join(global_bits(int.from_bytes(reply, "little"))) or "none"


def _socket(reply: bytes) -> str:
    return " + ".join(socket_bits(reply[0])) or "none"


def _socket_status(reply: bytes) -> str:
    status = read_socket_status(reply)
    state = _named(status.state, {int(each): each.name for each in SocketState})
    tcp = _named(status.tcp, {int(each): each.name for each in TcpState})
    return f"{state}, TCP {tcp}"


def _named(value: int, names: dict[int, str]) -> str:
    return names.get(value, f"unknown {value:02X}H").lower().replace("_", " ")


def _ip_inf(reply: bytes) -> str:
    info = read_ip_inf(reply)
    return (
        f"IP {info.ip}, gateway {info.gateway}, netmask {info.netmask},"
        f" DNS {info.dns[0]} and {info.dns[1]}"
    )


def _unreachable(reply: bytes) -> str:
    what = read_unreachable(reply)
    why = UNREACHABLE_WORDS.get(what.code, "unreachable")
    protocol = IP_PROTOCOLS.get(what.protocol, f"IP protocol {what.protocol}")
    return f"{why} ({what.code}): {protocol} to {what.peer}"


def _dhcp(reply: bytes) -> str:
    if read_dhcp(reply) is Dhcp.SUCCESS:
        return "an address was given"
    return f"failed, usually for want of a server ({reply[0]:02X}H)"


REPLIES: dict[int, Callable[[bytes], str]] = {
    Command.GET_IC_VER: lambda reply: f"version {reply[0]:02X}H",
    Command.SET_BAUDRATE: _baud_status,
    Command.GET_PHY_STATUS: _phy,
    Command.GET_UNREACH_IPPORT: _unreachable,
    Command.GET_GLOB_INT_STATUS: _global,
    Command.GET_GLOB_INT_STATUS_ALL: _global,
    Command.GET_CMD_STATUS: _status,
    Command.GET_REMOT_IPP_SN: lambda reply: str(read_peer(reply)),
    Command.GET_SOCKET_STATUS_SN: _socket_status,
    Command.GET_INT_STATUS_SN: _socket,
    Command.GET_RECV_LEN_SN: lambda reply: f"{read_length(reply)} bytes wait",
    Command.READ_RECV_BUF_SN: bytes_words,
    Command.GET_MAC_ADDR: read_mac,
    Command.GET_DHCP_STATUS: _dhcp,
    Command.GET_IP_INF: _ip_inf,
}
"""For each command that is answered, what reads its reply; CHECK_EXIST needs its argument too."""
