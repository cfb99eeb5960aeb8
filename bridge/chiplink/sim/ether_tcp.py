"""TCP over the machine's sockets: no more is read than the chip has room for."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from typing import TYPE_CHECKING, Protocol

from .ether_delay import OrderedDelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ether import Ether

PACKET = 1460  # read at once, as one packet of an Ethernet
# The machine's own buffers would hide from both sides that the other does not read.
KERNEL_BUFFER = 16384
ACK_POLL = 0.002
RESET = struct.pack("ii", 1, 0)  # struct linger: close by a reset


class TcpUser(Protocol):
    """Who has a TCP connection."""

    def room(self) -> int:
        """Return how many bytes may arrive."""

    def connected(self) -> None:
        """The connection stands."""

    def refused(self) -> None:
        """It never will."""

    def received(self, data: bytes) -> None:
        """Take what arrived, never more than there was room for."""

    def taken(self) -> None:
        """Everything sent is on its way."""

    def acked(self, count: int) -> None:
        """The peer has acknowledged count bytes since the beginning."""

    def finished(self) -> None:
        """Our end of the stream is on its way."""

    def ended(self) -> None:
        """The peer's stream ended."""

    def broken(self) -> None:
        """The peer reset the connection."""


class TcpLink:
    """One connection; it owns sock."""

    def __init__(self, ether: Ether, user: TcpUser, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._ether = ether
        self._user = user
        self._sock = sock
        self._out = OrderedDelay(ether.one_way)
        self._in = OrderedDelay(ether.one_way)
        self._unsent = bytearray()
        self._coming = 0  # bytes read that are still under way
        self._handed = self._acked = 0
        self._connecting = self._established = self._over = self._closed = False
        self._finish = self._finished = self._broken = False
        self._ack_timer: asyncio.TimerHandle | None = None
        self._leave = ether.join(self)
        prepare(sock)

    def connect(self, address: tuple[str, int]) -> None:
        """Begin the connection."""
        self._out.push(lambda: self._connect(address))

    def accept(self) -> None:
        """Let the connection stand that a listener accepted."""
        self._in.push(self._establish)

    def send(self, data: bytes) -> None:
        """Send data behind what was sent before."""
        self._out.push(lambda: self._transmit(data))

    def finish(self) -> None:
        """End our stream behind what was sent before."""
        self._out.push(self._end_stream)

    def wire_changed(self) -> None:
        """Stop or go on as the wire says."""
        self._flush()
        self._watch()
        self._look_at_acks()

    def room_grew(self) -> None:
        """Read on."""
        self._watch()

    def close(self) -> None:
        """Close; what was sent still goes out."""
        if self._closed:
            return
        self._out.run_all()
        self._release()

    def abort(self) -> None:
        """Reset the connection."""
        if not self._closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._release()

    def _release(self) -> None:
        self._closed = True
        self._out.clear()
        self._in.clear()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        if self._ack_timer is not None:
            self._ack_timer.cancel()
        self._leave()
        self._ether.part_with(self._sock)

    def _connect(self, address: tuple[str, int]) -> None:
        try:
            self._sock.connect(address)
        except BlockingIOError:
            self._connecting = True
            self._watch()
        except OSError:
            self._in.push(self._user.refused)
        else:
            self._in.push(self._establish)

    def _on_connected(self) -> None:
        self._connecting = False
        self._watch()
        failed = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._in.push(self._user.refused if failed else self._establish)

    def _establish(self) -> None:
        self._established = True
        self._user.connected()
        self._watch()

    def _watch(self) -> None:
        """Wait for what may be read or written now, and for nothing else."""
        if self._closed:
            return
        may_read = self._established and not self._over and self._room() > 0
        if may_read and self._ether.up:
            self._loop.add_reader(self._sock, self._on_readable)
        else:
            self._loop.remove_reader(self._sock)
        if (self._connecting or self._unsent) and self._ether.up:
            self._loop.add_writer(self._sock, self._on_writable)
        else:
            self._loop.remove_writer(self._sock)

    def _room(self) -> int:
        return self._user.room() - self._coming

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(min(self._room(), PACKET))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._break()
            return
        if data:
            self._coming += len(data)
            self._in.push(lambda: self._deliver(data))
        else:
            self._over = True
            self._in.push(self._user.ended)
        self._watch()

    def _deliver(self, data: bytes) -> None:
        self._coming -= len(data)
        self._user.received(data)
        self._watch()

    def _on_writable(self) -> None:
        if self._connecting:
            self._on_connected()
        else:
            self._flush()
            self._watch()

    def _transmit(self, data: bytes) -> None:
        self._unsent += data
        self._flush()
        self._watch()

    def _end_stream(self) -> None:
        self._finish = True
        self._flush()

    def _flush(self) -> None:
        if self._closed or self._broken or not self._ether.up:
            return
        if self._unsent:
            self._write()
        if self._finish and not (self._finished or self._unsent or self._closed):
            self._finished = True
            self._shut_down()

    def _write(self) -> None:
        try:
            count = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._break()
            return
        self._handed += count
        del self._unsent[:count]
        if not self._unsent:
            self._user.taken()
        self._look_at_acks()

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._break()
        else:
            self._user.finished()

    def _look_at_acks(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        if self._closed or self._broken or not self._ether.up or self._acked == self._handed:
            return
        acked = self._handed - unacked(self._sock) + self._finished
        if min(acked, self._handed) > self._acked:
            self._acked = count = min(acked, self._handed)
            self._in.push(lambda: self._user.acked(count))
        if self._acked < self._handed and not self._closed:
            self._ack_timer = self._loop.call_later(ACK_POLL, self._look_at_acks)

    def _break(self) -> None:
        if not (self._broken or self._closed):
            self._broken = self._over = True
            self._unsent.clear()
            self._in.push(self._user.broken)
            self._watch()


class Listener:
    """A bound TCP port; while nobody is wanted, who comes is refused by a reset."""

    def __init__(
        self,
        ether: Ether,
        port: int,
        on_connection: Callable[[socket.socket, bytes, int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ether = ether
        self._on_connection = on_connection
        self._listening = False
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare(self._sock)
        try:
            self._sock.bind((ether.bind_address, port))
            # Bound is not yet owned: only listening finds out whether another listens there.
            self.want(wanted=True)
            self.want(wanted=False)
        except OSError:
            self._sock.close()
            raise

    def want(self, *, wanted: bool) -> None:
        """Accept who connects, or refuse."""
        if wanted == self._listening:
            return
        self._listening = wanted
        if wanted:
            self._sock.listen(0)
            self._loop.add_reader(self._sock, self._accept)
        else:
            # Linux: the socket keeps its port and may listen again; who waits is reset.
            self._loop.remove_reader(self._sock)
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the port back."""
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _accept(self) -> None:
        try:
            sock, (ip, port, *_) = self._sock.accept()
        except OSError:
            return
        self._on_connection(sock, self._ether.seen(ip), port)


def prepare(sock: socket.socket) -> None:
    """Make sock one that never blocks, with small buffers, and without waiting to fill packets."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def refuse(sock: socket.socket) -> None:
    """Reset a connection that a listener accepted."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def unacked(sock: socket.socket) -> int:
    """Return how many bytes, an end of the stream being one, the peer has not acknowledged."""
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
