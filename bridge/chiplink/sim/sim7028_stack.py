"""The SIM7028's TCP/IP stack: the network library, two links, and how the host hears of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors
from . import sim7028_errors as errors
from .modem_events import StackChanged
from .sim7028_link import Link
from .sim7028_opening import OpenCommands
from .sim7028_queries import QueryCommands
from .sim7028_receiving import ReceiveCommands
from .sim7028_sending import SendCommands
from .sim7028_server import ServerCommands
from .sim7028_transparent import Transparent

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_channel import Peer
    from .modem_turn import Turn

LINKS = 2
REMOTE = 1  # <close_reason>: closed by the peer
IPV6 = 6
ADDRESS = "10.148.0.17"
ADDRESS_6 = "2409:8960:1e64:94d8:1:0:3b3b:7118"


class Sim7028Stack:
    """Nothing works before NETOPEN; a network that closed unexpectedly wants it once more."""

    refusal = errors.NETWORK_FAILURE

    def __init__(self, modem: ModemSim) -> None:
        self.modem = modem
        self.is_open = False
        self.lost = False  # open, but the network is gone
        self.links = [Link(index, self) for index in range(LINKS)]
        self.server = ServerCommands(self)
        self.receiving = ReceiveCommands(self)
        self.transparent = Transparent(self)
        guards = modem.settings.guards
        refused = modem_errors.NOT_ALLOWED
        guards["+CIPMODE"] = lambda _values: refused if self.is_open else None
        guards["+CSOCKETPN"] = lambda _values: refused if self.is_open else None
        guards["+CTCPKA"] = lambda _values: None if self.is_open else refused

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the stack's commands out."""
        return {
            "+NETOPEN": self._netopen,
            "+NETCLOSE": self._netclose,
            "+CGDCONT": self._cgdcont,
            **OpenCommands(self).handlers(),
            **SendCommands(self).handlers(),
            **self.receiving.handlers(),
            **self.server.handlers(),
            **QueryCommands(self).handlers(),
        }

    # What commands ask.

    @property
    def usable(self) -> bool:
        """Whether the network carries something."""
        return self.is_open and not self.lost

    @property
    def is_transparent(self) -> bool:
        """Whether link 0 takes the serial line over."""
        return self.modem.settings.number("+CIPMODE") == 1

    @property
    def pulls(self) -> bool:
        """Whether the host fetches what arrives (buffer access mode)."""
        return self.receiving.manual and not self.is_transparent

    @property
    def address(self) -> str:
        """The modem's own address."""
        return ADDRESS_6 if self.modem.settings.number("+CSOCKETPN", 1) == IPV6 else ADDRESS

    def holds_data(self, link: Link) -> bool:
        """Say whether data must wait because transparent mode was left by +++."""
        return self.is_transparent and link.index == 0 and not self.modem.port.in_data

    def err_info(self, number: int) -> str:
        """Return an <err_info> as errMode shows it (5.1)."""
        as_text = self.modem.settings.number("+CIPCCFG", 3) == 1
        return errors.ERR_INFO[number] if as_text else str(number)

    def ip_error(self, turn: Turn, number: int) -> None:
        """End with +IP ERROR."""
        turn.info(f"+IP ERROR: {self.err_info(number)}")
        turn.error()

    def cip_error(self, turn: Turn, error: int) -> None:
        """End with +CIPERROR."""
        turn.info(f"+CIPERROR: {error}")
        turn.error()

    def end_with(self, turn: Turn, *lines: str) -> None:
        """End well with results that the note shows before OK and behind it."""
        if self.modem.faults.is_on("ok-first"):
            turn.ok()
            self.modem.urc(*lines)
            return
        for line in lines:
            turn.info(line)
        turn.ok()

    # The network library (2.1.1, 2.1.2).

    def _netopen(self, turn: Turn) -> None:
        if turn.command.form == "read":
            turn.info(f"+NETOPEN: {int(self.is_open)}")
            turn.ok()
        elif turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute" or self.modem.card.refusal is not None:
            turn.error()
        elif self.usable:
            self.ip_error(turn, errors.INFO_ALREADY_OPENED)
        else:
            turn.ok()
            self.modem.later(self.modem.times.context, self._opened)

    def _opened(self) -> None:
        well = self.modem.radio.attached and not self.modem.faults.hit("netopen-fail")
        if well:
            self._drop_links()
            self._go(is_open=True)
        self.modem.urc(f"+NETOPEN: {errors.SUCCESS if well else errors.NETWORK_FAILURE}")

    def _netclose(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute":
            turn.error()
        elif not self.is_open:
            turn.info(f"+NETCLOSE: {errors.NOT_OPENED}")
            turn.error()
        else:
            turn.ok()
            self.modem.later(self.modem.times.shut, self._closed)

    def _closed(self) -> None:
        for link in self.links:
            if link.connected:
                if self.is_transparent and link.index == 0:
                    self.modem.urc("CLOSED")
                link.end()
                self.modem.urc(f"+CIPCLOSE: {link.index},{errors.SUCCESS}")
        self._drop_links()
        self._go(is_open=False)
        self.modem.urc(f"+NETCLOSE: {errors.SUCCESS}")

    def _cgdcont(self, turn: Turn) -> None:
        """Define a context, unless this firmware keeps its own alone."""
        refuses = turn.command.form == "write" and self.modem.faults.is_on("no-context-1")
        if refuses:
            turn.error()
        else:
            self.modem.contexts.cgdcont(turn)

    def _drop_links(self) -> None:
        for link in self.links:
            if not link.free:
                link.end(abort=True)
        self.server.forget()

    def _go(self, *, is_open: bool) -> None:
        self.is_open, self.lost = is_open, False
        self.modem.emit(StackChanged(1, "OPEN" if is_open else "CLOSED"))

    # What links say.

    def link_ended(self, link: Link) -> None:
        """Say +IPCLOSE, or CLOSED if the line was transparent."""
        if link.channel is None:
            return
        was_transparent = self.is_transparent and link.index == 0
        self.transparent.leave(link)
        link.end()
        if was_transparent:
            self.modem.urc("CLOSED")
        else:
            self.modem.urc(f"+IPCLOSE: {link.index},{REMOTE}")
        self.server.follow()

    def notice(self, link: Link) -> None:
        """Say once that data wait."""
        if self.pulls and link.inbox.needs_notice() and not self.modem.faults.hit("lost-notice"):
            self.modem.urc(f"+CIPRXGET: 1,{link.index}")

    def push(self, link: Link, data: bytes, peer: Peer) -> None:
        """Hand data to the host at once."""
        self.receiving.push(link, data, peer)

    # What the modem says (modem_stack.Stack).

    def reset(self) -> None:
        """Lose every link without a word."""
        self.transparent.forget()
        for link in self.links:
            link.end(abort=True)
            link.inbox.clear()
        self.server.forget()
        self.receiving.manual = False
        self._go(is_open=False)

    def network_lost(self) -> None:
        """Say that the network closed: sockets are dead until the host closes them (2.2)."""
        if not self.usable:
            return
        self.lost = True
        for link in self.links:
            if not link.free:
                was_connecting = link.state == "CONNECTING"
                self.transparent.leave(link)
                link.end("DEAD", abort=True)
                if was_connecting:
                    link.fail(errors.NETWORK_FAILURE)
        self.server.forget()
        self.modem.urc("+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY")

    def room_grew(self) -> None:
        """Let more come from the network."""
        for link in self.links:
            link.read_on()

    def resume(self, turn: Turn) -> None:
        """Carry out ATO."""
        self.transparent.resume(turn)

    def fault_changed(self, name: str, *, on: bool) -> None:
        """Lose the network if that was switched on."""
        if name == "network-closed" and on:
            self.modem.faults.switch_off(name)
            self.modem.lose_context()
