"""The speed of a terminal in baud, any number: Linux's struct termios2."""

from __future__ import annotations

import fcntl
import struct

# asm-generic/ioctls.h and termbits.h; the standard library's termios knows only the named speeds.
_TCGETS2 = 0x802C542A
_TCSETS2 = 0x402C542B
_CBAUD = 0o010017
_BOTHER = 0o010000
_TERMIOS2 = struct.Struct("4IB19s2I")


def speed_of(fd: int) -> int:
    """Return the output speed that was set last on the terminal."""
    fields = _TERMIOS2.unpack(fcntl.ioctl(fd, _TCGETS2, bytes(_TERMIOS2.size)))
    return int(fields[-1])


def set_speed(fd: int, baud: int) -> None:
    """Set both speeds."""
    fields = list(_TERMIOS2.unpack(fcntl.ioctl(fd, _TCGETS2, bytes(_TERMIOS2.size))))
    fields[2] = fields[2] & ~_CBAUD | _BOTHER
    fields[-2:] = [baud, baud]
    fcntl.ioctl(fd, _TCSETS2, _TERMIOS2.pack(*fields))
