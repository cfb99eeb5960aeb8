"""A serial port as a Transport: pyserial opens it, the loop reads its descriptor."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING

import serial

from chiplink.exceptions import PortError
from chiplink.transport import holders
from chiplink.transport.base import MAX_QUEUED

if TYPE_CHECKING:
    from collections.abc import Callable

READ_SIZE = 4096
OPEN_DEADLINE = 10.0
CLOSE_DEADLINE = 3.0
"""Seconds; a USB adapter that is being unplugged can hold open() and close() for long."""

TIOCGEXCL = 0x80045440
"""asm-generic/ioctls.h: whether TIOCEXCL is in force; it stops only those who are not root."""

_WAY_OUT = {
    errno.ENOENT: "no such port; is the cable plugged in? `chiplink ports` lists what there is",
    errno.EACCES: "no permission; add the user to the group: sudo usermod -aG dialout $USER,"
    " then log in again",
    errno.EPERM: "no permission; add the user to the group: sudo usermod -aG dialout $USER,"
    " then log in again",
    errno.EBUSY: "another program holds the port",
    errno.EIO: "the adapter does not answer; unplug it and plug it in again",
    errno.ENODEV: "the adapter is gone; plug it in again",
    errno.ENXIO: "the adapter is gone; plug it in again",
    errno.ENOTTY: "this is not a serial port",
    errno.EINVAL: "the port does not know this baud rate",
}


def explain(path: str, error: OSError) -> PortError:
    """Return the one line that names the port and the way out."""
    number = error.errno if error.errno is not None else _nested_errno(error)
    way = _WAY_OUT.get(number or 0, os.strerror(number) if number else str(error))
    return PortError(f"{path}: {way}")


def explain_busy(path: str) -> PortError:
    """Return the one line that names who holds the port, as far as /proc tells."""
    found = holders.holders_of(path)
    if found:
        first = next((holder for holder in found if holder.is_console), found[0])
        return PortError(f"{path}: {holders.explain_holder(path, first)}")
    manager = holders.modem_manager()
    if manager is not None:
        way = holders.explain_holder(path, manager).removeprefix("held by ")
        return PortError(f"{path}: another program holds the port, perhaps {way}")
    return PortError(f"{path}: {_WAY_OUT[errno.EBUSY]}; as root `chiplink ports` says which")


def _nested_errno(error: BaseException) -> int | None:
    """Find the errno that pyserial folds into its own exception, or leaves behind it."""
    for arg in error.args:
        if isinstance(arg, int):
            return arg
        nested = getattr(arg, "errno", None)
        if isinstance(nested, int):
            return nested
    return None if error.__context__ is None else _nested_errno(error.__context__)


class SerialTransport:
    """An open serial port."""

    def __init__(self, device: serial.Serial, path: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._device = device
        self._path = path
        self._fd: int = device.fileno()
        self._queued = bytearray()
        self._open = True
        self._on_data: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[PortError], None] | None = None

    @property
    def baud(self) -> int:
        """Bits a second."""
        return int(self._device.baudrate)

    def start(self, on_data: Callable[[bytes], None], on_lost: Callable[[PortError], None]) -> None:
        """Read on the loop from now on."""
        self._on_data, self._on_lost = on_data, on_lost
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Write what the kernel takes at once, queue the rest."""
        if not self._open:
            raise PortError(f"{self._path}: the port is closed")
        if self._queued:
            self._queue(data)
            return
        try:
            taken = os.write(self._fd, data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._lose(error)
            raise explain(self._path, error) from error
        if taken < len(data):
            self._queue(data[taken:])

    async def set_baud(self, baud: int) -> None:
        """Change the rate; raises PortError when the port does not know it."""
        try:
            self._device.baudrate = baud
        except (OSError, ValueError) as error:
            raise PortError(f"{self._path}: the port cannot do {baud} baud") from error

    async def close(self) -> None:
        """Drop what waits to be sent, then close, in an executor: drivers may block."""
        if not self._open:
            return
        self._stop()
        closing = self._loop.run_in_executor(None, _close, self._device)
        # Never cancelled: before it begins, the executor would leave the device open.
        await asyncio.wait([closing], timeout=CLOSE_DEADLINE)

    def _queue(self, data: bytes) -> None:
        if len(self._queued) + len(data) > MAX_QUEUED:
            raise PortError(f"{self._path}: the port takes no data; is flow control wired?")
        if not self._queued:
            self._loop.add_writer(self._fd, self._writable)
        self._queued += data

    def _writable(self) -> None:
        try:
            del self._queued[: os.write(self._fd, self._queued)]
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not self._queued:
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(OSError(errno.ENODEV, "end of file"))
        elif self._on_data is not None:
            self._on_data(data)

    def _stop(self) -> None:
        self._open = False
        self._queued.clear()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)

    def _lose(self, error: OSError) -> None:
        if not self._open:
            return
        self._stop()
        self._loop.run_in_executor(None, _close, self._device)
        if self._on_lost is not None:
            self._on_lost(explain(self._path, error))


class SerialPort:
    """A serial port by its path; `low_lines` lowers DTR and RTS as it is opened."""

    def __init__(self, path: str, *, baud: int | None = None, low_lines: bool = False) -> None:
        self.name = path
        self.baud = baud
        self._low_lines = low_lines

    async def open(self, baud: int) -> SerialTransport:
        """Open 8N1 without flow control, for this process alone."""
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, _open, self.name, baud, self._low_lines)
        try:
            async with asyncio.timeout(OPEN_DEADLINE):
                device = await asyncio.shield(opening)
        except TimeoutError:
            opening.add_done_callback(_close_late)
            raise PortError(f"{self.name}: opening takes too long; replug the adapter") from None
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        except OSError as error:
            raise explain(self.name, error) from error
        return SerialTransport(device, self.name)


def _open(path: str, baud: int, low_lines: bool) -> serial.Serial:  # noqa: FBT001
    _refuse_held(path)
    device = serial.Serial()
    device.port = path
    device.baudrate = baud
    device.timeout = 0
    device.write_timeout = 0
    if low_lines:
        device.dtr = False
        device.rts = False
    try:
        device.open()
    except OSError as error:
        if _nested_errno(error) == errno.EBUSY:
            raise explain_busy(path) from error
        raise
    try:
        fcntl.ioctl(device.fileno(), termios.TIOCEXCL)
        device.reset_input_buffer()
    except (OSError, termios.error) as error:
        device.close()
        raise OSError(*error.args) from error
    return device


def _refuse_held(path: str) -> None:
    """Raise PortError if somebody uses the port whom the kernel would let us disturb.

    A login console takes no exclusive hold, and none is a bar to root. Nothing is
    opened unless the port is open anyway: opening raises DTR and RTS.
    """
    found = holders.holders_of(path)
    if any(holder.is_console for holder in found) or (found and _is_exclusive(path)):
        raise explain_busy(path)


def _is_exclusive(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        return error.errno == errno.EBUSY
    try:
        (exclusive,) = struct.unpack("i", fcntl.ioctl(fd, TIOCGEXCL, bytes(4)))
    except OSError:
        return False
    else:
        return bool(exclusive)
    finally:
        os.close(fd)


def _close(device: serial.Serial) -> None:
    """Flush the output first: close() would wait for a line that takes nothing."""
    try:
        termios.tcflush(device.fileno(), termios.TCOFLUSH)
        fcntl.ioctl(device.fileno(), termios.TIOCNXCL)
    except (OSError, termios.error):
        pass  # already gone; closing is all that is left
    device.close()


def _close_late(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, _close, opening.result())
