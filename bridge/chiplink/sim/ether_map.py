"""A simulated network whose addresses, or single ports of them, lead to the machine's."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

from .ether import Ether
from .ether_udp import UdpPort

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .ether_tcp import TcpLink, TcpUser
    from .ether_udp import UdpUser

MAX_PORT = 65535
MAX_REMEMBERED = 1024
"""Mapped destinations of a UDP port whose answers are led back."""


class Place(NamedTuple):
    """An address and a port; port 0 stands for every port."""

    host: str
    port: int = 0


def parse_map(texts: Iterable[str]) -> dict[Place, Place]:
    """Read FROM=TO, each ADDRESS or ADDRESS:PORT; ValueError says what is wrong."""
    rules: dict[Place, Place] = {}
    for text in texts:
        start, equals, end = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} maps nothing; write 203.0.113.5=127.0.0.1")
        place = _place(start)
        if place in rules:
            raise ValueError(f"{start!r} is mapped twice")
        rules[place] = _place(end)
    return rules


IPV4 = 4  # bytes of an address that rules are for


class MappedEther(Ether):
    """An Ether with rules of parse_map; one for a port goes before one for its address."""

    def __init__(self, rules: Mapping[Place, Place], *, rtt: float = 0.0) -> None:
        whole = {start: end for start, end in rules.items() if not start.port and not end.port}
        whole_hosts = {start.host: end.host for start, end in whole.items()}
        super().__init__(address_map=whole_hosts, rtt=rtt)
        self._rules = {start: end for start, end in rules.items() if start not in whole}

    def connect(self, user: TcpUser, ip: bytes, port: int, *, local: int = 0) -> TcpLink:
        """Begin a TCP connection to where the rules lead."""
        return super().connect(user, *self.target(ip, port), local=local)

    def open_udp(self, user: UdpUser, port: int) -> UdpPort:
        """Bind a UDP port whose datagrams go where the rules lead."""
        return MappedUdpPort(self, self._port("udp", port), user)

    def target(self, ip: bytes, port: int) -> tuple[bytes, int]:
        """Return where the rules for ports lead; address_map has the others."""
        host = str(ip_address(ip))
        end = self._rules.get(Place(host, port)) or self._rules.get(Place(host))
        return (socket.inet_aton(end.host), end.port or port) if end else (ip, port)

    def source(self, ip: bytes, port: int) -> tuple[bytes, int]:
        """Return how the chip sees a place that a rule for a port leads to."""
        place = Place(str(ip_address(ip)), port)
        for start, end in self._rules.items():
            if end == place or (start.port == port and end == Place(place.host)):
                return socket.inet_aton(start.host), start.port or port
        return ip, port


class MappedUdpPort(UdpPort):
    """A bound port that sends to mapped places; their answers seem to come from where it sent."""

    def __init__(self, ether: MappedEther, port: int, user: UdpUser) -> None:
        self._peers = _Peers(ether, user)
        super().__init__(ether, port, self._peers)

    def send(self, data: bytes, ip: bytes, port: int) -> None:
        """Send a datagram; nobody says whether it arrives."""
        super().send(data, *self._peers.led(ip, port))


class _Peers:
    """Who has a UDP port, and the places it sent to by the places they lead to."""

    def __init__(self, ether: MappedEther, user: UdpUser) -> None:
        self._ether = ether
        self._user = user
        self._sent: dict[tuple[bytes, int], tuple[bytes, int]] = {}

    def led(self, ip: bytes, port: int) -> tuple[bytes, int]:
        """Return where a datagram goes, and remember it."""
        real, real_port = self._ether.target(ip, port)
        if (real, real_port) != (ip, port):
            if len(self._sent) >= MAX_REMEMBERED:
                self._sent.clear()
            # A port hands on whatever it was told to write to.
            self._sent[real, real_port] = (ip, port)
        return real, real_port

    def datagram(self, data: bytes, ip: bytes, port: int) -> None:
        """Hand a datagram on."""
        self._user.datagram(data, *self._origin(ip, port))

    def unreachable(self, code: int, ip: bytes, port: int) -> None:
        """Hand a refusal on."""
        self._user.unreachable(code, *self._origin(ip, port))

    def missed(self, count: int) -> None:
        """Hand a loss on."""
        self._user.missed(count)

    def _origin(self, ip: bytes, port: int) -> tuple[bytes, int]:
        return self._sent.get((ip, port)) or self._ether.source(ip, port)


def _place(text: str) -> Place:
    host, colon, port = text.partition(":")
    try:
        address = str(IPv4Address(host))
    except AddressValueError:
        raise ValueError(f"{host!r} is no IPv4 address") from None
    if not colon:
        return Place(address)
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= MAX_PORT):
        raise ValueError(f"{port!r} is no port")
    return Place(address, int(port))
