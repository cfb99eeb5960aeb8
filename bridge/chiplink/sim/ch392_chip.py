"""The state of a simulated CH392 that its commands read and change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from . import ch392_codes as codes
from .ch392_dhcp import NO_IP, Dhcp, Lease
from .ch392_events import CommandIgnored, MacWritten, PhyChanged, StatusReady
from .ch392_interrupts import Interrupts
from .ch392_memory import Memory
from .ch392_socket import ChipSocket
from .timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_times import Times
    from .ether import Ether
    from .events import Event
    from .faults import FaultSet

FACTORY_MAC: Final = bytes.fromhex("84 C2 E4 00 03 92")
VERSION: Final = 0x01
KEEP_ALIVE_STEP: Final = 500  # section 5.38
# Of the CH395: how often a packet that nobody acknowledges is sent again, and how many ms apart.
RETRY_COUNT: Final = 12
RETRY_PERIOD: Final = 500


class Chip:
    """Everything that a reset takes back, and what it does not: MAC address, cable, server."""

    def __init__(
        self,
        *,
        times: Times,
        faults: FaultSet,
        ether: Ether,
        emit: Callable[[Event], None],
        server: Lease | None,
    ) -> None:
        self.times = times
        self.faults = faults
        self.ether = ether
        self.emit = emit
        self.mac = FACTORY_MAC
        self.version = VERSION
        self.plugged = True
        self.duplex_phy = codes.PHY_10M_FULL
        self.siblings_need_flag = False
        self.length_counts_header = False
        # What the command core asks of whom the chip is built into.
        self.reset_wanted: Callable[[str], None] = lambda _cause: None
        self.baud_wanted: Callable[[int], bool] = lambda _baud: False
        self.interrupts = Interrupts(faults, emit)
        self.dhcp = Dhcp(self, server)
        self._timers = Timers()
        self._loop = asyncio.get_running_loop()
        self._start()

    def _start(self) -> None:
        self.initialised = False
        self.deaf = ""  # why the chip hears nothing, if so
        self.phy = codes.PHY_DISCONN
        self.status = codes.SUCCESS
        self.set_net = self.net = Lease()
        self.set_functions = self.functions = 0
        self.retry_count, self.retry_period = RETRY_COUNT, RETRY_PERIOD
        self.mss = codes.MSS
        self.keep_idle, self.keep_interval, self.keep_count = 20000, 15000, 9
        self.unreachable = bytes(8)
        self._new_sockets()

    def _new_sockets(self) -> None:
        self.memory = Memory()
        self.sockets: list[ChipSocket] = []
        self.sockets.extend(ChipSocket(index, self) for index in range(codes.SOCKETS))

    def reset(self) -> None:
        """Lose everything volatile; connections are gone without a word."""
        self._timers.cancel()
        self._drop_all()
        self.dhcp.stop()
        self._start()
        self.interrupts.reset()
        self.ether.set_up(up=False)

    def close(self) -> None:
        """Stop every timer and close every real socket."""
        self._timers.cancel()
        self._drop_all()
        self.dhcp.stop()
        self.ether.close()

    # Time.

    @property
    def retry_time(self) -> float:
        """How long the chip repeats what nobody acknowledges, in seconds."""
        return self.retry_count * self.retry_period / 1000

    @property
    def keep_alive_time(self) -> float:
        """How long a connection may be dead before keep-alive notices, in seconds (5.38)."""
        return (self.keep_idle + self.keep_interval * self.keep_count) / 1000

    def now(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds at the chip's speed; the result cancels it."""
        return self._timers.later(self.times.scaled(seconds), action)

    def later_unscaled(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds whatever the speed; the result cancels it."""
        return self._timers.later(seconds, action)

    # Commands.

    def work(self, name: str, seconds: float, action: Callable[[], int], *labels: str) -> None:
        """Be BUSY for a while, then carry action out and have its result as the status (5.12)."""
        if self.status == codes.ERR_BUSY:
            self.ignore(name, "another command is not done")
            return
        self.status = codes.ERR_BUSY
        if self.faults.hit("busy-forever", *labels):
            return

        def finish() -> None:
            self.status = action()
            self.emit(StatusReady(name, self.status))

        self.later(seconds, finish)

    def ignore(self, name: str, reason: str) -> None:
        """Tell the log that a command has no effect."""
        self.emit(CommandIgnored(name, reason))

    def initialise(self) -> int:
        """Start MAC, PHY and stack with what was set before (5.10); the command's status."""
        self._drop_all()
        self.dhcp.stop()
        self._new_sockets()
        self.net, self.functions = self.set_net, self.set_functions
        self.initialised = True
        self.phy = codes.PHY_DISCONN
        self.ether.set_up(up=False)
        self._follow_cable()
        return codes.SUCCESS

    def write_mac(self, mac: bytes) -> None:
        """Write the EEPROM; the chip hears nothing meanwhile (5.5)."""
        self.mac = mac
        self.deaf = "the chip writes its EEPROM"
        self.later(self.times.eeprom, self._mac_written)

    def settings_changed(self) -> None:
        """Let servers see whether they have a socket for the next connection."""
        for socket in self.sockets:
            if socket.session is not None:
                socket.session.settings_changed()

    # The network.

    def set_cable(self, *, plugged: bool) -> None:
        """Plug the cable in or pull it out."""
        self.plugged = plugged
        if self.initialised:
            self._follow_cable()

    def reaches(self, ip: bytes) -> bool:
        """Say whether the chip has an address and anybody can answer at ip."""
        return self.net.ip != NO_IP and self.ether.reaches(ip)

    def tell_unreachable(self, code: int, protocol: int, port: int, ip: bytes) -> None:
        """Keep what ICMP reports, and interrupt (5.11)."""
        self.unreachable = bytes([code, protocol]) + port.to_bytes(2, "little") + ip
        self.interrupts.raise_bits(codes.GINT_UNREACH)

    def _follow_cable(self) -> None:
        if self.plugged:
            self.later(self.times.link_up, self._link_up)
        elif self.phy != codes.PHY_DISCONN:
            self._set_phy(codes.PHY_DISCONN)

    def _link_up(self) -> None:
        if self.plugged and self.phy == codes.PHY_DISCONN:
            self._set_phy(self.duplex_phy)

    def _set_phy(self, phy: int) -> None:
        self.phy = phy
        self.emit(PhyChanged(phy))
        self.ether.set_up(up=phy != codes.PHY_DISCONN)
        for socket in self.sockets:
            if socket.session is not None:
                socket.session.wire_changed()
        self.interrupts.raise_bits(codes.GINT_PHY_CHANGE)

    def _mac_written(self) -> None:
        self.deaf = ""
        self.emit(MacWritten(self.mac))

    def _drop_all(self) -> None:
        for socket in self.sockets:
            socket.abort()
