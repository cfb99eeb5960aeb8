"""A CH392 over SPI: whole commands to a spidev device or to a simulator's wire (spi.h)."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink import _core
from chiplink.exceptions import LocalMisuseError, PortError
from chiplink.transport import holders
from chiplink.transport.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEED = 8_000_000
GAPLESS_SPEED = 800_000
"""Hz unless told: the most, and at which one gapless transfer was seen to work."""

GAP = 2
"""Microseconds unless told, after the command byte and before the first byte read."""

DEV = Path("/dev")
BUFSIZ = Path("/sys/module/spidev/parameters/bufsiz")
DEFAULT_BUFSIZ = 4096
LARGEST_BUFSIZ = 65_536
"""Bytes; the kernel's default, and the most that makes a difference."""

WIRE_DEADLINE_MS = 2000
"""That a simulator may take for one call."""

OPEN_DEADLINE = 10.0
RUN_DEADLINE = 10.0
CLOSE_DEADLINE = 5.0
"""Seconds. The kernel ends a transfer that hangs by itself; these are for when it does not."""

MAX_WAITING = 64
"""Calls of run() that may wait for the bus."""

MAX_COMMANDS = _core.SPI_COMMANDS
"""Commands in one call of run()."""

OVERLAY = "dtparam=spi=on in /boot/firmware/config.txt"

_DEVICE = {
    errno.EACCES: "no permission; add the user to the group: sudo usermod -aG spi $USER,"
    " then log in again",
    errno.EPERM: "no permission; add the user to the group: sudo usermod -aG spi $USER,"
    " then log in again",
    errno.EBUSY: "another program has the device; as root `chiplink ports` says which",
    errno.ENOTTY: "this is no SPI device; `chiplink ports` lists what there is",
    errno.EMSGSIZE: "the command is longer than spidev's buffer; spidev.bufsiz=65536 in"
    " /boot/firmware/cmdline.txt enlarges it",
    errno.ENODEV: "the device is gone; is its overlay still there?",
    errno.ENXIO: "the device is gone; is its overlay still there?",
    errno.ESHUTDOWN: "the device is gone; is its overlay still there?",
    errno.EIO: "the SPI controller broke the transfer off; try a lower speed=",
    errno.ETIMEDOUT: "the SPI controller did not finish; restart, and try a lower speed=",
}

