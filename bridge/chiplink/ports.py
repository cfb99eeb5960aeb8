"""From a port as the user wrote it to something that can be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.transport.memory import MemoryPort
from chiplink.transport.serial import SerialPort

if TYPE_CHECKING:
    from chiplink.transport.base import Port
    from chiplink.transport.url import PortUrl


def make_port(url: PortUrl, chip: str, text: str) -> Port:
    """Return the port of `url` for a chip of the kind `chip`."""
    if url.scheme == "sim":
        return _simulated(chip, text)
    return SerialPort(url.path, baud=url.baud, low_lines=chip == "ch9329")


def _simulated(chip: str, text: str) -> Port:
    from chiplink.sim.runner import SIMULATORS  # noqa: PLC0415 - simulators cost memory

    return MemoryPort(SIMULATORS[chip](), text, baud=9600)
