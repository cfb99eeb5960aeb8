"""A socket of the CH392 in TCP mode: client, server, and how a connection ends (5.16, 5.22-24)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_session import Session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .ch392_socket import ChipSocket
    from .ether_tcp import Listener, TcpLink

CONNECTED = (codes.TCP_ESTABLISHED, codes.TCP_CLOSE_WAIT)
ENDING = (codes.TCP_FIN_WAIT_1, codes.TCP_FIN_WAIT_2)


class TcpSession(Session):
    """An open TCP socket."""

    def __init__(self, socket: ChipSocket) -> None:
        super().__init__(socket)
        self._link: TcpLink | None = None
        self._listener: Listener | None = None
        self.accepted = False
        self._given = self._taken = self._acked = 0  # bytes since the beginning
        self._packet_ends: deque[int] = deque()
        self._cancel_answer: Callable[[], None] | None = None
        self._cancel_silence: Callable[[], None] | None = None

    # The host's commands.

    def listen(self) -> int:
        """Begin to listen (5.22)."""
        if self.state != codes.TCP_CLOSED:
            return codes.ERR_ISCONN
        try:
            self._listener = self.chip.ether.listen(
                self.socket.settings.source_port, self._on_connection
            )
        except OSError:
            return codes.ERR_USE
        self._go(codes.TCP_LISTEN)
        return codes.SUCCESS

    def connect(self) -> int:
        """Begin to connect; success says nothing about the connection (5.23)."""
        if self.state != codes.TCP_CLOSED:
            return codes.ERR_ISCONN
        settings = self.socket.settings
        self.peer = (settings.ip, settings.port)
        self._go(codes.TCP_SYN_SENT)
        if self.chip.reaches(settings.ip):
            self._link = self.chip.ether.connect(self, settings.ip, settings.port)
            self._expect_answer()
        else:
            self._cancel_answer = self.chip.later(self.chip.retry_time, self._time_out)
        return codes.SUCCESS

    def disconnect(self) -> int:
        """End our stream; DISCONNECT follows when the peer has ended its own (5.24)."""
        if self.state != codes.TCP_ESTABLISHED or self._link is None:
            return codes.ERR_CONN
        self._go(codes.TCP_FIN_WAIT_1)
        self._expect_answer()
        self._link.finish()
        return codes.SUCCESS

    def transmit(self, data: bytes) -> None:
        """Send what a WRITE left in the send buffer."""
        if self.state != codes.TCP_ESTABLISHED or self._link is None:
            self.socket.lost("not connected", len(data))
            return
        mss = self.chip.mss or codes.MSS
        ends = range(self._given + mss, self._given + len(data), mss)
        self._given += len(data)
        self._packet_ends.extend((*ends, self._given))
        self._link.send(data)
        self._mind_silence()

    def room_grew(self) -> None:
        """Advertise the larger window (8.3.3)."""
        if self._link is not None:
            self._link.room_grew()

    def settings_changed(self) -> None:
        """Accept connections only while there is a socket for one."""
        if self._listener is not None:
            wanted = self.chip.ether.up and self._next_socket() is not None
            self._listener.want(wanted=wanted)

    def wire_changed(self) -> None:
        """Begin or cease to run out of time."""
        self.settings_changed()
        self._mind_silence()

    def close(self) -> None:
        """Disconnect and be gone (5.28)."""
        self._stop()
        if self._link is not None:
            self._link.close()

    def abort(self) -> None:
        """Be gone without a word."""
        self._stop()
        if self._link is not None:
            self._link.abort()

    # A server's connections (8.3.4).

    def adopt(self, sock: socket.socket, ip: bytes, port: int) -> None:
        """Be the connection that a listener accepted."""
        self.accepted = True
        self.peer = (ip, port)
        self._link = self.chip.ether.adopt(self, sock)
        self._go(codes.TCP_SYN_RCVD)
        self._link.accept()

    def _on_connection(self, sock: socket.socket, ip: bytes, port: int) -> None:
        target = self._next_socket()
        if target is None:
            self.chip.ether.refuse(sock)
        elif target is self.socket:
            self._stop()
            self.adopt(sock, ip, port)
        else:
            session = target.open_for_server()
            session.adopt(sock, ip, port)

    def _next_socket(self) -> ChipSocket | None:
        """Return the socket that gets the next connection: a free sibling, else ourselves."""
        several = bool(self.chip.functions & codes.FUN_TCP_SERVER)
        if several or not self.chip.siblings_need_flag:
            port = self.socket.settings.source_port
            for other in self.chip.sockets:
                if other.is_free_for_server(port):
                    return other
        return None if several else self.socket

    # What the network says (ether_tcp.TcpUser).

    def room(self) -> int:
        """Return the window: the free part of the receive buffer (8.3.3)."""
        return self.socket.receive.free

    def connected(self) -> None:
        """The connection stands."""
        self._answered()
        self._go(codes.TCP_ESTABLISHED)
        self.socket.raise_bits(codes.SINT_CONNECT)

    def refused(self) -> None:
        """A refused connection shows as TIM_OUT, too."""
        self._time_out()

    def received(self, data: bytes) -> None:
        """Put data into the receive buffer."""
        self.socket.deliver(data)

    def taken(self) -> None:
        """The stack has copied everything out of the send buffer."""
        count, self._taken = self._given - self._taken, self._given
        self.sent(count)

    def acked(self, count: int) -> None:
        """Every packet that arrived is one SEND_OK; their bits merge."""
        self._acked = count
        self._mind_silence()
        while self._packet_ends and self._packet_ends[0] <= count:
            self._packet_ends.popleft()
            self.sent_well()

    def finished(self) -> None:
        """The peer has our end of the stream."""
        if self.state == codes.TCP_FIN_WAIT_1:
            self._go(codes.TCP_FIN_WAIT_2)

    def ended(self) -> None:
        """The peer's stream ended."""
        self._answered()
        self._go(codes.TCP_TIME_WAIT if self.state in ENDING else codes.TCP_CLOSE_WAIT)
        self.socket.fail(codes.SINT_DISCONNECT)

    def broken(self) -> None:
        """The peer reset the connection."""
        self._answered()
        self._go(codes.TCP_CLOSED)
        self.socket.fail(codes.SINT_DISCONNECT)

    # Running out of time.

    def _expect_answer(self) -> None:
        self._cancel_answer = self.chip.later_unscaled(self.chip.times.peer, self._time_out)

    def _answered(self) -> None:
        if self._cancel_answer is not None:
            self._cancel_answer()
            self._cancel_answer = None

    def _mind_silence(self) -> None:
        """While the wire is down, unacknowledged data and keep-alive end the connection."""
        waits = None
        if not self.chip.ether.up and self.state in (*CONNECTED, *ENDING):
            if self._given > self._acked:
                waits = self.chip.retry_time
            elif self.socket.settings.keep_alive:
                waits = self.chip.keep_alive_time
        if waits is None and self._cancel_silence is not None:
            self._cancel_silence()
            self._cancel_silence = None
        elif waits is not None and self._cancel_silence is None:
            self._cancel_silence = self.chip.later(waits, self._time_out)

    def _time_out(self) -> None:
        self._stop()
        if self._link is not None:
            self._link.abort()
        self._go(codes.TCP_CLOSED)
        self.socket.fail(codes.SINT_TIM_OUT)

    def _stop(self) -> None:
        self._answered()
        if self._cancel_silence is not None:
            self._cancel_silence()
            self._cancel_silence = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _go(self, state: int) -> None:
        self.state = state
        self.socket.changed()
