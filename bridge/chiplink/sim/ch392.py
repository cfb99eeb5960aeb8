"""A simulated CH392: commands on one side, real sockets of the machine on the other."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_chip import Chip
from .ch392_commands import COMMAND_LABELS
from .ch392_dhcp import Lease
from .ch392_events import CableChanged, ChipStarted
from .ch392_faults import CH392_FAULTS
from .ch392_processor import Processor
from .ch392_spi import Spi
from .ch392_times import Times
from .ch392_uart import Uart
from .ether import Ether
from .events import FaultSwitched, Observable
from .faults import FaultSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_socket import ChipSocket

NOT_RUNNING = "chip is not running"
SERVER = Lease("192.168.1.50", "192.168.1.1", "255.255.255.0", "192.168.1.1")


class Ch392Sim(Observable):
    """The chip, powered and running on the current loop; UART and SPI both reach it.

    On a real one SEL chooses between them at power-up (section 6.1).
    """

    def __init__(
        self,
        *,
        ether: Ether | None = None,
        dhcp_server: Lease | None = SERVER,
        times: Times | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.times = times or Times()
        self.faults = FaultSet(CH392_FAULTS, commands=COMMAND_LABELS, seed=seed)
        self.ether = ether or Ether()
        self.chip = Chip(
            times=self.times,
            faults=self.faults,
            ether=self.ether,
            emit=self.emit,
            server=dhcp_server,
        )
        self.processor = Processor(self.chip)
        self.spi = Spi(self.chip, self.processor)
        self._uart = Uart(self.chip, self.processor)
        self._closed = False
        self.chip.reset_wanted = self.restart
        self.faults.watch(self._on_fault)

    # The host's side.

    @property
    def running(self) -> bool:
        """Whether the chip is neither in reset nor closed."""
        return not self._closed and self.chip.deaf != NOT_RUNNING

    @property
    def baud(self) -> int:
        """The UART's rate now."""
        return self._uart.baud

    @property
    def int_low(self) -> bool:
        """Whether INT# is low now."""
        return self.chip.interrupts.low

    def on_int(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Call watcher with INT#'s level, 0 or 1, at every change; the result ends it."""
        return self.chip.interrupts.watch(watcher)

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Send what the chip says through send, from now on."""
        self._uart.send = send

    def detach(self) -> None:
        """Take the line away; what the chip says is lost, its state stays."""
        self._uart.send = None

    def receive(self, data: bytes) -> None:
        """Take bytes of the host, cut anywhere."""
        self._uart.receive(data)

    # What a hand at the board does.

    def restart(self, cause: str = "power-up") -> None:
        """Reset by losing power, by RSTI, by RESET_ALL: everything volatile is gone (5.3)."""
        self.chip.reset()
        self.chip.deaf = NOT_RUNNING
        self._uart.reset()
        seconds = self.times.power_up if cause == "power-up" else self.times.reset
        self.chip.later(seconds, lambda: self._boot(cause))

    def unplug_cable(self) -> None:
        """Pull the Ethernet cable out."""
        self._set_cable(plugged=False)

    def plug_cable(self) -> None:
        """Put the Ethernet cable in."""
        self._set_cable(plugged=True)

    def conflict_ip(self) -> None:
        """Let another device have the chip's IP address (5.11)."""
        if self.chip.initialised:
            self.chip.interrupts.raise_bits(codes.GINT_IP_CONFLI)

    def report_unreachable(self, code: int, protocol: int, ip: str, port: int) -> None:
        """Let an ICMP message arrive that says that ip cannot be reached (5.11)."""
        if self.chip.initialised:
            self.chip.tell_unreachable(code, protocol, port, IPv4Address(ip).packed)

    def set_dhcp_server(self, lease: Lease | None) -> None:
        """Let a server give this from now on; None: there is no server."""
        self.chip.dhcp.server = lease
        self.chip.dhcp.server_changed()

    @property
    def sockets(self) -> list[ChipSocket]:
        """The chip's four sockets."""
        return self.chip.sockets

    def close(self) -> None:
        """Stop every timer and close every real socket; the chip does nothing any more."""
        self._closed = True
        self.detach()
        self.chip.close()
        self.chip.deaf = NOT_RUNNING
        self._uart.close()
        self.faults.close()

    # Inside.

    def _boot(self, cause: str) -> None:
        self.chip.deaf = ""
        self.emit(ChipStarted(cause, self.baud))

    def _set_cable(self, *, plugged: bool) -> None:
        if plugged != self.chip.plugged:
            self.emit(CableChanged(plugged))
            self.chip.set_cable(plugged=plugged)

    def _on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        self.emit(FaultSwitched(name, on))
        if name == "int-stuck-low":
            self.chip.interrupts.refresh()
        elif name == "cable":
            self._set_cable(plugged=not on)
        elif name == "silent-reset" and on:
            self.faults.switch_off(name)
            self.restart("silent-reset")
        elif name == "dhcp-change" and on:
            self.faults.switch_off(name)
            self._change_lease()

    def _change_lease(self) -> None:
        server = self.chip.dhcp.server or SERVER
        self.set_dhcp_server(dataclasses.replace(server, ip=str(IPv4Address(server.ip) + 1)))
