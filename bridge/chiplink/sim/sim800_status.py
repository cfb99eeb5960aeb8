"""The SIM800's +CIPSTATUS (note 4.1, 11; manual 8.2.12): OK first, then the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .modem_events import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack


class StatusCommands:
    """Telling states."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+CIPSTATUS": self._cipstatus}

    def _cipstatus(self, turn: Turn) -> None:
        form = turn.command.form
        if form == "test":
            turn.ok()
        elif form == "write" and self._stack.mux:
            turn.info(f"+CIPSTATUS: {_row(self._stack.link_of(turn))}")
            turn.ok()
        elif form == "execute":
            turn.ok()
            self._tell()
        else:
            turn.error()

    def _tell(self) -> None:
        """Say the state; several links: with the server and every link."""
        state = self._stack.state()
        text = f"\r\nSTATE: {state}\r\n"
        if self._stack.mux:
            text += "\r\n"
            server = self._stack.server
            if server.listening:
                text += f'S: 0,{server.context},"{server.port}","LISTENING"\r\n'
            text += "".join(f"C: {_row(link)}\r\n" for link in self._stack.links)
        self._modem.emit(Said("reply", f"STATE: {state}"))
        self._modem.port.say(text.encode())


def _row(link: Link) -> str:
    if link.state == "INITIAL":
        return f'{link.index},,"","","","INITIAL"'
    peer = f'"{link.kind}","{link.address}","{link.port}"'
    return f'{link.index},{link.context},{peer},"{link.state}"'
