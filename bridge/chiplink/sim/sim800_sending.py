"""The SIM800's +CIPSEND with all its forms, +CIPACK, +CIPATS (note 7; manual 8.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors
from .modem_collector import Counted, Terminated

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

MOST = 1460
SEND_BUFFER = 10 * MOST  # what may wait for the peer's acknowledgement
SILENT = 2  # CIPSPRT: neither the prompt nor "SEND OK"
PROMPT = 1


class SendCommands:
    """Sending, and what has been sent."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CIPSEND": self._cipsend, "+CIPACK": self._cipack}

    def _cipsend(self, turn: Turn) -> None:
        match turn.command.form:
            case "test":
                links = "(0-5)," if self._stack.mux else ""
                turn.info(f"+CIPSEND: {links}<length>")
                turn.ok()
            case "read":
                self._tell_room(turn)
            case "execute" if self._stack.mux:
                turn.error()
            case _:
                self._ask(turn)

    def _tell_room(self, turn: Turn) -> None:
        """Say how much may be sent; several links: of each that is connected."""
        if self._stack.mux:
            connected = [link for link in self._stack.links if link.state == "CONNECTED"]
            lines = [f"+CIPSEND: {link.index},{_room(link)}" for link in connected]
        else:
            lines = [f"+CIPSEND: {_room(self._stack.links[0])}"]
        if lines:
            turn.info(*lines)
        turn.ok()

    def _ask(self, turn: Turn) -> None:
        """Prompt for data: so many bytes, or up to Ctrl-Z."""
        stack, command = self._stack, turn.command
        link = stack.link_of(turn)
        position = 1 if stack.mux else 0
        counted = len(command.arguments) > position
        size = command.number(position) if counted else 0
        if link.state != "CONNECTED" or stack.is_transparent:
            turn.error(errors.NOT_ALLOWED)
            return
        if counted and not 1 <= size <= _room(link):
            turn.error(errors.NOT_ALLOWED)
            return
        prompt = "\r\n> " if self._modem.settings.number("+CIPSPRT") == PROMPT else ""
        if counted:
            turn.prompt(prompt, Counted(size, lambda data: self._soon(turn, link, data)))
        else:
            self._ask_to_end(turn, link, prompt)

    def _ask_to_end(self, turn: Turn, link: Link, prompt: str) -> None:
        collector = Terminated(
            MOST, lambda data: self._soon(turn, link, data), lambda: self._soon(turn, link, b"")
        )
        if self._modem.settings.number("+CIPATS"):
            seconds = self._modem.settings.number("+CIPATS", 1) * self._modem.times.step
            turn.after(seconds, collector.expire)
        turn.prompt(prompt, collector)

    def _soon(self, turn: Turn, link: Link, data: bytes | None) -> None:
        """Go on once the host's bytes have been echoed."""
        turn.after(self._modem.times.command, lambda: self._send(turn, link, data))

    def _send(self, turn: Turn, link: Link, data: bytes | None) -> None:
        """Send; None was cancelled by ESC, nothing at all is an error."""
        if data is None:
            turn.ok()
        elif not data:
            turn.error()
        elif self._fails(link):
            turn.end(f"{self._stack.prefix(link)}SEND FAIL")
        elif self._modem.settings.number("+CIPQSEND"):
            self._accept(turn, link, data)
        else:
            limit = self._modem.times.send_limit
            cancel = self._modem.timers.later(limit, lambda: link.settle("SEND FAIL"))
            link.send(data, lambda result: self._done(turn, link, result, cancel))

    def _fails(self, link: Link) -> bool:
        faults = self._modem.faults
        if faults.hit("closed-during-send"):
            link.ended()
            return True
        unread = len(link.inbox) > 0 and faults.hit("send-fail-unread") is not None
        return unread or faults.hit("send-fail") is not None

    def _accept(self, turn: Turn, link: Link, data: bytes) -> None:
        if not link.send_quickly(data):
            turn.end(f"{self._stack.prefix(link)}SEND FAIL")
            return
        number = f"{link.index}," if self._stack.mux else ""
        turn.end(f"DATA ACCEPT:{number}{len(data)}")

    def _done(self, turn: Turn, link: Link, result: str, cancel: Callable[[], None]) -> None:
        cancel()
        if result == "SEND OK" and self._modem.settings.number("+CIPSPRT") == SILENT:
            turn.end()
        else:
            turn.end(f"{self._stack.prefix(link)}{result}")

    def _cipack(self, turn: Turn) -> None:
        """Tell what was sent, acknowledged, and not: UDP is never acknowledged."""
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.ok()
            return
        if command.form != ("write" if stack.mux else "execute"):
            turn.error()
            return
        channel = stack.link_of(turn).channel
        if channel is None:
            turn.error(errors.NOT_ALLOWED)
            return
        left = channel.given - channel.confirmed
        comma = ", " if stack.mux else ","
        turn.info(f"+CIPACK: {comma.join(map(str, (channel.given, channel.confirmed, left)))}")
        turn.ok()


def _room(link: Link) -> int:
    waiting = link.channel.unconfirmed if link.channel is not None else 0
    return max(0, min(MOST, SEND_BUFFER - waiting))
