"""From a device's settings and its port to its driver; drivers of other chips stay unread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiplink.ports import make_interrupt, make_port, make_spi_port
from chiplink.transport.tap import Tap, TapPort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.driver.ch392 import Ch392Settings
    from chiplink.driver.ch392_bus import BusPort
    from chiplink.driver.ch9329 import Ch9329Settings
    from chiplink.driver.device import Device, Memory
    from chiplink.driver.modem import ModemSettings
    from chiplink.protocol.ch392_profile import Profile
    from chiplink.transport.base import Port
    from chiplink.transport.url import PortUrl

    Settings = Ch9329Settings | Ch392Settings | ModemSettings


def with_secrets(settings: Any, secrets: Mapping[str, str]) -> Settings:
    """Return settings that know the secrets, if their chip can type them."""
    known: Settings = replace(settings, secrets=secrets) if settings.chip == "ch9329" else settings
    return known


def make_device(
    settings: Settings, url: PortUrl, text: str, memory: Memory, tap: Tap | None = None
) -> Device:
    """Return a driver, not yet running; `memory` outlives it, `tap` hears its line."""
    return _MAKERS[settings.chip](settings, url, text, memory, tap)


def _ch9329(settings: Any, url: PortUrl, text: str, memory: Memory, tap: Tap | None) -> Device:
    from chiplink.driver.ch9329 import Ch9329  # noqa: PLC0415

    return Ch9329(settings, _line(url, settings.chip, text, tap), memory)


def _ch392(settings: Any, url: PortUrl, text: str, memory: Memory, tap: Tap | None) -> Device:
    from chiplink.driver.ch392 import Ch392  # noqa: PLC0415

    return Ch392(settings, bus_port(url, text, settings.profile, memory, tap))


def _modem(settings: Any, url: PortUrl, text: str, memory: Memory, tap: Tap | None) -> Device:
    from chiplink.driver.modem import Modem  # noqa: PLC0415

    return Modem(settings, _line(url, settings.chip, text, tap), memory)


_MAKERS: dict[str, Callable[[Any, PortUrl, str, Memory, Tap | None], Device]] = {
    "ch9329": _ch9329,
    "ch392": _ch392,
    "sim7028": _modem,
    "gseries": _modem,
    "sim800": _modem,
}


def bus_port(
    url: PortUrl,
    text: str,
    profile: Profile,
    memory: Memory | None = None,
    tap: Tap | None = None,
) -> BusPort:
    """Return the way to a CH392, over SPI or UART."""
    if url.is_spi:
        from chiplink.driver.ch392_spi_bus import SpiLinePort  # noqa: PLC0415

        return SpiLinePort(make_spi_port(url), profile, make_interrupt(url), tap)
    from chiplink.driver.ch392_uart_bus import UartBusPort  # noqa: PLC0415

    return UartBusPort(_line(url, "ch392", text, tap), profile, memory, make_interrupt(url))


def _line(url: PortUrl, chip: str, text: str, tap: Tap | None) -> Port:
    port = make_port(url, chip, text)
    return port if tap is None else TapPort(port, tap)
