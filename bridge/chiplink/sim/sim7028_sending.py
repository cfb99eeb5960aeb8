"""The SIM7028's +CIPSEND in its four forms (2.1.4, 2.1.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import sim7028_errors as errors
from .modem_channel import Peer
from .modem_collector import Counted, Terminated
from .sim7028_link import NO_SERVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim7028_link import Link
    from .sim7028_stack import Sim7028Stack

MOST = 1500
SEND_BUFFER = 10 * MOST  # what may wait for the peer's acknowledgement
DROPPED = -1  # <cnfSendLength>: the connection is gone
FULL = 0
BY_TIMEOUT = 2  # <close_reason>
PORTS = range(65536)
TO_SOMEBODY = 4  # arguments of a send that names its target


class SendCommands:
    """Sending: OK when the bytes are taken, +CIPSEND when they are sent, or acknowledged."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+CIPSEND": self._cipsend}

    def _cipsend(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.info("+CIPSEND: (0-1),(1-1500)")
            turn.ok()
        elif turn.command.form != "write":
            turn.error()
        else:
            self._check(turn)

    def _check(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        index = command.number(0)
        if not stack.is_open:
            stack.cip_error(turn, errors.NOT_OPENED)
        elif index >= len(stack.links):
            stack.cip_error(turn, errors.WRONG_PARAMETER)
        elif not stack.links[index].connected or stack.is_transparent:
            stack.cip_error(turn, errors.NOT_SUPPORTED)
        else:
            self._ask(turn, stack.links[index])

    def _ask(self, turn: Turn, link: Link) -> None:
        """Prompt for data once the target of UDP is known."""
        command = turn.command
        # The note writes a variable length to somebody with and without the empty field.
        short = len(command.arguments) == TO_SOMEBODY - 1
        counted = bool(command.text(1)) and not short
        size = command.number(1, 0) if counted else 0
        named = short or len(command.arguments) == TO_SOMEBODY
        port = command.number(2 if short else 3) if named else 0
        good = port in PORTS and (1 <= size <= MOST or not counted)
        if not good or named != (link.kind == "UDP"):
            self._stack.cip_error(turn, errors.WRONG_PARAMETER)
        elif not counted and link.server != NO_SERVER:
            # An accepted link takes sends of a fixed length alone (3.4.2).
            self._stack.cip_error(turn, errors.NOT_SUPPORTED)
        elif not named:
            self._prompt(turn, link, size, None)
        else:
            host = command.text(1 if short else 2)
            self._modem.ether.names.resolve(
                host, lambda found: self._found(turn, link, size, port, found)
            )

    def _found(self, turn: Turn, link: Link, size: int, port: int, addresses: list[bytes]) -> None:
        if addresses:
            self._prompt(turn, link, size, Peer(addresses[0], port))
        else:
            self._stack.cip_error(turn, errors.NOT_RESOLVED)

    def _prompt(self, turn: Turn, link: Link, size: int, to: Peer | None) -> None:
        def soon(data: bytes | None) -> None:
            turn.after(self._modem.times.command, lambda: self._send(turn, link, data, to))

        if size:
            turn.prompt("\r\n>", Counted(size, soon))
        else:
            turn.prompt("\r\n>", Terminated(MOST, soon, lambda: soon(b""), escaped=True))

    def _send(self, turn: Turn, link: Link, data: bytes | None, to: Peer | None) -> None:
        """Send; None was cancelled by ESC, nothing at all is an error."""
        faults = self._modem.faults
        if data is None:
            turn.ok()
            return
        if not data:
            turn.error()
            return
        if faults.hit("closed-during-send"):
            link.ended()
        turn.ok()
        unconfirmed = link.channel.unconfirmed if link.channel is not None else 0
        if link.state != "CONNECTED" or faults.hit("send-fail"):
            self._confirm(link, len(data), DROPPED)
        elif unconfirmed + len(data) > SEND_BUFFER or faults.hit("buffer-full"):
            self._confirm(link, len(data), FULL)
        else:
            self._sent(link, len(data), link.send(data, to))

    def _sent(self, link: Link, count: int, target: int) -> None:
        if self._modem.settings.number("+CIPSENDMODE") == 0:
            self._confirm(link, count, count)
            return
        patience = self._modem.settings.number("+CIPTIMEOUT", 2) / 1000
        seconds = min(patience, self._modem.times.send_limit)
        cancel = self._modem.timers.later(seconds, lambda: self._time_out(link))

        def done(well: bool) -> None:  # noqa: FBT001 - a result handed over
            cancel()
            self._confirm(link, count, count if well else DROPPED)

        link.wait_for_ack(target, done)

    def _time_out(self, link: Link) -> None:
        link.settle(well=False)
        self._modem.urc(f"+IPCLOSE: {link.index},{BY_TIMEOUT}")

    def _confirm(self, link: Link, wanted: int, confirmed: int) -> None:
        """Say the result; anything but all of it, and the socket can be used no more."""
        self._modem.urc(f"+CIPSEND: {link.index},{wanted},{confirmed}")
        if confirmed != wanted and link.state == "CONNECTED":
            link.end("DEAD")
