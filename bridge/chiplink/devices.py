"""From a device's settings and its port to its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.ports import make_port
from chiplink.transport.tap import Tap, TapPort

if TYPE_CHECKING:
    from chiplink.driver.ch392_bus import BusPort
    from chiplink.driver.device import Device, Memory
    from chiplink.protocol.ch392_profile import Profile
    from chiplink.transport.base import Port
    from chiplink.transport.url import PortUrl

Settings = Ch9329Settings | Ch392Settings


def chip_of(settings: Settings) -> str:
    """Return the name of the chip that these settings are for."""
    return "ch392" if isinstance(settings, Ch392Settings) else "ch9329"


def make_device(
    settings: Settings, url: PortUrl, text: str, memory: Memory, tap: Tap | None = None
) -> Device:
    """Return a driver, not yet running; `memory` outlives it, `tap` hears its line."""
    port: Port = make_port(url, chip_of(settings), text)
    if tap is not None:
        port = TapPort(port, tap)
    if isinstance(settings, Ch392Settings):
        return Ch392(settings, bus_port(port, settings.profile, memory))
    return Ch9329(settings, port, memory)


def bus_port(port: Port, profile: Profile, memory: Memory | None = None) -> BusPort:
    """Return the line to a CH392."""
    return UartBusPort(port, profile, memory)
