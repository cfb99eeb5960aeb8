"""One of the SIM7028's two links: its connection, and what has arrived and was not fetched."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from .modem_events import DataLost, DataMoved, LinkChanged
from .modem_faults import TRAP_PAYLOAD
from .modem_inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_channel import Channel, Peer
    from .sim7028_stack import Sim7028Stack

# DEAD: the connection is gone and the host has yet to close the socket.
State = Literal["IDLE", "CONNECTING", "CONNECTED", "DEAD"]
NO_SERVER = -1
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - printed, never bound
LATE_MAX = 16  # datagrams that wait while the host is asked for data


class Link:
    """A link; the stack hears what becomes of it (modem_channel.ChannelUser)."""

    def __init__(self, index: int, stack: Sim7028Stack) -> None:
        self.index = index
        self.state: State = "IDLE"
        self.kind = "TCP"
        self.address = NO_ADDRESS
        self.port = 0
        self.server = NO_SERVER
        self.channel: Channel | None = None
        self.inbox = Inbox()
        self.cancel: Callable[[], None] | None = None
        self.on_opened: Callable[[], None] = lambda: None
        self.on_failed: Callable[[int], None] = lambda _error: None
        self._stack = stack
        self._late: deque[tuple[bytes, Peer]] = deque()
        self._waiting: tuple[int, Callable[[bool], None]] | None = None

    @property
    def free(self) -> bool:
        """Whether a new connection may use it."""
        return self.state == "IDLE"

    @property
    def connected(self) -> bool:
        """Whether it is a socket that the host has not closed."""
        return self.state in ("CONNECTED", "DEAD")

    def go(self, state: State) -> None:
        """Have another state."""
        self.state = state
        self._stack.modem.emit(LinkChanged(self.index, state, f"{self.address}:{self.port}"))

    def begin(self, kind: str, address: str, port: int, server: int = NO_SERVER) -> None:
        """Be a new connection."""
        self.end("CONNECTING")
        self.inbox.clear()
        self.kind, self.address, self.port, self.server = kind, address, port, server

    def end(self, state: State = "IDLE", *, abort: bool = False) -> None:
        """Close the connection, or be gone without a word."""
        channel, self.channel = self.channel, None
        if channel is not None:
            (channel.abort if abort else channel.close)()
        self.stop_waiting()
        self._late.clear()
        self.settle(well=False)
        self.go(state)

    def stop_waiting(self) -> None:
        """Give up what is under way."""
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()

    def send(self, data: bytes, to: Peer | None) -> int:
        """Send data and return how many bytes were sent since the beginning."""
        if self.channel is None:
            return 0
        self.channel.send(data, to)
        self._stack.modem.emit(DataMoved(self.index, "sent", len(data)))
        return self.channel.given

    def wait_for_ack(self, target: int, done: Callable[[bool], None]) -> None:
        """Tell done once the peer has acknowledged so many bytes, or never will."""
        if self.channel is None or self.channel.kind == "UDP":
            done(self.channel is not None)
        else:
            self._waiting = (target, done)
            self.acked()

    def settle(self, *, well: bool) -> None:
        """Tell who waits for an acknowledgement."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[1](well)

    # What the network says.

    def room(self) -> int:
        """Return how many bytes may arrive now."""
        if self._stack.pulls or self._stack.holds_data(self):
            return self.inbox.room
        return 0 if self._stack.modem.port.collecting else self._stack.modem.port.room

    def opened(self) -> None:
        """The connection stands."""
        self.stop_waiting()
        self.go("CONNECTED")
        self.on_opened()

    def failed(self) -> None:
        """The peer refuses."""
        self.fail(self._stack.refusal)

    def fail(self, error: int) -> None:
        """Be no connection, with this <err>."""
        self.end(abort=True)
        self.on_failed(error)

    def arrived(self, data: bytes, peer: Peer) -> None:
        """Take data: for the host at once, or into the inbox."""
        modem = self._stack.modem
        if modem.faults.hit("payload-ok"):
            data += TRAP_PAYLOAD
        modem.emit(DataMoved(self.index, "received", len(data)))
        if self._stack.pulls or self._stack.holds_data(self):
            if lost := self.inbox.put(data):
                modem.emit(DataLost(self.index, "the buffer is full", lost))
            self._stack.notice(self)
        elif modem.port.collecting and len(self._late) < LATE_MAX:
            self._late.append((data, peer))
        elif modem.port.collecting:
            modem.emit(DataLost(self.index, "the host is being asked", len(data)))
        else:
            self._stack.push(self, data, peer)

    def acked(self) -> None:
        """The peer has acknowledged more."""
        if self._waiting and self.channel and self.channel.confirmed >= self._waiting[0]:
            self.settle(well=True)

    def ended(self) -> None:
        """The peer closed."""
        self._stack.link_ended(self)

    def read_on(self) -> None:
        """The host may be told more."""
        while self._late and not self._stack.modem.port.collecting:
            self._stack.push(self, *self._late.popleft())
        if self.channel is not None:
            self.channel.read_on()
