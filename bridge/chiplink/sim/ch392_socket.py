"""One of the CH392's four sockets: its settings, buffers and interrupt bits."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_events import DataLost, DataMoved, SocketChanged
from .ch392_memory import Area
from .ch392_packets import IprawSession, UdpSession
from .ch392_tcp import TcpSession

if TYPE_CHECKING:
    from .ch392_chip import Chip
    from .ch392_session import Session

REOPEN_PAUSE = 0.2
# Section 5.34; the table prints the end of the blocks where their number should stand.
DEFAULT_AREAS = {0: ((0, 2), (2, 2)), 1: ((4, 2), (6, 2))}
NO_AREAS = ((0, 0), (0, 0))


@dataclass(slots=True)
class Settings:
    """What the host set; it outlives CLOSE (section 5.28)."""

    protocol: int | None = None
    ip: bytes = bytes(4)
    port: int = 0
    source_port: int = 0
    ip_protocol: int = 0
    ttl: int = codes.TTL_MAX
    keep_alive: bool = False


class ChipSocket:
    """A socket, open while it has a session."""

    def __init__(self, index: int, chip: Chip) -> None:
        self.index = index
        self.chip = chip
        self.settings = Settings()
        self.session: Session | None = None
        self.interrupts = 0
        receive, send = DEFAULT_AREAS.get(index, NO_AREAS)
        self.receive = Area(chip.memory, *receive)
        self.send = Area(chip.memory, *send)
        self._closed_at: float | None = None
        self._told = (False, codes.TCP_CLOSED)

    @property
    def tcp_state(self) -> int:
        """The TCP state (section 5.15)."""
        return self.session.state if self.session is not None else codes.TCP_CLOSED

    # Commands.

    def open(self) -> int:
        """Open after the settings; return the command's status (5.21)."""
        if self.session is not None or self._strikes_20h():
            return codes.ERR_OPEN
        if self._port_taken():
            return codes.ERR_USE
        try:
            session = self._make_session()
        except OSError:
            return codes.ERR_USE
        if session is None:
            return codes.ERR_ARG
        self._begin(session)
        return codes.SUCCESS

    def close(self) -> int:
        """Close and clear the buffers; the settings stay (5.28)."""
        self._closed_at = self.chip.now()
        self._end()
        return codes.SUCCESS

    def write(self, data: bytes) -> None:
        """Take the data of a WRITE; what the last one left unsent is overwritten (5.25)."""
        if self.session is None:
            self.lost("socket is closed", len(data))
            return
        if self.send.used:
            self.lost("overwritten before it was sent", self.send.used)
        kept = data[: self.send.size]
        if len(kept) < len(data):
            self.lost("larger than the send buffer", len(data) - len(kept))
        waiting = self.send.used
        self.send.clear()
        self.send.put(kept)
        if kept and not waiting:
            self.chip.later(self.chip.times.copy, self._copy)

    def read(self, count: int) -> bytes:
        """Return count bytes of the receive buffer, whether it has them or not (5.27)."""
        data = self.receive.take(count)
        if self.session is not None:
            self.session.room_grew()
        return data

    def clear_receive(self) -> None:
        """Drop what waits to be read (5.14)."""
        self.receive.clear()
        if self.session is not None:
            self.session.room_grew()

    def read_interrupts(self) -> int:
        """Return the interrupt bits and clear them (5.16)."""
        bits, self.interrupts = self.interrupts, 0
        return bits

    # What a session does.

    def raise_bits(self, bits: int) -> None:
        """Set interrupt bits; the global bit of this socket follows."""
        self.interrupts |= bits
        self.chip.interrupts.raise_bits(
            codes.GINT_SOCK0 << self.index, socket=self.index, socket_bits=bits
        )

    def fail(self, bit: int) -> None:
        """Raise DISCONNECT or TIM_OUT; the socket closes unless SOCKET_CLOSE is set (5.16)."""
        if not self.chip.functions & codes.FUN_SOCKET_CLOSE:
            if self.receive.used:
                self.lost("closed before it was read", self.receive.used)
            self._end()
        self.raise_bits(bit)

    def deliver(self, data: bytes) -> None:
        """Put data into the receive buffer and tell the host."""
        if overwritten := self.receive.put(data):
            self.lost("receive buffer overwritten", overwritten)
        self.moved("received", len(data))
        self.raise_bits(codes.SINT_RECV)

    def moved(self, direction: str, count: int) -> None:
        """Tell the log about bytes that went to or came from the network."""
        self.chip.emit(DataMoved(self.index, direction, count))

    def lost(self, reason: str, count: int) -> None:
        """Tell the log about bytes that are gone."""
        self.chip.emit(DataLost(self.index, reason, count))

    def changed(self) -> None:
        """Tell the log and the chip's servers that the state may have changed."""
        told = (self.session is not None, self.tcp_state)
        if told != self._told:
            self._told = told
            state = codes.TCP_STATES[told[1]] if self.settings.protocol == codes.PROTO_TCP else ""
            self.chip.emit(SocketChanged(self.index, told[0], state, self._peer_text()))
        self.chip.settings_changed()

    # A server's connections (8.3.4).

    def is_free_for_server(self, port: int) -> bool:
        """Say whether a server on port may give this socket a connection."""
        settings = self.settings
        return (
            self.session is None
            and settings.protocol == codes.PROTO_TCP
            and settings.source_port == port
        )

    def open_for_server(self) -> TcpSession:
        """Open for a connection that a server accepted."""
        session = TcpSession(self)
        self._begin(session)
        return session

    # Inside.

    def abort(self) -> None:
        """Be gone without a word."""
        if self.session is not None:
            session, self.session = self.session, None
            session.abort()
            self.changed()

    def _make_session(self) -> Session | None:
        match self.settings.protocol:
            case codes.PROTO_TCP:
                return TcpSession(self)
            case codes.PROTO_UDP:
                return UdpSession(self)
            case codes.PROTO_IPRAW:
                return IprawSession(self)
        return None

    def _begin(self, session: Session) -> None:
        self.session = session
        self.receive.clear()
        self.send.clear()
        self.changed()

    def _end(self) -> None:
        if self.session is not None:
            session, self.session = self.session, None
            session.close()
        self.receive.clear()
        self.send.clear()
        self.changed()

    def _copy(self) -> None:
        if self.session is not None and self.send.used:
            self.session.transmit(self.send.take(self.send.used))

    def _port_taken(self) -> bool:
        """Two sockets of one mode must not share a source port (5.19), but for a server's own."""
        mine = self.settings
        return mine.protocol in (codes.PROTO_UDP, codes.PROTO_TCP) and any(
            other.session is not None
            and other.settings.protocol == mine.protocol
            and other.settings.source_port == mine.source_port
            and not other.serves
            for other in self.chip.sockets
            if other is not self
        )

    @property
    def serves(self) -> bool:
        """Whether this socket holds a connection that a server accepted."""
        return isinstance(self.session, TcpSession) and self.session.accepted

    def _strikes_20h(self) -> bool:
        if self._closed_at is None:
            return False
        when = self.chip.faults.hit("open-after-close-20h")
        if when is None:
            return False
        limit = when.durations[0] if when.durations else REOPEN_PAUSE
        return self.chip.now() - self._closed_at < limit

    def _peer_text(self) -> str:
        peer = self.session.peer if self.session is not None else None
        return f"{IPv4Address(peer[0])}:{peer[1]}" if peer is not None else ""
