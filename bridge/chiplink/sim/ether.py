"""The network behind a simulated chip: real sockets of this machine, seen at mapped addresses."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, Protocol

from .ether_names import Names
from .ether_tcp import Listener, TcpLink, TcpUser, refuse
from .ether_udp import UdpPort, UdpUser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal["tcp", "udp"]
NO_ADDRESS = bytes(4)


class Part(Protocol):
    """Something that stops while the wire is down."""

    def wire_changed(self) -> None:
        """Look at Ether.up again."""


class IprawUser(Protocol):
    """Who takes IP packets of one protocol."""

    def packet(self, data: bytes, ip: bytes, protocol: int) -> None:
        """Take the payload of a packet."""


class Ether:
    """Addresses, ports, delay and state of the wire, for the connections that go over it.

    address_map leads the chip's addresses (IPv4 or IPv6) to the machine's, any other is used as
    it is. hosts are names that the chip's DNS knows before the machine is asked.
    port_map leads ports that the chip opens to the machine's, 0 is any free one.
    """

    def __init__(
        self,
        *,
        address_map: Mapping[str, str] | None = None,
        port_map: Mapping[int, int] | None = None,
        hosts: Mapping[str, str] | None = None,
        bind_address: str = "127.0.0.1",
        rtt: float = 0.0,
    ) -> None:
        self.address_map = dict(address_map or {})
        self.port_map = dict(port_map or {})
        self.bind_address = bind_address
        self.rtt = rtt
        self.up = False
        self.names = Names(self, hosts or {})
        self.silent: set[str] = set()  # addresses of the chip's side where nobody answers
        self.on_ipraw: Callable[[str, int, bytes], None] | None = None
        self._bound: dict[tuple[Kind, int], int] = {}
        self._parts: list[Part] = []
        self._ipraw: list[IprawUser] = []
        self._buried: list[socket.socket] = []

    def one_way(self) -> float:
        """Return the seconds that anything takes in one direction."""
        return self.rtt / 2

    def real(self, ip: bytes) -> str:
        """Return the machine's address for one of the chip's."""
        text = str(ip_address(ip))
        return self.address_map.get(text, text)

    def seen(self, real: str) -> bytes:
        """Return how the chip sees one of the machine's addresses: as it is if the map has none."""
        names = (name for name, target in self.address_map.items() if target == real)
        return ip_address(next(names, real)).packed

    def reaches(self, ip: bytes) -> bool:
        """Say whether anybody can answer there: the wire is up and ARP finds somebody."""
        return self.up and ip != NO_ADDRESS and str(ip_address(ip)) not in self.silent

    def set_up(self, *, up: bool) -> None:
        """Let the wire carry something, or nothing."""
        self.up = up
        if up:
            self._raise_buried()
        for part in tuple(self._parts):
            part.wire_changed()

    def connect(self, user: TcpUser, ip: bytes, port: int, *, local: int = 0) -> TcpLink:
        """Begin a TCP connection from a port of the chip (0: any); user hears what becomes of it.

        OSError: the machine has the port in use.
        """
        real = self.real(ip)
        sock = socket.socket(_family(real))
        if local:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((self.bind_address, self._port("tcp", local)))
            except OSError:
                sock.close()
                raise
        link = TcpLink(self, user, sock)
        link.connect((real, port))
        return link

    def listen(
        self, port: int, on_connection: Callable[[socket.socket, bytes, int], None]
    ) -> Listener:
        """Bind a TCP port of the chip; OSError if the machine has it in use."""
        return Listener(self, self._port("tcp", port), on_connection)

    def adopt(self, user: TcpUser, sock: socket.socket) -> TcpLink:
        """Make a connection of what a listener gave."""
        return TcpLink(self, user, sock)

    def refuse(self, sock: socket.socket) -> None:
        """Reset what a listener gave."""
        refuse(sock)

    def open_udp(self, user: UdpUser, port: int) -> UdpPort:
        """Bind a UDP port of the chip; OSError if the machine has it in use."""
        return UdpPort(self, self._port("udp", port), user)

    def bound_port(self, kind: Kind, port: int) -> int:
        """Return the machine's port behind a port that the chip opened."""
        return self._bound[kind, port]

    def send_ipraw(self, ip: bytes, protocol: int, data: bytes) -> None:
        """Hand an IP packet to on_ipraw: no real one is ever sent."""
        if self.on_ipraw is not None:
            self.on_ipraw(socket.inet_ntoa(ip), protocol, data)

    def deliver_ipraw(self, ip: str, protocol: int, data: bytes) -> None:
        """Let an IP packet of this protocol arrive from an address."""
        for user in tuple(self._ipraw) if self.up else ():
            user.packet(data, socket.inet_aton(ip), protocol)

    def join_ipraw(self, user: IprawUser) -> Callable[[], None]:
        """Hand IP packets to user; the result ends it."""
        self._ipraw.append(user)
        return lambda: self._ipraw.remove(user)

    def join(self, part: Part) -> Callable[[], None]:
        """Tell part when the wire changes; the result ends it."""
        self._parts.append(part)
        return lambda: self._parts.remove(part)

    def part_with(self, sock: socket.socket) -> None:
        """Close sock as its chip has it: while the wire is down the peer must not notice."""
        if self.up:
            sock.close()
        else:
            self._buried.append(sock)

    def close(self) -> None:
        """Close what waited for the wire to come back, and ask for no more names."""
        self.names.close()
        self._raise_buried()

    def _raise_buried(self) -> None:
        for sock in self._buried:
            sock.close()
        self._buried.clear()

    def _port(self, kind: Kind, port: int) -> int:
        """Return the machine's port for one of the chip's, the same one every time; 0 for 0."""
        if not port:
            return 0
        if (kind, port) not in self._bound:
            self._bound[kind, port] = self.port_map.get(port, port) or self._free_port(kind)
        return self._bound[kind, port]

    def _free_port(self, kind: Kind) -> int:
        family = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        with socket.socket(type=family) as sock:
            sock.bind((self.bind_address, 0))
            return int(sock.getsockname()[1])


def _family(real: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ip_address(real).version == 6 else socket.AF_INET  # noqa: PLR2004
