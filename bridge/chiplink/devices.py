"""From a device's settings and its port to its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.ch392_spi_bus import SpiLinePort
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.ports import make_interrupt, make_port, make_spi_port
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
    if isinstance(settings, Ch392Settings):
        return Ch392(settings, bus_port(url, text, settings.profile, memory, tap))
    return Ch9329(settings, _line(url, "ch9329", text, tap), memory)


def bus_port(
    url: PortUrl,
    text: str,
    profile: Profile,
    memory: Memory | None = None,
    tap: Tap | None = None,
) -> BusPort:
    """Return the way to a CH392, over SPI or UART."""
    if url.is_spi:
        return SpiLinePort(make_spi_port(url), profile, make_interrupt(url), tap)
    return UartBusPort(_line(url, "ch392", text, tap), profile, memory, make_interrupt(url))


def _line(url: PortUrl, chip: str, text: str, tap: Tap | None) -> Port:
    port = make_port(url, chip, text)
    return port if tap is None else TapPort(port, tap)
