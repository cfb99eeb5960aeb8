"""The one link of a G series modem, and the state that CIPSTATUS names (note 4, 8)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from .modem_events import DataLost, DataMoved, LinkChanged
from .modem_faults import TRAP_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gseries_stack import GSeriesStack
    from .modem_channel import Channel, Peer

State = Literal[
    "IP INITIAL",
    "IP GPRSACT",
    "IP STATUS",
    "TCP/UDP CONNECTING",
    "CONNECT OK",
    "IP CLOSE",
    "PDP DEACT",
]
LATE_MAX = 16  # datagrams that wait while the host is asked for data


class Link:
    """The link; the stack hears what becomes of it (modem_channel.ChannelUser)."""

    def __init__(self, stack: GSeriesStack) -> None:
        self.state: State = "IP INITIAL"
        self.peer = ""
        self.channel: Channel | None = None
        self.cancel: Callable[[], None] | None = None
        self._stack = stack
        self._late: deque[tuple[bytes, Peer]] = deque()

    def go(self, state: State) -> None:
        """Have another state."""
        if state != self.state:
            self.state = state
            self._stack.modem.emit(LinkChanged(0, state, self.peer))

    def end(self, state: State, *, abort: bool = False) -> None:
        """Close the connection, or be gone without a word."""
        channel, self.channel = self.channel, None
        if channel is not None:
            (channel.abort if abort else channel.close)()
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
        self._late.clear()
        self.go(state)

    def send(self, data: bytes) -> bool:
        """Give data to the stack; False: there is no connection."""
        if self.channel is None or self.state != "CONNECT OK":
            return False
        self.channel.send(data)
        self._stack.modem.emit(DataMoved(0, "sent", len(data)))
        return True

    # What the network says.

    def room(self) -> int:
        """Return how many bytes may arrive now."""
        port = self._stack.modem.port
        return 0 if port.collecting else port.room

    def opened(self) -> None:
        """The connection stands."""
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
        self.go("CONNECT OK")
        self._stack.link_opened()

    def failed(self) -> None:
        """The peer refuses."""
        self._stack.link_failed()

    def arrived(self, data: bytes, peer: Peer) -> None:
        """Take data for the host."""
        modem = self._stack.modem
        if modem.faults.hit("payload-ok"):
            data += TRAP_PAYLOAD
        modem.emit(DataMoved(0, "received", len(data)))
        if not modem.port.collecting:
            self._stack.push(data)
        elif len(self._late) < LATE_MAX:
            self._late.append((data, peer))
        else:
            modem.emit(DataLost(0, "the host is being asked", len(data)))

    def acked(self) -> None:
        """Nobody is told: OK after a send means given to the stack."""

    def ended(self) -> None:
        """The peer closed."""
        self._stack.link_ended()

    def read_on(self) -> None:
        """The host may be told more."""
        while self._late and not self._stack.modem.port.collecting:
            self._stack.push(self._late.popleft()[0])
        if self.channel is not None:
            self.channel.read_on()
