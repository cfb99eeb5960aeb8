"""One TCP or UDP connection of a modem over the machine's sockets, and what it has carried."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

    from .ether import Ether
    from .ether_tcp import TcpLink
    from .ether_udp import UdpPort


class ChannelUser(Protocol):
    """Who has a channel."""

    def room(self) -> int:
        """Return how many bytes may arrive now."""

    def opened(self) -> None:
        """The channel carries data from now on."""

    def failed(self) -> None:
        """The peer refuses."""

    def arrived(self, data: bytes, peer: Peer) -> None:
        """Take data of this peer."""

    def acked(self) -> None:
        """More of what was sent is acknowledged by the peer."""

    def ended(self) -> None:
        """The peer closed or reset the connection."""


class Peer:
    """An address and a port as the modem sees them."""

    def __init__(self, ip: bytes, port: int) -> None:
        self.ip = ip
        self.port = port

    @property
    def address(self) -> str:
        """The address in text."""
        return str(ip_address(self.ip))

    def __str__(self) -> str:
        """Return address:port, without brackets, as modems print it."""
        return f"{self.address}:{self.port}"


class TcpChannel:
    """A TCP connection, begun or accepted (ether_tcp.TcpUser)."""

    kind = "TCP"

    def __init__(self, ether: Ether, user: ChannelUser, peer: Peer) -> None:
        self.peer = peer
        self.given = self.confirmed = self.taken_in = 0  # bytes since the beginning
        self._ether = ether
        self._user = user
        self._link: TcpLink | None = None

    def connect(self, local: int = 0) -> None:
        """Begin to connect to the peer, from a port (0: any); OSError: it is in use."""
        self._link = self._ether.connect(self, self.peer.ip, self.peer.port, local=local)

    def adopt(self, sock: socket.socket) -> None:
        """Be the connection that a listener accepted."""
        self._link = self._ether.adopt(self, sock)
        self._link.accept()

    @property
    def unconfirmed(self) -> int:
        """Bytes that the peer has not acknowledged."""
        return self.given - self.confirmed

    def send(self, data: bytes, _to: Peer | None = None) -> None:
        """Send data behind what was sent before."""
        self.given += len(data)
        if self._link is not None:
            self._link.send(data)

    def read_on(self) -> None:
        """Look whether there is room again."""
        if self._link is not None:
            self._link.room_grew()

    def close(self) -> None:
        """End the connection; what was sent still goes out."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def abort(self) -> None:
        """Be gone by a reset, or without a word while there is no network."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    # What the network says.

    def room(self) -> int:
        """Return the window."""
        return self._user.room()

    def connected(self) -> None:
        """The connection stands."""
        self._user.opened()

    def refused(self) -> None:
        """It never will."""
        self._user.failed()

    def received(self, data: bytes) -> None:
        """Take what arrived."""
        self.taken_in += len(data)
        self._user.arrived(data, self.peer)

    def taken(self) -> None:
        """Everything sent is on its way."""

    def acked(self, count: int) -> None:
        """The peer has acknowledged count bytes since the beginning."""
        self.confirmed = count
        self._user.acked()

    def finished(self) -> None:
        """Our end of the stream is on its way."""

    def ended(self) -> None:
        """The peer's stream ended: modems close with it."""
        self._user.ended()

    def broken(self) -> None:
        """The peer reset the connection."""
        self._user.ended()


class UdpChannel:
    """A UDP port with a default peer, if any (ether_udp.UdpUser); nothing is ever confirmed."""

    kind = "UDP"

    def __init__(self, ether: Ether, user: ChannelUser, peer: Peer | None, local: int) -> None:
        self.peer = peer
        self.given = self.confirmed = self.taken_in = 0
        self.strangers = True  # whether others than the peer are heard
        self._user = user
        self._ether = ether
        self._port: UdpPort | None = ether.open_udp(self, local)

    @property
    def unconfirmed(self) -> int:
        """Bytes that the peer has not acknowledged: UDP knows none."""
        return 0

    def send(self, data: bytes, to: Peer | None = None) -> None:
        """Send a datagram; nobody says whether it arrives."""
        target = to or self.peer
        self.given += len(data)
        if self._port is not None and target is not None:
            self._port.send(data, target.ip, target.port)

    def read_on(self) -> None:
        """Datagrams come whether there is room or not."""

    def close(self) -> None:
        """Give the port back."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    abort = close

    # What the network says.

    def datagram(self, data: bytes, ip: bytes, port: int) -> None:
        """Take a datagram, from the peer alone unless strangers are heard."""
        here = self.peer
        if self.strangers or here is None or (ip, port) == (here.ip, here.port):
            self.taken_in += len(data)
            self._user.arrived(data, Peer(ip, port))

    def unreachable(self, code: int, ip: bytes, port: int) -> None:
        """A modem does not report that a datagram was refused."""

    def missed(self, count: int) -> None:
        """A datagram came while there was no network: it is gone."""


Channel = TcpChannel | UdpChannel
