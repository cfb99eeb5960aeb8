"""The SIM800's TCP/IP stack: contexts, links, server, and how the host is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors
from .sim800_bearer import Bearers
from .sim800_connecting import ConnectCommands
from .sim800_contexts import ContextCommands, GprsContext
from .sim800_link import Link
from .sim800_names import NameCommands
from .sim800_receiving import ReceiveCommands
from .sim800_sending import SendCommands
from .sim800_server import ServerCommands
from .sim800_status import StatusCommands
from .sim800_transparent import Transparent
from .sim800_udp import UdpCommands

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_channel import Peer
    from .modem_turn import Turn

LINKS = 6


class Sim800Stack:
    """One link, or six (CIPMUX=1), in one of two contexts."""

    def __init__(self, modem: ModemSim) -> None:
        self.modem = modem
        self.contexts = [GprsContext(index, modem) for index in range(2)]
        self.links = [Link(index, self) for index in range(LINKS)]
        self.server = ServerCommands(self)
        self.receiving = ReceiveCommands(self)
        self.transparent = Transparent(self)
        self.connecting = ConnectCommands(self)
        self.udp = UdpCommands(self)
        self.bearers = Bearers(modem)
        guards = modem.settings.guards
        guards["+CIPMUX"] = self._may_change_mux
        guards["+CIPMODE"] = self._may_change_mode
        guards["+CIPSGTXT"] = self._may_select
        guards["+CIPSSL"] = lambda values: errors.NOT_SUPPORTED if values[0] == "1" else None

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the stack's commands out."""
        return {
            **ContextCommands(self).handlers(),
            **self.connecting.handlers(),
            **self.server.handlers(),
            **SendCommands(self).handlers(),
            **self.receiving.handlers(),
            **StatusCommands(self).handlers(),
            **self.udp.handlers(),
            **NameCommands(self).handlers(),
            **self.bearers.handlers(),
        }

    # What commands ask.

    @property
    def mux(self) -> bool:
        """Whether there are several links."""
        return self.modem.settings.number("+CIPMUX") == 1

    @property
    def is_transparent(self) -> bool:
        """Whether a link, once connected, takes the serial line over."""
        return self.modem.settings.number("+CIPMODE") == 1

    @property
    def context(self) -> GprsContext:
        """The selected context."""
        return self.contexts[self.modem.settings.number("+CIPSGTXT")]

    @property
    def pulls(self) -> bool:
        """Whether the host fetches what arrives."""
        return self.receiving.manual and not self.is_transparent

    @property
    def holds_data(self) -> bool:
        """Whether data must wait because transparent mode was left by +++."""
        return self.is_transparent and not self.modem.port.in_data

    def prefix(self, link: Link) -> str:
        """Return what stands before a link's messages: 'n, ' on hardware, 'n,' in the manual."""
        if not self.mux:
            return ""
        space = "" if self.modem.faults.is_on("no-space") else " "
        return f"{link.index},{space}"

    def link_of(self, turn: Turn, position: int = 0) -> Link:
        """Return the link that a command names, or the one there is; ValueError: no such link."""
        if not self.mux:
            return self.links[0]
        index = turn.command.number(position)
        if index >= LINKS:
            raise ValueError(f"there is no link {index}")
        return self.links[index]

    def tell(self, link: Link, text: str) -> None:
        """Tell the host of a link."""
        self.modem.urc(self.prefix(link) + text)

    def shut_context(self, context: GprsContext) -> None:
        """Close what uses a context and deactivate it."""
        for link in self.links:
            if link.context == context.index:
                link.shut("INITIAL")
                link.forget()
        self.server.shut(context.index)
        context.reset()

    # What links say.

    def link_opened(self, link: Link) -> None:
        """Say CONNECT OK, REMOTE IP, CONNECT."""
        link.stop()
        link.go("CONNECTED")
        if link.accepted:
            self.tell(link, f"REMOTE IP: {link.address}")
        if self.is_transparent:
            self.modem.urc("CONNECT")
            self.transparent.enter(link)
        elif not link.accepted:
            self.tell(link, "CONNECT OK")

    def link_failed(self, link: Link) -> None:
        """Say CONNECT FAIL; one link tells its state before it."""
        link.drop("CLOSED")
        if not self.mux:
            self.modem.urc(f"STATE: {self.state()}")
        self.tell(link, "CONNECT FAIL")

    def link_ended(self, link: Link) -> None:
        """Say CLOSED: the peer closed, or the connection is gone."""
        if link.channel is None:
            return
        self.transparent.leave(link)
        link.shut("REMOTE CLOSING" if len(link.inbox) else "CLOSED")
        self.tell(link, "CLOSED")
        self.server.follow()

    def notice(self, link: Link) -> None:
        """Say once that data wait."""
        if self.pulls and link.inbox.needs_notice() and not self.modem.faults.hit("lost-notice"):
            self.modem.urc(f"+CIPRXGET: 1,{link.index}" if self.mux else "+CIPRXGET: 1")

    def push(self, link: Link, data: bytes, peer: Peer) -> None:
        """Hand data to the host at once."""
        self.receiving.push(link, data, peer)

    def state(self) -> str:
        """Return the stack's state as CIPSTATUS names it (note 9)."""
        context = self.context
        if context.state != "IP STATUS":
            return context.state
        if self.mux:
            return "IP PROCESSING" if context.processing else "IP STATUS"
        link = self.links[0]
        if link.state == "INITIAL":
            return "SERVER LISTENING" if self.server.listening else "IP STATUS"
        shown = {
            "CONNECTING": f"{link.kind} CONNECTING",
            "CONNECTED": "CONNECT OK",
            "CLOSING": f"{link.kind} CLOSING",
        }
        return shown.get(link.state, f"{link.kind} CLOSED")

    # What the modem says (modem_stack.Stack).

    def reset(self) -> None:
        """Lose every link and context without a word."""
        self.transparent.forget()
        for link in self.links:
            link.forget()
        self.server.forget()
        self.receiving.manual = False
        self.udp.forget()
        self.bearers.forget()
        for context in self.contexts:
            context.reset()

    def network_lost(self) -> None:
        """Say +PDP: DEACT: contexts that were up want CIPSHUT (manual 8.2.7)."""
        lost = [context for context in self.contexts if context.up or context.state == "IP CONFIG"]
        if not lost:
            return
        for link in self.links:
            if link.state not in ("INITIAL", "CLOSED") and self.contexts[link.context] in lost:
                self.transparent.leave(link)
                link.drop("CLOSED")
        for context in lost:
            self.server.shut(context.index)
            context.go("PDP DEACT")
        self.modem.urc("+PDP: DEACT")

    def room_grew(self) -> None:
        """Let more come from the network."""
        for link in self.links:
            link.read_on()

    def resume(self, turn: Turn) -> None:
        """Carry out ATO."""
        self.transparent.resume(turn)

    def fault_changed(self, name: str, *, on: bool) -> None:
        """There is nothing to do at once."""

    # Guards.

    def _may_change_mux(self, _values: tuple[str, ...]) -> int | None:
        initial = all(context.state == "IP INITIAL" for context in self.contexts)
        return None if initial else errors.NOT_ALLOWED

    def _may_change_mode(self, values: tuple[str, ...]) -> int | None:
        busy = any(not link.free for link in self.links)
        return errors.NOT_ALLOWED if busy or (self.mux and values[0] == "1") else None

    def _may_select(self, values: tuple[str, ...]) -> int | None:
        return None if self.mux or values[0] == "0" else errors.NOT_ALLOWED
