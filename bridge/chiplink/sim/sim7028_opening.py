"""The SIM7028's +CIPOPEN and +CIPCLOSE (2.1.3, 2.1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import sim7028_errors as errors
from .modem_channel import Peer, TcpChannel, UdpChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim7028_link import Link
    from .sim7028_stack import Sim7028Stack

PORTS = range(65536)


class OpenCommands:
    """Connecting and closing."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CIPOPEN": self._cipopen, "+CIPCLOSE": self._cipclose}

    def _cipopen(self, turn: Turn) -> None:
        match turn.command.form:
            case "test":
                turn.info('+CIPOPEN: (0-1),("TCP","UDP")')
                turn.ok()
            case "read":
                turn.info(*(_row(link) for link in self._stack.links))
                turn.ok()
            case "write":
                self._open(turn)
            case _:
                turn.error()

    def _open(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        index = command.number(0)
        if index >= len(stack.links):
            stack.ip_error(turn, errors.INFO_INVALID)
            return
        link = stack.links[index]
        again = link.kind == "UDP" and link.connected and stack.is_transparent
        if again and stack.transparent.may_resume(link):
            stack.resume(turn)
            return
        error = self._objection(turn, link)
        if error is not None:
            turn.info(f"+CIPOPEN: {index},{error}")
            turn.error()
        elif command.text(1).upper() == "UDP":
            self._open_udp(turn, link)
        else:
            self._open_tcp(turn, link)

    def _objection(self, turn: Turn, link: Link) -> int | None:
        """Return the <err> that keeps a link from being opened."""
        stack, command = self._stack, turn.command
        kind = command.text(1).upper()
        local_only = kind == "UDP" and not stack.is_transparent
        try:
            good = command.number(3, 0) in PORTS and command.number(4, 0) in PORTS
            good = good and (command.number(4) > 0 if local_only else bool(command.text(2)))
        except ValueError:
            good = False
        if not stack.is_open:
            return errors.NOT_OPENED
        if kind not in ("TCP", "UDP") or not good:
            return errors.WRONG_PARAMETER
        if not link.free or (stack.is_transparent and link.index > 0):
            return errors.NOT_SUPPORTED
        return errors.NETWORK_FAILURE if stack.lost else None

    def _open_udp(self, turn: Turn, link: Link) -> None:
        """Open a port: the result comes before OK; transparent mode has a peer."""
        command = turn.command
        link.begin("UDP", command.text(2) or link.address, command.number(3, 0))
        try:
            link.channel = UdpChannel(self._modem.ether, link, None, command.number(4))
        except OSError:
            link.end()
            turn.info(f"+CIPOPEN: {link.index},{errors.NOT_BOUND}")
            turn.error()
            return
        if self._stack.is_transparent:
            link.on_opened = lambda: self._stack.transparent.connect(turn, link)
            link.on_failed = lambda _error: turn.result("CONNECT FAIL")
            self._resolve(link, lambda peer: self._udp_peer(link, peer))
            return
        link.go("CONNECTED")
        turn.info(f"+CIPOPEN: {link.index},{errors.SUCCESS}")
        turn.ok()

    def _udp_peer(self, link: Link, peer: Peer) -> None:
        if link.channel is not None:
            link.channel.peer = peer
            link.opened()

    def _open_tcp(self, turn: Turn, link: Link) -> None:
        """Connect: OK first, the result later; transparent mode has one result alone."""
        command = turn.command
        local = command.number(4, 0)
        link.begin("TCP", command.text(2), command.number(3, 0))
        if self._stack.is_transparent:
            link.on_opened = lambda: self._stack.transparent.connect(turn, link)
            link.on_failed = lambda _error: turn.result("CONNECT FAIL")
        else:
            link.on_opened = lambda: self._opened(turn, link, errors.SUCCESS)
            link.on_failed = lambda error: self._opened(turn, link, error)
            if not self._modem.faults.is_on("result-first"):
                turn.ok()
        if self._modem.faults.hit("late-connect-fail"):
            self._modem.executor.deferred.append(lambda: link.fail(errors.TIMEOUT))
            return
        self._resolve(link, lambda peer: self._connect(link, peer, local))

    def _opened(self, turn: Turn, link: Link, error: int) -> None:
        self._modem.urc(f"+CIPOPEN: {link.index},{error}")
        turn.ok()

    def _resolve(self, link: Link, then: Callable[[Peer], None]) -> None:
        def found(addresses: list[bytes]) -> None:
            link.cancel = None
            if addresses:
                peer = Peer(addresses[0], link.port)
                link.address = peer.address
                then(peer)
            else:
                link.fail(errors.NOT_RESOLVED)

        link.cancel = self._modem.ether.names.resolve(link.address, found)

    def _connect(self, link: Link, peer: Peer, local: int) -> None:
        patience = self._modem.settings.number("+CIPTIMEOUT", 1) / 1000
        seconds = min(patience, self._modem.times.connect_limit)
        link.cancel = self._modem.timers.later(seconds, lambda: link.fail(errors.TIMEOUT))
        if not self._modem.ether.reaches(peer.ip):
            return
        channel = link.channel = TcpChannel(self._modem.ether, link, peer)
        try:
            channel.connect(local)
        except OSError:
            link.fail(errors.NOT_BOUND)

    def _cipclose(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.info("+CIPCLOSE: (0-1)")
            turn.ok()
        elif command.form == "read":
            states = ",".join(str(int(link.connected)) for link in stack.links)
            turn.info(f"+CIPCLOSE: {states}")
            turn.ok()
        elif command.form == "write":
            self._close(turn, command.number(0))
        else:
            turn.error()

    def _close(self, turn: Turn, index: int) -> None:
        stack = self._stack
        known = index < len(stack.links)
        if not known or not stack.is_open or not stack.links[index].connected:
            reason = errors.NOT_SUPPORTED if stack.is_open else errors.NOT_OPENED
            turn.info(f"+CIPCLOSE: {index},{reason if known else errors.WRONG_PARAMETER}")
            turn.error()
            return
        link = stack.links[index]
        shown = stack.is_transparent and index == 0
        if link.kind == "UDP":
            link.end()
            lines = ["CLOSED"] if shown else []
            stack.end_with(turn, *lines, f"+CIPCLOSE: {index},{errors.SUCCESS}")
        else:
            turn.ok()
            self._modem.later(self._modem.times.close, lambda: self._closed(link, shown=shown))

    def _closed(self, link: Link, *, shown: bool) -> None:
        link.end()
        if shown:
            self._modem.urc("CLOSED")
        self._modem.urc(f"+CIPCLOSE: {link.index},{errors.SUCCESS}")
        self._stack.server.follow()


def _row(link: Link) -> str:
    if not link.connected:
        return f"+CIPOPEN: {link.index}"
    peer = f'"{link.kind}","{link.address}",{link.port}'
    return f"+CIPOPEN: {link.index},{peer},{link.server}"
