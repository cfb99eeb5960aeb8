"""The SIM7028's transparent mode: link 0 has the serial line; +++ and ATO (1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .modem_events import DataLost

if TYPE_CHECKING:
    from .modem_turn import Turn
    from .sim7028_link import Link
    from .sim7028_stack import Sim7028Stack

BUFFER = 65536  # bytes that wait for a peer that does not read


class Transparent:
    """The link that has taken the serial line over."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self._stack = stack
        self._modem = stack.modem
        self._link: Link | None = None

    def may_resume(self, link: Link) -> bool:
        """Say whether the link had the line and lives."""
        return self._link is link and link.state == "CONNECTED" and not self._modem.port.in_data

    def connect(self, turn: Turn, link: Link) -> None:
        """Say CONNECT with the rate, as the command's result, and take the line."""
        turn.result(self._connect_text())
        self._enter(link)

    def begin(self, link: Link) -> None:
        """Say CONNECT unasked, and take the line: a server's client."""
        self._modem.urc(self._connect_text())
        self._enter(link)

    def leave(self, link: Link) -> None:
        """Give the serial line back if this link has it."""
        if self._link is link:
            self._link = None
            self._modem.port.leave_data()

    def forget(self) -> None:
        """Have no link."""
        self._link = None

    def resume(self, turn: Turn) -> None:
        """Carry out ATO."""
        link = self._link
        if link is not None and self.may_resume(link):
            self.connect(turn, link)
        else:
            turn.result("NO CARRIER")

    def _connect_text(self) -> str:
        return f"CONNECT {self._modem.baud}"

    def _enter(self, link: Link) -> None:
        self._link = link
        self._modem.port.enter_data(self._take, self._escape)
        while data := link.inbox.take(len(link.inbox)):
            self._modem.port.say(data)
        link.read_on()

    def _escape(self) -> None:
        self._modem.port.leave_data()
        self._modem.executor.say_final("OK")

    def _take(self, data: bytes) -> None:
        link = self._link
        if link is None or link.channel is None:
            return
        if link.channel.unconfirmed + len(data) > BUFFER:
            self._modem.emit(DataLost(link.index, "the peer does not read", len(data)))
        else:
            link.send(data, None)
