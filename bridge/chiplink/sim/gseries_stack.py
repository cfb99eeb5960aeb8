"""The G series' TCP/IP stack: one link over context 1 (application note V1.72)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gseries_link import Link
from .modem_channel import Peer, TcpChannel, UdpChannel
from .modem_collector import Terminated

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_turn import Turn

CONTEXT = 1
ADDRESS = "10.36.76.255"
MAY_CONNECT = ("IP INITIAL", "IP STATUS", "IP CLOSE")  # note 4
HAS_ADDRESS = ("IP GPRSACT", "TCP/UDP CONNECTING", "CONNECT OK", "IP CLOSE")  # note 3
PORTS = range(65536)
MOST = 1460
REFUSED = "+CME ERROR: 50"
START_TEST = '+CIPSTART: ("TCP","UDP"),("(0,255).(0,255).(0,255).(0,255)"),(0-65535)'


class GSeriesStack:
    """Commands of the note, and what is said unasked."""

    def __init__(self, modem: ModemSim) -> None:
        self.modem = modem
        self.link = Link(self)
        modem.contexts.on_change = self._context_changed
        self._starting: Turn | None = None  # waits for CONNECT OK if that comes first

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the stack's commands out."""
        return {
            "+CIPSTART": self._cipstart,
            "+CIPSEND": self._cipsend,
            "+CIPCLOSE": self._cipclose,
            "+CIPSHUT": self._cipshut,
            "+CIPSTATUS": self._cipstatus,
            "+CIFSR": self._cifsr,
        }

    # Commands.

    def _cipstart(self, turn: Turn) -> None:
        """Answer OK if the form is right; what becomes of it is told later (note 4)."""
        command = turn.command
        if command.form == "test":
            turn.info(START_TEST)
            turn.ok()
            return
        kind, host = command.text(0).upper(), command.text(1)
        good = command.form == "write" and kind in ("TCP", "UDP") and host
        if not good or not _is_port(command.text(2)):
            turn.error()
            return
        may = self.link.state in MAY_CONNECT and self.modem.contexts.active(CONTEXT)
        if may and self.modem.faults.is_on("connect-first"):
            self._starting = turn
        else:
            turn.ok()
        if may:
            self._begin(kind, host, int(command.text(2)))
        else:
            self.modem.urc(REFUSED)

    def _begin(self, kind: str, host: str, port: int) -> None:
        modem = self.modem
        self.link.peer = f"{host}:{port}"
        self.link.go("TCP/UDP CONNECTING")
        if modem.faults.hit("late-connect-fail"):
            modem.executor.deferred.append(self.link_failed)
        elif modem.faults.hit("cme50"):
            self.link.cancel = modem.later(modem.times.context, self.link_failed)
        elif modem.faults.hit("no-response"):
            self.link.cancel = modem.later(modem.times.context, self._no_response)
        else:
            self.link.cancel = modem.ether.names.resolve(
                host, lambda found: self._connect(kind, found, port)
            )

    def _connect(self, kind: str, found: list[bytes], port: int) -> None:
        self.link.cancel = None
        if not found:
            self.link_failed()
            return
        modem, peer = self.modem, Peer(found[0], port)
        try:
            if kind == "UDP":
                channel = self.link.channel = UdpChannel(modem.ether, self.link, peer, 0)
                channel.strangers = False
                self.link.cancel = modem.later(modem.times.command, self.link.opened)
                return
            self.link.cancel = modem.timers.later(modem.times.connect_limit, self._no_response)
            if modem.ether.reaches(peer.ip):
                tcp = self.link.channel = TcpChannel(modem.ether, self.link, peer)
                tcp.connect()
        except OSError:
            self.link_failed()

    def _cipsend(self, turn: Turn) -> None:
        """Prompt for data up to Ctrl-Z: there is no other form (note 5)."""
        if turn.command.form == "test":
            turn.ok()
            return
        if turn.command.form != "execute" or self.link.state != "CONNECT OK":
            turn.error()
            return

        def soon(data: bytes | None) -> None:
            turn.after(self.modem.times.command, lambda: self._send(turn, data))

        turn.prompt("\r\n> ", Terminated(MOST, soon, lambda: soon(b"")))

    def _send(self, turn: Turn, data: bytes | None) -> None:
        """Send; None was cancelled by ESC, nothing at all is an error."""
        faults = self.modem.faults
        if data is None:
            turn.ok()
        elif not data or faults.hit("send-fail"):
            turn.error()
        elif faults.hit("closed-during-send"):
            self.link.ended()
            turn.error()
        elif self.link.send(data):
            turn.ok()
        else:
            turn.error()

    def _cipclose(self, turn: Turn) -> None:
        """Close, or leave a state in which nothing may connect (note 4, 7)."""
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute" or self.link.state in MAY_CONNECT:
            turn.error()
        else:
            turn.after(self.modem.times.close, lambda: self._closed(turn))

    def _closed(self, turn: Turn) -> None:
        self.link.end("IP CLOSE")
        turn.ok()

    def _cipshut(self, turn: Turn) -> None:
        """Close everything; the note does not say what the answer is."""
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute":
            turn.error()
        else:
            turn.after(self.modem.times.shut, lambda: self._shut(turn))

    def _shut(self, turn: Turn) -> None:
        self.link.end("IP INITIAL")
        if self.modem.faults.is_on("shut-ok"):
            turn.end("SHUT OK")
        else:
            turn.ok()

    def _cipstatus(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.info("+CIPSTATUS:")
        elif turn.command.form == "execute":
            turn.info(f"+IPSTATUS: {self.link.state}")
        elif turn.command.form == "write":
            turn.error()
            return
        turn.ok()

    def _cifsr(self, turn: Turn) -> None:
        if turn.command.form in ("test", "read"):
            turn.info("+CIFSR:")
            turn.ok()
        elif turn.command.form == "write" or self.link.state not in HAS_ADDRESS:
            turn.error()
        else:
            turn.info(ADDRESS)
            turn.ok()

    # What the link says.

    def link_opened(self) -> None:
        """Say CONNECT OK."""
        self.modem.urc("CONNECT OK")
        self._end_start()

    def link_failed(self) -> None:
        """Say +CME ERROR: 50, whatever AT+CMEE says (note 9)."""
        self.link.end("IP STATUS", abort=True)
        self.modem.urc(REFUSED)
        self._end_start()

    def link_ended(self) -> None:
        """Say CLOSED: the peer closed (note 9)."""
        if self.link.channel is not None:
            self.link.end("IP CLOSE")
            self.modem.urc("+TCPCLOSED:0" if self.modem.faults.is_on("ciprcv") else "CLOSED")

    def push(self, data: bytes) -> None:
        """Hand data to the host at once, with a header if CIPHEAD wants one (note 6)."""
        self.modem.port.say(self._header(len(data)) + data)

    def _header(self, count: int) -> bytes:
        faults = self.modem.faults
        if faults.is_on("ciprcv"):
            return f"\r\n+CIPRCV:{count},".encode()
        if self.modem.settings.number("+CIPHEAD") == 0:
            return b""
        if faults.is_on("ipd-comma"):
            return f"\r\n+IPD,{count}:".encode()
        if faults.is_on("ipd-spaced"):
            return f"\r\n+IPD, {count}:".encode()
        return f"\r\n+IPD:{count}\r\n".encode()

    def _no_response(self) -> None:
        self.link.end("IP STATUS", abort=True)
        self.modem.urc("COMMAND NO RESPONSE!")
        self._end_start()

    def _end_start(self) -> None:
        turn, self._starting = self._starting, None
        if turn is not None:
            turn.ok()

    def _context_changed(self, cid: int) -> None:
        """A context that the host takes away closes what uses it."""
        if cid == CONTEXT and not self.modem.contexts.active(cid):
            self.link.end("IP INITIAL")

    # What the modem says (modem_stack.Stack).

    def reset(self) -> None:
        """Lose the link without a word."""
        self._starting = None
        self.link.end("IP INITIAL", abort=True)

    def network_lost(self) -> None:
        """Be PDP DEACT; a connection that stood says CLOSED."""
        state = self.link.state
        if state in ("CONNECT OK", "TCP/UDP CONNECTING", "IP CLOSE", "IP GPRSACT"):
            self.link.end("PDP DEACT", abort=True)
        if state == "CONNECT OK":
            self.modem.urc("CLOSED")
        elif state == "TCP/UDP CONNECTING":
            self.modem.urc(REFUSED)
            self._end_start()

    def room_grew(self) -> None:
        """Let more come from the network."""
        self.link.read_on()

    def resume(self, turn: Turn) -> None:
        """Refuse ATO: there is no transparent mode."""
        turn.result("NO CARRIER")

    def fault_changed(self, name: str, *, on: bool) -> None:
        """There is nothing to do at once."""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) in PORTS
