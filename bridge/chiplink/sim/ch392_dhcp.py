"""The CH392's DHCP client (sections 5.30 to 5.32) and the server that may answer it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_events import DhcpChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_chip import Chip

SUCCESS = 0
ERROR = 1
NO_IP = "0.0.0.0"  # noqa: S104 - what the chip calls itself before it has an address


@dataclass(frozen=True, slots=True)
class Lease:
    """An IP configuration, in the order of GET_IP_INF (5.32)."""

    ip: str = NO_IP
    gateway: str = NO_IP
    mask: str = "255.255.255.0"
    dns1: str = NO_IP
    dns2: str = NO_IP

    def packed(self) -> bytes:
        """Return the twenty bytes of GET_IP_INF."""
        fields = (self.ip, self.gateway, self.mask, self.dns1, self.dns2)
        return b"".join(IPv4Address(field).packed for field in fields)


class Dhcp:
    """The client; server is what a server of the network would give, None without one."""

    def __init__(self, chip: Chip, server: Lease | None) -> None:
        self.server = server
        self.status = ERROR
        self.enabled = False
        self._chip = chip
        self._lease: Lease | None = None
        self._cancel: Callable[[], None] | None = None

    def start(self) -> None:
        """Look for a server from now on."""
        self.stop()
        self.enabled = True
        self._discover()

    def stop(self) -> None:
        """Look no more; the address stays."""
        self.enabled = False
        self.status = ERROR
        self._lease = None
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def server_changed(self) -> None:
        """Take another configuration that the server gives to a client that has one."""
        if self._lease is not None and self._answered() and self.server != self._lease:
            self._bind()

    def _discover(self) -> None:
        times = self._chip.times
        if self._answered():
            self._cancel = self._chip.later(times.dhcp_answer, self._bind)
        else:
            seconds = times.period(times.dhcp_retry)
            self._cancel = self._chip.later_unscaled(seconds, self._time_out)

    def _answered(self) -> bool:
        return (
            self._chip.ether.up
            and self.server is not None
            and not self._chip.faults.is_on("dhcp-none")
        )

    def _bind(self) -> None:
        self._cancel = None
        if self.server is None or not self._answered():
            self._discover()
            return
        self._lease = self._chip.net = self.server
        self._tell(SUCCESS)

    def _time_out(self) -> None:
        self._tell(ERROR)
        self._discover()

    def _tell(self, status: int) -> None:
        self.status = status
        self._chip.emit(DhcpChanged(status, self._chip.net.ip))
        self._chip.interrupts.raise_bits(codes.GINT_DHCP)
