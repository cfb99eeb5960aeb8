"""The SIM800's +CIPUDPMODE and +CLPORT: extended UDP and local ports (note 3.1.4, 3.3)."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from . import modem_errors as errors
from .modem_channel import Peer, UdpChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

PLAIN, EXTENDED, RETARGET = 0, 1, 2
PORTS = range(65536)


class UdpCommands:
    """What is set for links before they connect, and where extended UDP sends."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._extended: set[int] = set()
        self._ports: dict[tuple[int, str], int] = {}

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CIPUDPMODE": self._cipudpmode, "+CLPORT": self._clport}

    def forget(self) -> None:
        """Be as after power-up."""
        self._extended.clear()
        self._ports.clear()

    def extended(self, link: Link) -> bool:
        """Say whether a link hears strangers."""
        return link.index in self._extended

    def local_port(self, link: Link) -> int:
        """Return the port that a link is sent from, 0: any."""
        return self._ports.get((link.index, link.kind), 0)

    def _cipudpmode(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        if command.form == "test":
            link = "(0-5)," if stack.mux else ""
            turn.info(f'+CIPUDPMODE: {link}(0-2),("(0-255).(0-255).(0-255).(0-255)"),(1-65535)')
        elif command.form == "read":
            links = stack.links if stack.mux else stack.links[:1]
            turn.info(*(self._shown(link) for link in links))
        elif command.form == "write":
            error = self._set_mode(turn)
            if error is not None:
                turn.error(error)
                return
        else:
            turn.error()
            return
        turn.ok()

    def _set_mode(self, turn: Turn) -> int | None:
        link, command = self._stack.link_of(turn), turn.command
        first = 1 if self._stack.mux else 0
        mode = command.number(first)
        channel = link.channel if isinstance(link.channel, UdpChannel) else None
        if mode in (PLAIN, EXTENDED):
            (self._extended.add if mode == EXTENDED else self._extended.discard)(link.index)
            if channel is not None:
                channel.strangers = mode == EXTENDED
            return None
        if mode != RETARGET or channel is None or not self.extended(link):
            return errors.NOT_ALLOWED
        ip = IPv4Address(command.text(first + 1)).packed
        channel.peer = Peer(ip, command.number(first + 2))
        link.address, link.port = channel.peer.address, channel.peer.port
        return None

    def _shown(self, link: Link) -> str:
        number = f"{link.index}," if self._stack.mux else ""
        peer = f',"{link.address}",{link.port}' if isinstance(link.channel, UdpChannel) else ""
        return f"+CIPUDPMODE: {number}{int(self.extended(link))}{peer}"

    def _clport(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        if command.form == "test":
            link = "(0-5)," if stack.mux else ""
            turn.info(f'+CLPORT: {link}("TCP","UDP"),(0-65535)')
        elif command.form == "read":
            turn.info(*self._ports_shown())
        elif command.form == "write":
            link_index = stack.link_of(turn).index
            first = 1 if stack.mux else 0
            kind, port = command.text(first).upper(), command.number(first + 1)
            if kind not in ("TCP", "UDP") or port not in PORTS:
                raise ValueError(kind)
            self._ports[link_index, kind] = port
        else:
            turn.error()
            return
        turn.ok()

    def _ports_shown(self) -> list[str]:
        def port(index: int, kind: str) -> int:
            return self._ports.get((index, kind), 0)

        if not self._stack.mux:
            return [f"TCP: {port(0, 'TCP')}", f"UDP: {port(0, 'UDP')}"]
        return [
            f"+CLPORT: {link.index},{port(link.index, 'TCP')},{port(link.index, 'UDP')}"
            for link in self._stack.links
        ]
