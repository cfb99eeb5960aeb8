"""Programs on a preloaded spidev device: the C core's way, and a plain binding's.

`spi_programs.py core|plain COUNT` asks CHECK_EXIST so often and prints the median microseconds.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import statistics
import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = "/dev/spidev0.0"
SPEED = 8_000_000
MESSAGE_1 = 0x40206B00
"""SPI_IOC_MESSAGE(1)."""
WR_MODE = 0x40016B01
TRANSFER = struct.Struct("=QQIIHBBBBBx")
"""struct spi_ioc_transfer."""


def core() -> Callable[[], bytes]:
    """One ioctl a command."""
    from chiplink import _core

    device = _core.Spi(DEVICE.encode(), (0, 0, SPEED, 2, 2, 0, 4096, 2000))
    return lambda: device.run((b"\x06\x57",))[0]


def plain() -> Callable[[], bytes]:
    """One ioctl a segment, the chip kept selected by cs_change, as bindings of one segment do."""
    fd = os.open(DEVICE, os.O_RDWR)
    fcntl.ioctl(fd, WR_MODE, b"\0")
    tx, rx = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    addresses = ctypes.addressof(tx), ctypes.addressof(rx)

    def transfer(sent: bytes, *, held: bool) -> bytes:
        tx[: len(sent)] = sent
        rest = 2 if held else 0
        fcntl.ioctl(
            fd, MESSAGE_1, TRANSFER.pack(*addresses, len(sent), SPEED, rest, 8, held, 0, 0, 0)
        )
        return rx.raw[: len(sent)]

    def ask() -> bytes:
        transfer(b"\x06", held=True)
        transfer(b"\x57", held=True)
        return transfer(b"\0", held=False)

    return ask


def main(way: str, count: str) -> None:
    ask = {"core": core, "plain": plain}[way]()
    times = []
    for _ in range(int(count)):
        begin = time.perf_counter_ns()
        answer = ask()
        times.append(time.perf_counter_ns() - begin)
        if answer != b"\xa8":
            sys.exit(f"{way}: {answer.hex()} is not the complement")
    print(statistics.median(times) / 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
