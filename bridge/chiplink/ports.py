"""From a port as the user wrote it to something that can be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.exceptions import ConfigError
from chiplink.transport.interrupt import interrupt_at
from chiplink.transport.memory import MemoryPort
from chiplink.transport.serial import SerialPort
from chiplink.transport.spi import SpiPort

if TYPE_CHECKING:
    from chiplink.transport.base import Port
    from chiplink.transport.interrupt import Interrupt
    from chiplink.transport.url import PortUrl


def make_port(url: PortUrl, chip: str, text: str) -> Port:
    """Return the port of `url` for a chip of the kind `chip`; ConfigError if it is an SPI bus."""
    if url.is_spi:
        raise ConfigError([f"{text}: a {chip} is not driven over SPI here; write serial:///dev/…"])
    if url.scheme == "sim":
        return _simulated(chip, text)
    return SerialPort(url.path, baud=url.baud, low_lines=chip == "ch9329")


def make_spi_port(url: PortUrl) -> SpiPort:
    """Return the SPI bus of `url`; ConfigError if it is another kind of port."""
    if url.spi is None:
        raise ConfigError([f"{url.scheme}:// is no SPI bus; write spi:///dev/spidev0.0"])
    return SpiPort(url.path, url.spi, wire=url.scheme == "spi+unix")


def make_interrupt(url: PortUrl) -> Interrupt | None:
    """Return where INT# of `url` is, None if it is not wired."""
    return interrupt_at(url.interrupt) if url.interrupt else None


def _simulated(chip: str, text: str) -> Port:
    from chiplink.sim.runner import SIMULATORS  # noqa: PLC0415 - simulators cost memory

    return MemoryPort(SIMULATORS[chip](), text, baud=9600)
