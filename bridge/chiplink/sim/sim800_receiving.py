"""How the SIM800 hands received data over: pushed with headers, or fetched (note 8, 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_channel import Peer
    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

READ, READ_HEX, LEFT = 2, 3, 4
MOST = {READ: 1460, READ_HEX: 730}


class ReceiveCommands:
    """+CIPRXGET and the headers of pushed data."""

    def __init__(self, stack: Sim800Stack) -> None:
        self.manual = False
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+CIPRXGET": self._ciprxget}

    def push(self, link: Link, data: bytes, peer: Peer) -> None:
        """Send data to the host with the headers that are set."""
        if self._modem.port.in_data:
            self._modem.port.say(data)
        else:
            self._modem.port.say(self._header(link, len(data), peer) + data)

    def _header(self, link: Link, count: int, peer: Peer) -> bytes:
        number = self._modem.settings.number
        shows_peer = number("+CIPSRIP") == 1
        if self._stack.mux:
            shown = f",{peer}" if shows_peer else ""
            return f"\r\n+RECEIVE,{link.index},{count}{shown}:\r\n".encode()
        head = f"RECV FROM:{peer}\r\n" if shows_peer else ""
        if number("+CIPHEAD"):
            kind = f",{link.kind}" if number("+CIPSHOWTP") else ""
            head += f"+IPD,{count}{kind}:"
        return head.encode()

    def _ciprxget(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            link = "(0-5)," if self._stack.mux else ""
            turn.info(f"+CIPRXGET: (0-4),{link}(1-1460)")
            turn.ok()
        elif command.form == "read":
            turn.info(f"+CIPRXGET: {int(self.manual)}")
            turn.ok()
        elif command.form == "execute":
            turn.error()
        elif command.number(0) in (0, 1):
            self._set_mode(turn, manual=command.number(0) == 1)
        elif command.number(0) in (READ, READ_HEX, LEFT) and self.manual:
            self._fetch(turn, command.number(0))
        else:
            turn.error(errors.NOT_ALLOWED)

    def _set_mode(self, turn: Turn, *, manual: bool) -> None:
        """It must be set before the connection."""
        if manual != self.manual and any(not link.free for link in self._stack.links):
            turn.error(errors.NOT_ALLOWED)
            return
        self.manual = manual
        turn.ok()

    def _fetch(self, turn: Turn, mode: int) -> None:
        stack, command = self._stack, turn.command
        link = stack.link_of(turn, 1)
        if link.state == "INITIAL":
            turn.error(errors.NOT_ALLOWED)
            return
        named = f" {mode},{link.index}," if stack.mux else f"{mode},"
        if mode == LEFT:
            turn.info(f"+CIPRXGET:{named}{len(link.inbox)}")
            turn.ok()
            return
        wanted = command.number(2 if stack.mux else 1, MOST[mode])
        if not 1 <= wanted <= MOST[mode]:
            raise ValueError(wanted)
        data = link.inbox.take(wanted)
        shown = data.hex().upper().encode() if mode == READ_HEX else data
        turn.data(f"+CIPRXGET:{named}{len(data)},{len(link.inbox)}", shown)
        turn.ok()
        if link.state == "REMOTE CLOSING" and not link.inbox:
            link.go("CLOSED")
        link.read_on()
