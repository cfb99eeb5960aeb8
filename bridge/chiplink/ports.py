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
    from chiplink.transport.memory import MemoryTransport
    from chiplink.transport.url import PortUrl

SIMULATED_BAUD = 9600
"""The rate of a chip in this process where the port names none; its line has none in truth."""


def make_port(url: PortUrl, chip: str, text: str) -> Port:
    """Return the port of `url` for a chip of the kind `chip`; ConfigError if it is an SPI bus."""
    if url.is_spi:
        raise ConfigError([f"{text}: a {chip} is not driven over SPI here; write serial:///dev/…"])
    if url.scheme == "sim":
        return SimulatedPort(chip, text, url.baud or SIMULATED_BAUD)
    return SerialPort(url.path, baud=url.baud, low_lines=chip == "ch9329")


def make_spi_port(url: PortUrl) -> SpiPort:
    """Return the SPI bus of `url`; ConfigError if it is another kind of port."""
    if url.spi is None:
        raise ConfigError([f"{url.scheme}:// is no SPI bus; write spi:///dev/spidev0.0"])
    return SpiPort(url.path, url.spi, wire=url.scheme == "spi+unix")


def make_interrupt(url: PortUrl) -> Interrupt | None:
    """Return where INT# of `url` is, None if it is not wired."""
    return interrupt_at(url.interrupt) if url.interrupt else None


class SimulatedPort:
    """A Port whose chip is simulated in this process, from its first opening on."""

    def __init__(self, chip: str, name: str, baud: int) -> None:
        self.name = name
        self.baud = baud
        self._chip = chip
        self._port: MemoryPort | None = None

    async def open(self, baud: int) -> MemoryTransport:
        """Open a new line to the chip, which is made here because its times need the loop."""
        if self._port is None:
            from chiplink.sim.runner import SIMULATORS  # noqa: PLC0415 - simulators cost memory

            self._port = MemoryPort(SIMULATORS[self._chip](), self.name, self.baud)
        return await self._port.open(baud)