_WIRE = {
    errno.ENOENT: "no simulator there; start one: chiplink sim ch392 --spi {path}",
    errno.ECONNREFUSED: "no simulator there; start one: chiplink sim ch392 --spi {path}",
    errno.EACCES: "no permission; the simulator is another user's",
    errno.EBUSY: "too many programs wait for the simulator",
    errno.ETIMEDOUT: "the simulator does not answer; does another program hold its wire?",
    errno.ECONNRESET: "the simulator is gone",
    errno.EPIPE: "the simulator is gone",
    errno.EPROTO: "the simulator sent what nobody asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiOptions:
    """How the bus is driven: Hz, mode 0 or 3, microseconds; `gap` None leaves it to the chip."""

    speed: int = SPEED
    mode: int = 0
    gap: int | None = None
    gapless: bool = False


class SpiBus:
    """An open bus, for one chip; all methods are called on the loop.

    `max_write` and `max_read` are the data bytes of the longest WRITE_SEND_BUF_SN and
    READ_RECV_BUF_SN in one transfer; a longer READ is carried out as several.
    """

    def __init__(self, device: _core.Spi, worker: Worker, port: SpiPort) -> None:
        self._device = device
        self._worker = worker
        self._port = port
        self._open = True
        self._waiting = 0
        self.max_write = device.max_write
        self.max_read = device.max_read

    async def run(self, commands: Sequence[bytes]) -> list[bytes]:
        """Carry commands out (code and arguments), up to MAX_COMMANDS, each one transfer.

        Returns their replies in order, empty ones too. The times between commands (a row's
        `pause`) are the caller's. ValueError: one is no command, or it does not fit; nothing
        was sent. PortError: the bus is lost, close it; some may have been carried out.
        """
        if not self._open:
            raise PortError(f"{self._port.name}: the bus is closed")
        if self._waiting >= MAX_WAITING:
            raise LocalMisuseError(f"{self._port.name}: {MAX_WAITING} calls wait already")
        self._waiting += 1
        running = self._worker.call(partial(self._device.run, tuple(commands)))
        # asyncio.timeout would cost as much as a sixth of the way to the thread and back.
        deadline = running.get_loop().call_later(RUN_DEADLINE, _expire, running)
        try:
            return await running
        except OSError as error:
            raise self._port.explain(error) from error
        finally:
            deadline.cancel()
            self._waiting -= 1

    async def close(self) -> None:
        """Close when what runs has ended; harmless when closed."""
        if not self._open:
            return
        self._open = False
        closing = self._worker.call(self._device.close)
        self._worker.stop()
        await asyncio.wait([closing], timeout=CLOSE_DEADLINE)


class SpiPort:
    """A spidev device, or a simulator's socket with `wire`, by its path."""

    def __init__(
        self,
        path: str,
        options: SpiOptions | None = None,
        *,
        name: str = "",
        wire: bool = False,
        bufsiz: Path = BUFSIZ,
    ) -> None:
        self.name = name or path
        self._path = path
        self._options = options or SpiOptions()
        self._wire = wire
        self._bufsiz = bufsiz

    async def open(self, *, gap: int = GAP, turn: int = GAP) -> SpiBus:
        """Open, for this program alone; raises PortError with the way out.

        `gap` and `turn` are microseconds after the command byte and before the first byte read
        (a profile's); the options' own go first.
        """
        own = self._options.gap
        settings = self._settings(gap if own is None else own, turn if own is None else own)
        worker = Worker(f"spi {self._path}")
        opening = worker.call(partial(self._open, settings))
        try:
            async with asyncio.timeout(OPEN_DEADLINE):
                device = await asyncio.shield(opening)
        except BaseException as error:
            opening.add_done_callback(_close_late)
            worker.stop()
            if isinstance(error, OSError):
                raise self.explain(error) from error
            raise
        return SpiBus(device, worker, self)

    def explain(self, error: OSError) -> PortError:
        """Return the one line that names the bus and the way out."""
        number = error.errno or errno.ETIMEDOUT
        ways = _WIRE if self._wire else _DEVICE
        way = ways.get(number, os.strerror(number)).format(path=self._path)
        if number == errno.ENOENT and not self._wire:
            way = _absent()
        elif number == errno.EINVAL:
            way = (
                f"the SPI controller takes no mode {self._options.mode} at"
                f" {self._options.speed} Hz; try another mode= (0 or 3) or a lower speed="
            )
        return PortError(f"{self._path}: {way}")

    def _settings(self, gap: int, turn: int) -> tuple[int, ...]:
        options = self._options
        bufsiz = LARGEST_BUFSIZ if self._wire else read_bufsiz(self._bufsiz)
        if bufsiz < _core.SPI_BUFSIZ_MIN:
            raise PortError(
                f"{self._path}: spidev's buffer has {bufsiz} bytes and {_core.SPI_BUFSIZ_MIN} are"
                " needed; take spidev.bufsiz= out of /boot/firmware/cmdline.txt"
            )
        timing = (options.speed, gap, turn, int(options.gapless))
        return (int(self._wire), options.mode, *timing, bufsiz, WIRE_DEADLINE_MS)

    def _open(self, settings: tuple[int, ...]) -> _core.Spi:
        """Open on the worker's thread; spidev would let several programs in."""
        if not self._wire:
            for holder in holders.holders_of(self._path):
                raise PortError(f"{self._path}: {holders.explain_holder(self._path, holder)}")
        return _core.Spi(os.fsencode(self._path), settings)


def read_bufsiz(path: Path = BUFSIZ) -> int:
    """Return the bytes of spidev's buffers; the kernel's default where it cannot be read."""
    try:
        return min(int(path.read_text("ascii")), LARGEST_BUFSIZ)
    except (OSError, ValueError):
        return DEFAULT_BUFSIZ


def _absent() -> str:
    others = sorted(DEV.glob("spidev*"))
    if others:
        return f"no such SPI device; there is {', '.join(map(str, others))}"
    return f"no such SPI device; SPI is off: put {OVERLAY}, then restart"


def _expire(running: asyncio.Future[list[bytes]]) -> None:
    if not running.done():
        running.set_exception(TimeoutError())


def _close_late(opening: asyncio.Future[_core.Spi]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
