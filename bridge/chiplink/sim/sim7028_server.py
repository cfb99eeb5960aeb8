"""The SIM7028's TCP servers: +SERVERSTART, +SERVERSTOP (2.1.14, 2.1.15, 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import sim7028_errors as errors
from .ether_tcp import refuse
from .modem_channel import Peer, TcpChannel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .ether_tcp import Listener
    from .modem_turn import Turn
    from .sim7028_link import Link
    from .sim7028_stack import Sim7028Stack

SERVERS = range(2)
BACKLOGS = range(1, 4)
PORTS = range(65536)


class ServerCommands:
    """Two servers; who connects gets a free link."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self._stack = stack
        self._modem = stack.modem
        self._listeners: dict[int, tuple[int, Listener]] = {}

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+SERVERSTART": self._start, "+SERVERSTOP": self._stop}

    def forget(self) -> None:
        """Close without a word."""
        for _, listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def follow(self) -> None:
        """Accept connections only while there is a link for one."""
        for _, listener in self._listeners.values():
            listener.want(wanted=self._modem.ether.up and self._free_link() is not None)

    def _start(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.info("+SERVERSTART: (0-65535),(0-1)")
            turn.ok()
        elif not stack.usable:
            stack.cip_error(turn, errors.NOT_OPENED)
        elif command.form == "read":
            rows = sorted(self._listeners.items())
            if rows:
                turn.info(*(f"+SERVERSTART: {index},{port}" for index, (port, _) in rows))
            turn.ok()
        elif command.form == "write":
            self._listen(turn)
        else:
            turn.error()

    def _listen(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        port, index = command.number(0), command.number(1)
        good = port in PORTS and index in SERVERS and command.number(2, 3) in BACKLOGS
        if not good or (stack.is_transparent and index):
            stack.cip_error(turn, errors.WRONG_PARAMETER)
            return
        if index in self._listeners:
            stack.cip_error(turn, errors.LISTENING)
            return
        try:
            listener = self._modem.ether.listen(
                port, lambda sock, ip, peer: self._accept(index, sock, Peer(ip, peer))
            )
        except OSError:
            stack.cip_error(turn, errors.NOT_BOUND)
            return
        self._listeners[index] = (port, listener)
        self.follow()
        turn.ok()

    def _accept(self, index: int, sock: socket.socket, peer: Peer) -> None:
        link = self._free_link()
        if link is None:
            refuse(sock)
            return
        link.begin("TCP", peer.address, peer.port, index)
        link.on_opened = lambda: self._opened(link, index, peer)
        channel = link.channel = TcpChannel(self._modem.ether, link, peer)
        channel.adopt(sock)
        self.follow()

    def _opened(self, link: Link, index: int, peer: Peer) -> None:
        self._modem.urc(f"+CLIENT: {link.index},{index},{peer}")
        if self._stack.is_transparent:
            self._stack.transparent.begin(link)

    def _free_link(self) -> Link | None:
        links = self._stack.links[:1] if self._stack.is_transparent else self._stack.links
        return next((link for link in links if link.free), None)

    def _stop(self, turn: Turn) -> None:
        command = turn.command
        if command.form != "write":
            turn.error()
            return
        index = command.number(0)
        error = errors.SUCCESS
        if index not in SERVERS:
            error = errors.WRONG_PARAMETER
        elif index not in self._listeners:
            error = errors.NOT_SUPPORTED
        elif any(link.server == index and link.connected for link in self._stack.links):
            error = errors.SOCKETS_OPENED
        if error:
            turn.info(f"+SERVERSTOP: {index},{error}")
            turn.error()
            return
        self._listeners.pop(index)[1].close()
        self._stack.end_with(turn, f"+SERVERSTOP: {index},{error}")
