"""How the SIM7028 hands received data over: pushed with headers, or fetched (1.3, 2.1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import sim7028_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_channel import Peer
    from .modem_turn import Turn
    from .sim7028_link import Link
    from .sim7028_stack import Sim7028Stack

READ, READ_HEX, LEFT = 2, 3, 4
MOST = {READ: 1500, READ_HEX: 750, LEFT: 1}
LARGEST_LINK = 9  # of the relative that the note was taken from


class ReceiveCommands:
    """+CIPRXGET and the headers of pushed data."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self.manual = False
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+CIPRXGET": self._ciprxget}

    def push(self, link: Link, data: bytes, peer: Peer) -> None:
        """Send data to the host with the headers that are set."""
        head = b"" if self._modem.port.in_data else self._header(link, len(data), peer)
        self._modem.port.say(head + data)

    def _header(self, link: Link, count: int, peer: Peer) -> bytes:
        number = self._modem.settings.number
        head = f"RECV FROM:{peer}\r\n" if number("+CIPSRIP") else ""
        if number("+CIPCCFG", 4):
            colon = ":" if self._modem.faults.is_on("colon") else ""
            head += f"+RECEIVE,{link.index},{count}{colon}\r\n"
        elif number("+CIPHEAD"):
            head += f"+IPD{count}\r\n"
        return (f"\r\n{head}" if head else "").encode()

    def _ciprxget(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info("+CIPRXGET: (0-4),(0-1),(1-1500)")
            turn.ok()
        elif command.form == "read":
            turn.info(f"+CIPRXGET: {int(self.manual)}")
            turn.ok()
        elif command.form == "execute":
            turn.error()
        elif command.number(0) in (0, 1):
            self.manual = command.number(0) == 1
            turn.ok()
        else:
            self._fetch(turn, command.number(0))

    def _fetch(self, turn: Turn, mode: int) -> None:
        stack, command = self._stack, turn.command
        index = command.number(1)
        wanted = command.number(2, MOST.get(mode, 1))
        if mode not in MOST or index > LARGEST_LINK or not 1 <= wanted <= MOST[mode]:
            stack.ip_error(turn, errors.INFO_INVALID)
            return
        link = stack.links[index] if index < len(stack.links) else None
        if mode == LEFT:
            turn.info(f"+CIPRXGET: {mode},{index},{len(link.inbox) if link else 0}")
            turn.ok()
        elif link is None or not len(link.inbox):
            stack.ip_error(turn, errors.INFO_NO_DATA)
        else:
            data = link.inbox.take(wanted)
            shown = data.hex().upper().encode() if mode == READ_HEX else data
            turn.data(f"+CIPRXGET: {mode},{index},{len(data)},{len(link.inbox)}", shown)
            turn.ok()
            link.read_on()
