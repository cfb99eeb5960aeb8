"""The SIM800 as a TCP server: +CIPSERVER (note 3.1.3, 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors
from .ether_tcp import refuse
from .modem_channel import Peer, TcpChannel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .ether_tcp import Listener
    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

PORTS = range(1, 65536)


class ServerCommands:
    """One server; who connects gets a free link, and five links may be in use beside it."""

    def __init__(self, stack: Sim800Stack) -> None:
        self.port = 0
        self.context = 0
        self._stack = stack
        self._modem = stack.modem
        self._listener: Listener | None = None

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+CIPSERVER": self._cipserver}

    @property
    def listening(self) -> bool:
        """Whether the server is there."""
        return self._listener is not None

    def forget(self) -> None:
        """Close without a word."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def shut(self, context: int) -> None:
        """Close if this context carries the server."""
        if self.context == context:
            self.forget()

    def follow(self) -> None:
        """Accept connections only while there is a link for one."""
        if self._listener is not None:
            wanted = self._modem.ether.up and self._free_link() is not None
            self._listener.want(wanted=wanted)

    def _cipserver(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info("+CIPSERVER: (0,1),(1-65535)")
            turn.ok()
        elif command.form == "read":
            shown = f"1,{self.port},0,{self.context}" if self.listening else "0"
            turn.info(f"+CIPSERVER: {shown}")
            turn.ok()
        elif command.form == "write" and command.number(0) == 1:
            self._start(turn, command.number(1))
        elif command.form == "write" and command.number(0) == 0:
            self._stop(turn)
        else:
            turn.error(errors.BAD_PARAMETER)

    def _start(self, turn: Turn, port: int) -> None:
        if port not in PORTS:
            raise ValueError(port)
        context = self._stack.context
        alone = not self._stack.mux and self._stack.links[0].free
        may = context.state == "IP STATUS" or (alone and context.state == "IP INITIAL")
        if self.listening or not may or not (alone or self._stack.mux):
            turn.error(errors.NOT_ALLOWED)
            return
        turn.ok()
        self.port, self.context = port, context.index
        if context.state == "IP STATUS":
            self._modem.later(self._modem.times.command, self._listen)
        else:
            context.bring_up(lambda well: self._came_up() if well else None)

    def _came_up(self) -> None:
        self._stack.context.go("IP STATUS")
        self._listen()

    def _listen(self) -> None:
        try:
            self._listener = self._modem.ether.listen(self.port, self._on_connection)
        except OSError:
            self._modem.urc("ERROR")
            return
        self._stack.contexts[self.context].processing = True
        if not self._stack.mux:
            self._stack.links[0].forget()
        self.follow()
        self._modem.urc("SERVER OK")

    def _stop(self, turn: Turn) -> None:
        if not self.listening:
            turn.error(errors.NOT_ALLOWED)
            return
        self.forget()
        turn.ok()
        self._modem.urc("SERVER CLOSE")

    def _free_link(self) -> Link | None:
        links = self._stack.links if self._stack.mux else self._stack.links[:1]
        used = sum(not link.free for link in links)
        if self._stack.mux and used + 1 >= len(links):
            return None
        return next((link for link in links if link.free), None)

    def _on_connection(self, sock: socket.socket, ip: bytes, port: int) -> None:
        link = self._free_link()
        if link is None:
            refuse(sock)
            return
        peer = Peer(ip, port)
        link.forget()
        link.kind, link.address, link.port = "TCP", peer.address, port
        link.context, link.accepted = self.context, True
        link.go("CONNECTING")
        channel = link.channel = TcpChannel(self._modem.ether, link, peer)
        channel.adopt(sock)
        self.follow()
