"""The network behind a simulated chip without the machine's sockets: for virtual time."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from chiplink.sim.ether import Ether
from driver.fake_stack import CHIP, WINDOW, Bell

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.sim.ether_tcp import TcpUser
    from chiplink.sim.ether_udp import UdpUser
    from driver.fake_stack import Mailbox, Network, Service, Stream

PACKET = 1460
ICMP_PORT = 3
"""ICMP's code for a port that nobody has."""


class MemoryEther(Ether):
    """An Ether over a Network in which the chip is CHIP, whatever address it has."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.links: list[_Link] = []
        """Connections of the chip that are not closed."""
        self.sink: set[str] = set()
        """Addresses, `ip:port`, whose TCP takes everything and acknowledges nothing."""

    def connect(self, user: TcpUser, ip: bytes, port: int, *, local: int = 0) -> Any:
        link = _Link(self, user, local)
        link.connect(f"{socket.inet_ntoa(ip)}:{port}")
        return link

    def listen(self, port: int, on_connection: Callable[[Any, bytes, int], None]) -> Any:
        return _Listener(self, f"{CHIP}:{port}", on_connection)

    def adopt(self, user: TcpUser, sock: Any) -> Any:
        link = _Link(self, user)
        link.take(sock)
        return link

    def refuse(self, sock: Any) -> None:
        sock.reset()

    def open_udp(self, user: UdpUser, port: int) -> Any:
        address = f"{CHIP}:{port or self.network.any_port()}"
        if address in self.network.mailboxes:
            raise OSError(address)
        return _Port(self, self.network.mailbox(address), user)


class _LinkBell(Bell):
    """Rung whenever anything happens to a stream."""

    def __init__(self, action: Callable[[], None]) -> None:
        super().__init__()
        self._action = action

    def ring(self) -> None:
        super().ring()
        self._action()


class _Link:
    """One connection of the chip, moved on in the next turn of the loop."""

    def __init__(self, ether: MemoryEther, user: TcpUser, local: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._ether = ether
        self._local = local
        self._user = user
        self._stream: Stream | None = None
        self._unsent = bytearray()
        self._sent = 0
        self._finish = self._over = self._closed = self._scheduled = False
        self._farewell: Callable[[], None] | None = None
        self._leave = ether.join(self)
        ether.links.append(self)

    def connect(self, address: str) -> None:
        self._loop.call_soon(self._connect, address)

    def _connect(self, address: str) -> None:
        if self._closed:
            return
        source = f"{CHIP}:{self._local or self._ether.network.any_port()}"
        try:
            self.take(self._ether.network.call(source, address))
        except ConnectionRefusedError:
            self._user.refused()
            return
        self.accept()

    def take(self, stream: Stream) -> None:
        self._stream = stream
        stream.bell = _LinkBell(self._look)

    def accept(self) -> None:
        self._loop.call_soon(self._establish)

    def _establish(self) -> None:
        if not self._closed:
            self._user.connected()
            self._look()

    def send(self, data: bytes) -> None:
        self._unsent += data
        self._look()

    def finish(self) -> None:
        self._finish = True
        self._look()

    def room_grew(self) -> None:
        self._look()

    def wire_changed(self) -> None:
        if self._farewell is not None and self._ether.up:
            self._farewell()
            self._leave()
        self._look()

    def close(self) -> None:
        self._end(self._bid_farewell)

    def abort(self) -> None:
        self._end(lambda: self._stream.reset() if self._stream is not None else None)

    def _end(self, farewell: Callable[[], None]) -> None:
        """Be gone; while the wire is down the other side hears of it later."""
        if self._closed:
            return
        self._closed = True
        self._ether.links.remove(self)
        if self._ether.up:
            farewell()
            self._leave()
        else:
            self._farewell = farewell

    def _bid_farewell(self) -> None:
        stream = self._stream
        if stream is None or stream.broken:
            return
        if stream.arrived:
            stream.reset()
            return
        stream.other.arrived += self._unsent
        stream.finish()

    def _look(self) -> None:
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._move)

    def _move(self) -> None:
        self._scheduled = False
        stream = self._stream
        if stream is None or self._closed or self._over or not self._ether.up:
            return
        if stream.broken:
            self._over = True
            self._user.broken()
            return
        self._send(stream)
        self._receive(stream)
        if stream.ended and not stream.arrived and not (self._over or self._closed):
            self._over = True
            self._user.ended()

    def _send(self, stream: Stream) -> None:
        if stream.peer in self._ether.sink:
            self._take_all(len(self._unsent))
            return
        size = min(WINDOW - len(stream.other.arrived), len(self._unsent))
        if size > 0:
            stream.other.arrived += self._unsent[:size]
            stream.passed += size
            self._sent += size
            self._take_all(size)
            stream.other.changed()
            self._user.acked(self._sent)
        if self._finish and not self._unsent:
            self._finish = False
            stream.finish()
            self._user.finished()

    def _take_all(self, size: int) -> None:
        waited = bool(self._unsent)
        del self._unsent[:size]
        if waited and not self._unsent:
            self._user.taken()

    def _receive(self, stream: Stream) -> None:
        while stream.arrived and not self._closed and (room := self._user.room()) > 0:
            self._user.received(stream.take(min(room, PACKET)))


class _Listener:
    """A port of the chip that listens."""

    def __init__(
        self, ether: MemoryEther, address: str, on_connection: Callable[[Any, bytes, int], None]
    ) -> None:
        if address in ether.network.services:
            raise OSError(address)
        self._loop = asyncio.get_running_loop()
        self._on_connection = on_connection
        self._wanted = False
        self._service: Service = ether.network.listen(address)
        self._service.taking = lambda: self._wanted and ether.up
        self._service.on_call = lambda: self._loop.call_soon(self._accept) and None

    def want(self, *, wanted: bool) -> None:
        self._wanted = wanted

    def close(self) -> None:
        self._wanted = False
        self._service.close()

    def _accept(self) -> None:
        stream = self._service.accept_now()
        if stream is not None:
            ip, _colon, port = stream.peer.rpartition(":")
            self._on_connection(stream, socket.inet_aton(ip), int(port))


class _Port:
    """A UDP port of the chip; to send where nobody is brings ICMP's word."""

    def __init__(self, ether: MemoryEther, box: Mailbox, user: UdpUser) -> None:
        self._ether = ether
        self._box = box
        self._user = user
        box.on_change = self._look

    def send(self, data: bytes, ip: bytes, port: int) -> None:
        to = f"{socket.inet_ntoa(ip)}:{port}"
        if to in self._ether.network.mailboxes:
            self._box.post(data, to)
        else:
            self._user.unreachable(ICMP_PORT, ip, port)

    def close(self) -> None:
        self._box.close()

    def _look(self) -> None:
        while self._box.arrived:
            data, sender = self._box.arrived.popleft()
            ip, _colon, port = sender.rpartition(":")
            if self._ether.up:
                self._user.datagram(data, socket.inet_aton(ip), int(port))
            else:
                self._user.missed(len(data))
