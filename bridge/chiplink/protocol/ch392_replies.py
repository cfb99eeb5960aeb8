"""What the CH392's replies say. Each reader takes the reply's bytes; ValueError for another length.

IP and MAC addresses come in their written order, numbers low byte first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from chiplink.protocol.ch392 import Command, Dhcp, GlobalInterrupt, Phy, SocketInterrupt

if TYPE_CHECKING:
    from collections.abc import Callable

_IP_INF = struct.Struct("4s4s4s4s4s")
_PEER = struct.Struct("<4sH")
_UNREACHABLE = struct.Struct("<BBH4s")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    ip: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True)
class IpInfo:
    """The chip's addresses; 0.0.0.0 where DHCP gave none."""

    ip: IPv4Address
    gateway: IPv4Address
    netmask: IPv4Address
    dns: tuple[IPv4Address, IPv4Address]


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Where a packet could not go: the ICMP code, the IP protocol, and its destination."""

    code: int
    protocol: int
    peer: Peer


@dataclass(frozen=True, slots=True)
class SocketStatus:
    """SocketState and TcpState as numbers: an unknown one is not an error here."""

    state: int
    tcp: int


def read_number(data: bytes) -> int:
    """Return GET_IC_VER, GET_CMD_STATUS or SET_BAUDRATE's one byte, or CHECK_EXIST's complement."""
    (value,) = _sized(data, 1)
    return value


def read_length(data: bytes) -> int:
    """Return GET_RECV_LEN_SN's number of bytes (5.26)."""
    return int.from_bytes(_sized(data, 2), "little")


def read_exists(data: bytes, sent: int) -> bool:
    """Whether CHECK_EXIST came back as the complement of what was sent (5.4)."""
    return read_number(data) == sent ^ 0xFF


def read_phy(data: bytes) -> Phy | None:
    """Return the cable's state (5.9); None if not exactly one known bit is set."""
    value = read_number(data)
    return Phy(value) if value in set(Phy) else None


def read_global_interrupts(data: bytes) -> GlobalInterrupt:
    """Return the bits of GET_GLOB_INT_STATUS, one byte, or of its 16-bit sister."""
    if len(data) not in (1, 2):
        raise ValueError(f"a global interrupt status has 1 or 2 bytes, not {len(data)}")
    return GlobalInterrupt(int.from_bytes(data, "little"))


def read_socket_interrupts(data: bytes) -> SocketInterrupt:
    """Return the bits of GET_INT_STATUS_SN (5.16)."""
    return SocketInterrupt(read_number(data))


def read_peer(data: bytes) -> Peer:
    """Return GET_REMOT_IPP_SN's address and port (5.13)."""
    ip, port = _PEER.unpack(_sized(data, _PEER.size))
    return Peer(IPv4Address(ip), port)


def read_socket_status(data: bytes) -> SocketStatus:
    """Return a socket's two states (5.15)."""
    return SocketStatus(*_sized(data, 2))


def read_mac(data: bytes) -> str:
    """Return the MAC address as colon-separated hex (5.29)."""
    return _sized(data, 6).hex(":")


def read_dhcp(data: bytes) -> Dhcp:
    """Return whether DHCP gave an address (5.31); any value but 0 is a failure."""
    return Dhcp.FAILED if read_number(data) else Dhcp.SUCCESS


def read_ip_inf(data: bytes) -> IpInfo:
    """Return the chip's addresses (5.32)."""
    ip, gateway, netmask, *dns = map(IPv4Address, _IP_INF.unpack(_sized(data, _IP_INF.size)))
    return IpInfo(ip, gateway, netmask, (dns[0], dns[1]))


def read_unreachable(data: bytes) -> Unreachable:
    """Return where a packet could not go (named in 5.11, laid out as the CH395's)."""
    code, protocol, port, ip = _UNREACHABLE.unpack(_sized(data, _UNREACHABLE.size))
    return Unreachable(code, protocol, Peer(IPv4Address(ip), port))


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"this reply has {size} bytes, not {len(data)}")
    return data


READERS: dict[int, Callable[[bytes], object]] = {
    Command.GET_IC_VER: read_number,
    Command.SET_BAUDRATE: read_number,
    Command.CHECK_EXIST: read_number,
    Command.GET_PHY_STATUS: read_phy,
    Command.GET_UNREACH_IPPORT: read_unreachable,
    Command.GET_GLOB_INT_STATUS: read_global_interrupts,
    Command.GET_GLOB_INT_STATUS_ALL: read_global_interrupts,
    Command.GET_CMD_STATUS: read_number,
    Command.GET_REMOT_IPP_SN: read_peer,
    Command.GET_SOCKET_STATUS_SN: read_socket_status,
    Command.GET_INT_STATUS_SN: read_socket_interrupts,
    Command.GET_RECV_LEN_SN: read_length,
    Command.READ_RECV_BUF_SN: bytes,
    Command.GET_MAC_ADDR: read_mac,
    Command.GET_DHCP_STATUS: read_dhcp,
    Command.GET_IP_INF: read_ip_inf,
}
"""For each command that is answered, what reads its reply."""
