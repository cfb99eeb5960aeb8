"""The SIM800's +CIPSTART and +CIPCLOSE (note 3.1, 4.1, 10; manual 8.2.2, 8.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors
from .modem_channel import Peer, TcpChannel, UdpChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_link import Link
    from .sim800_stack import Sim800Stack

CONNECT_TEST = (
    '+CIPSTART: ("TCP","UDP"),("(0,255).(0,255).(0,255).(0,255)"),(0,65535)',
    '+CIPSTART: ("TCP","UDP"),("DOMAIN NAME"),(0,65535)',
)
KINDS = ("TCP", "UDP")
PORTS = range(65536)
QUICK = 1


class ConnectCommands:
    """Connecting and closing."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CIPSTART": self._cipstart, "+CIPCLOSE": self._cipclose}

    def _cipstart(self, turn: Turn) -> None:
        """Answer OK, then say what becomes of it."""
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.info(*CONNECT_TEST)
            turn.ok()
            return
        if command.form != "write":
            turn.error()
            return
        link = stack.link_of(turn)
        first = 1 if stack.mux else 0
        kind, host, port = command.text(first).upper(), command.text(first + 1), first + 2
        if kind not in KINDS or not host or command.number(port) not in PORTS:
            raise ValueError(kind)
        if not link.free:
            turn.ok()
            stack.tell(link, "ALREADY CONNECT")
        elif not self._legal():
            turn.error(errors.NOT_ALLOWED)
        else:
            self._begin(link, kind, host, command.number(port))
            turn.ok()

    def _legal(self) -> bool:
        """Several links want an address; one link may begin with nothing and comes up by itself."""
        stack = self._stack
        if stack.mux:
            used = sum(not link.free for link in stack.links) + stack.server.listening
            return stack.context.state == "IP STATUS" and used < len(stack.links)
        alone = ("IP INITIAL", "IP STATUS")
        return stack.context.state in alone and not stack.server.listening

    def _begin(self, link: Link, kind: str, host: str, port: int) -> None:
        context = self._stack.context
        link.forget()
        link.kind, link.address, link.port = kind, host, port
        link.context = context.index
        link.go("CONNECTING")
        if self._modem.faults.hit("late-connect-fail"):
            self._modem.executor.deferred.append(link.failed)
        elif context.state == "IP INITIAL":

            def came_up(well: bool) -> None:  # noqa: FBT001 - a result handed over
                if well:
                    context.go("IP STATUS")
                    self._resolve(link)
                else:
                    link.failed()

            link.cancel = context.bring_up(came_up)
        else:
            context.processing = True
            self._resolve(link)

    def _resolve(self, link: Link) -> None:
        def found(addresses: list[bytes]) -> None:
            link.cancel = None
            if addresses:
                self._connect(link, Peer(addresses[0], link.port))
            else:
                link.failed()

        link.cancel = self._modem.ether.names.resolve(link.address, found)

    def _connect(self, link: Link, peer: Peer) -> None:
        link.address = peer.address
        local = self._stack.udp.local_port(link)
        try:
            if link.kind == "UDP":
                channel = UdpChannel(self._modem.ether, link, peer, local)
                channel.strangers = self._stack.udp.extended(link)
                link.channel = channel
                link.cancel = self._modem.later(self._modem.times.command, link.opened)
                return
            link.cancel = self._modem.timers.later(self._modem.times.connect_limit, link.failed)
            if self._modem.ether.reaches(peer.ip):
                tcp = link.channel = TcpChannel(self._modem.ether, link, peer)
                tcp.connect(local)
        except OSError:
            link.failed()

    def _cipclose(self, turn: Turn) -> None:
        """Close a link that is open; any other is an error."""
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.ok()
            return
        if command.form == "read" or (stack.mux and command.form != "write"):
            turn.error()
            return
        link = stack.link_of(turn)
        quick = command.number(1 if stack.mux else 0, 0) == QUICK
        if link.free or link.state == "CLOSING":
            turn.error()
            return
        link.stop()
        link.go("CLOSING")
        seconds = 0.0 if quick else self._modem.times.close
        turn.after(seconds, lambda: self._close(turn, link))

    def _close(self, turn: Turn, link: Link) -> None:
        link.shut("CLOSED")
        self._stack.server.follow()
        turn.end(f"{self._stack.prefix(link)}CLOSE OK")
