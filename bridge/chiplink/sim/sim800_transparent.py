"""The SIM800's transparent mode: data packed by size or time, +++ and ATO (note 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .modem_events import DataLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

WAIT_UNIT = 0.2  # WaitTm counts 200 ms
BUFFER = 65536  # bytes that wait for a peer that does not read


class Transparent:
    """The one link that has taken the serial line over."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem
        self._link: Link | None = None
        self._held = bytearray()
        self._cancel: Callable[[], None] | None = None

    def enter(self, link: Link) -> None:
        """Let the serial line carry the link's data; what arrived meanwhile comes first."""
        self._link = link
        escapes = self._modem.settings.number("+CIPCCFG", 3) == 1
        self._modem.port.enter_data(self._take, self._escape if escapes else self._pluses)
        while data := link.inbox.take(len(link.inbox)):
            self._modem.port.say(data)
        link.read_on()

    def leave(self, link: Link) -> None:
        """Give the serial line back if this link has it."""
        if self._link is link:
            self.forget()
            self._modem.port.leave_data()

    def forget(self) -> None:
        """Have no link, and nothing that waits."""
        self._stop()
        self._held.clear()
        self._link = None

    def resume(self, turn: Turn) -> None:
        """Carry out ATO."""
        link = self._stack.links[0]
        if self._stack.is_transparent and link.state == "CONNECTED":
            turn.result("CONNECT")
            self.enter(link)
        else:
            turn.result("NO CARRIER")

    def _escape(self) -> None:
        self._send()
        self._stop()
        self._modem.port.leave_data()
        self._modem.executor.say_final("OK")

    def _pluses(self) -> None:
        self._take(b"+++")

    def _take(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= self._modem.settings.number("+CIPCCFG", 2):
            self._send()
        elif self._cancel is None:
            seconds = self._modem.settings.number("+CIPCCFG", 1) * WAIT_UNIT
            self._cancel = self._modem.later(seconds, self._send)

    def _send(self) -> None:
        self._stop()
        data = bytes(self._held)
        self._held.clear()
        link = self._link
        if not data or link is None or link.channel is None:
            return
        if link.channel.unconfirmed + len(data) > BUFFER:
            self._modem.emit(DataLost(link.index, "the peer does not read", len(data)))
        else:
            link.send_quickly(data)

    def _stop(self) -> None:
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
