"""One of the SIM800's six links: its state, its connection, what has arrived and not been read."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from .modem_events import DataLost, DataMoved, LinkChanged
from .modem_faults import TRAP_PAYLOAD
from .modem_inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_channel import Channel, Peer
    from .sim800_stack import Sim800Stack

State = Literal["INITIAL", "CONNECTING", "CONNECTED", "REMOTE CLOSING", "CLOSING", "CLOSED"]
LATE_MAX = 16  # datagrams that wait while the host is asked for data


class Link:
    """A link; the stack hears what becomes of it (modem_channel.ChannelUser)."""

    def __init__(self, index: int, stack: Sim800Stack) -> None:
        self.index = index
        self.context = 0
        self.state: State = "INITIAL"
        self.kind = "TCP"
        self.address = ""  # as CIPSTATUS shows it
        self.port = 0
        self.channel: Channel | None = None
        self.accepted = False
        self.inbox = Inbox()
        self.cancel: Callable[[], None] | None = None  # what is under way for this link
        self._stack = stack
        self._late: deque[tuple[bytes, Peer]] = deque()
        self._waiting: tuple[int, Callable[[str], None]] | None = None

    @property
    def free(self) -> bool:
        """Whether a new connection may use it."""
        return self.state in ("INITIAL", "CLOSED", "REMOTE CLOSING")

    def go(self, state: State) -> None:
        """Have another state."""
        self.state = state
        peer = f"{self.address}:{self.port}" if self.address else ""
        self._stack.modem.emit(LinkChanged(self.index, state, peer))

    def stop(self) -> None:
        """Give up what is under way, and let who waits for a send hear that it failed."""
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
        self.settle("SEND FAIL")

    def drop(self, state: State) -> None:
        """Be gone without a word."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.abort()
        self.stop()
        self._late.clear()
        self.go(state)

    def shut(self, state: State) -> None:
        """Close; what was sent still goes out."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.close()
        self.stop()
        self._late.clear()
        self.go(state)

    def forget(self) -> None:
        """Be as after power-up."""
        self.drop("INITIAL")
        self.inbox.clear()
        self.address, self.port, self.context, self.accepted = "", 0, 0, False

    # Sending.

    def send(self, data: bytes, done: Callable[[str], None]) -> None:
        """Send data; done hears SEND OK once the peer has acknowledged them, or SEND FAIL."""
        channel = self.channel
        if channel is None or self.state != "CONNECTED":
            done("SEND FAIL")
            return
        channel.send(data)
        self._stack.modem.emit(DataMoved(self.index, "sent", len(data)))
        if channel.unconfirmed:
            self._waiting = (channel.given, done)
        else:
            done("SEND OK")

    def send_quickly(self, data: bytes) -> bool:
        """Put data into the send buffer; False: the link is not connected."""
        if self.channel is None or self.state != "CONNECTED":
            return False
        self.channel.send(data)
        self._stack.modem.emit(DataMoved(self.index, "sent", len(data)))
        return True

    def settle(self, result: str) -> None:
        """Tell who waits for a send what became of it."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[1](result)

    # What the network says.

    def room(self) -> int:
        """Return how many bytes may arrive now."""
        if self._stack.pulls or self._stack.holds_data:
            return self.inbox.room
        return 0 if self._stack.modem.port.collecting else self._stack.modem.port.room

    def opened(self) -> None:
        """The connection stands."""
        self._stack.link_opened(self)

    def failed(self) -> None:
        """The peer refuses."""
        self._stack.link_failed(self)

    def arrived(self, data: bytes, peer: Peer) -> None:
        """Take data: for the host at once, or into the inbox."""
        if self._stack.modem.faults.hit("payload-ok"):
            data += TRAP_PAYLOAD
        self._stack.modem.emit(DataMoved(self.index, "received", len(data)))
        if self._stack.pulls or self._stack.holds_data:
            if lost := self.inbox.put(data):
                self._stack.modem.emit(DataLost(self.index, "the buffer is full", lost))
            self._stack.notice(self)
        elif self._stack.modem.port.collecting and len(self._late) < LATE_MAX:
            self._late.append((data, peer))
        elif self._stack.modem.port.collecting:
            self._stack.modem.emit(DataLost(self.index, "the host is being asked", len(data)))
        else:
            self._stack.push(self, data, peer)

    def acked(self) -> None:
        """The peer has acknowledged more."""
        if self._waiting and self.channel and self.channel.confirmed >= self._waiting[0]:
            self.settle("SEND OK")

    def ended(self) -> None:
        """The peer closed."""
        self._stack.link_ended(self)

    def read_on(self) -> None:
        """The host may be told more."""
        while self._late and not self._stack.modem.port.collecting:
            self._stack.push(self, *self._late.popleft())
        if self.channel is not None:
            self.channel.read_on()
