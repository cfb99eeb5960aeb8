"""INT#, the pin by which a CH392 says that it has something to tell, as a descriptor to wait for.

The chip may be on SPI or on UART. INT# is low while an event waits. An edge can get lost: look at
the level once a second besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from chiplink.exceptions import PortError

if TYPE_CHECKING:
    from collections.abc import Awaitable

OPEN_DEADLINE = 5.0
"""Seconds."""

ASK_EVERY = 0.9
"""Seconds between questions for a simulator's level: for edges that got lost, no more."""

CHUNK = 256
EDGES = 16
"""Levels of a socket, edges of a GPIO line, that are read at once."""

_NEEDS = (
    "INT# needs gpiod 2.1 or later:"
    f" pip --python {sys.executable} install 'gpiod>=2.1'; or leave int= out"
)

_GPIO = {
    errno.ENOENT: "no such GPIO chip; ls /dev/gpiochip* lists them",
    errno.EACCES: "no permission; add the user to the group: sudo usermod -aG gpio $USER,"
    " then log in again",
    errno.EPERM: "no permission; add the user to the group: sudo usermod -aG gpio $USER,"
    " then log in again",
    errno.EBUSY: "another program or an overlay has this line; gpioinfo says which",
    errno.EINVAL: "the GPIO chip has no such line; gpioinfo lists them",
    errno.ENODEV: "the GPIO chip is gone",
    errno.ENXIO: "the GPIO chip is gone",
}

_SOCKET = {
    errno.ENOENT: "no simulator's INT# there",
    errno.ECONNREFUSED: "no simulator's INT# there",
    errno.EACCES: "no permission; the simulator is another user's",
}


class IntLine(Protocol):
    """An open line. All methods are called on the loop, and none waits."""

    @property
    def fd(self) -> int:
        """Readable after an edge: add it as a reader, and acknowledge."""

    def level(self) -> int | None:
        """Return 0 while INT# is low, 1 while it is high, None if unknown; raises PortError."""

    def acknowledge(self) -> None:
        """Take what made the descriptor readable; raises PortError when the line is lost."""

    def close(self) -> None:
        """Let go of it; harmless when closed."""


class Interrupt(Protocol):
    """A place where such a line can be opened again and again."""

    @property
    def name(self) -> str:
        """How the user wrote it."""

    def open(self) -> Awaitable[IntLine]:
        """Open it; raises PortError with the way out."""


def interrupt_at(place: str) -> Interrupt:
    """Return the line that `gpiochip0:25`, or the path of a simulator's socket, names."""
    if place.startswith("/"):
        return SocketInterrupt(place)
    chip, _, offset = place.partition(":")
    return GpioInterrupt(chip, int(offset))


class GpioLine:
    """A line of a GPIO chip, by a request of gpiod's."""

    def __init__(self, request: Any, offset: int, name: str, high: object) -> None:
        self._request = request
        self._offset = offset
        self._name = name
        self._high = high
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)

    @property
    def fd(self) -> int:
        """Readable after a falling edge."""
        return int(self._request.fd)

    def level(self) -> int | None:
        """Ask the kernel for the level."""
        try:
            return int(self._request.get_value(self._offset) is self._high)
        except OSError as error:
            raise _explain(self._name, _GPIO, error) from error

    def acknowledge(self) -> None:
        """Take the edges that wait; reading without one would wait for it."""
        try:
            while self._poll.poll(0):
                self._request.read_edge_events(EDGES)
        except OSError as error:
            raise _explain(self._name, _GPIO, error) from error

    def close(self) -> None:
        """Give the line back."""
        if self._request:  # false once it is released
            self._request.release()


class GpioInterrupt:
    """A line of a GPIO chip: `GpioInterrupt("gpiochip0", 25)`."""

    def __init__(self, chip: str, offset: int) -> None:
        self.name = f"{chip}:{offset}"
        self._chip = chip
        self._offset = offset

    async def open(self) -> GpioLine:
        """Ask for falling edges."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN_DEADLINE):
                return await loop.run_in_executor(None, self._open)
        except OSError as error:
            raise _explain(self.name, _GPIO, error) from error

    def _open(self) -> GpioLine:
        try:
            import gpiod  # noqa: PLC0415 - optional, and only here
        except ImportError:
            raise PortError(f"{self.name}: {_NEEDS}") from None
        if not hasattr(gpiod, "request_lines"):
            raise PortError(f"{self.name}: {_NEEDS} (this gpiod is older)")
        bias = gpiod.line.Bias
        try:
            request = self._request(gpiod, bias.PULL_UP)
        except OSError as error:
            # Not every chip can pull; INT# is driven, the pull is for a wire that came off.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            request = self._request(gpiod, bias.AS_IS)
        return GpioLine(request, self._offset, self.name, gpiod.line.Value.ACTIVE)

    def _request(self, gpiod: Any, bias: object) -> Any:
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.INPUT,
            edge_detection=gpiod.line.Edge.FALLING,
            bias=bias,
        )
        return gpiod.request_lines(
            f"/dev/{self._chip}", consumer="chiplink", config={self._offset: settings}
        )


class SocketLine:
    """A simulator's INT#: a socket that sends a byte 0 or 1 at each change of the level."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self._sock = sock
        self._name = name
        self._level: int | None = None
        self._ask_at = 0.0

    @property
    def fd(self) -> int:
        """Readable after a change."""
        return self._sock.fileno()

    def level(self) -> int | None:
        """Return what was told last; ask now and then, by an answer that comes as an edge."""
        self.acknowledge()
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + ASK_EVERY
            with contextlib.suppress(BlockingIOError):
                self._send()
        return self._level

    def acknowledge(self) -> None:
        """Read the changes that wait; the last one counts."""
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise PortError(f"{self._name}: the simulator is gone") from error
        if not data:
            raise PortError(f"{self._name}: the simulator is gone")
        if data[-1] > 1:
            raise PortError(f"{self._name}: {data[-1]:02X} is no level")
        self._level = data[-1]

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _send(self) -> None:
        try:
            self._sock.send(b"?", socket.MSG_NOSIGNAL)
        except BlockingIOError:
            raise
        except OSError as error:
            raise PortError(f"{self._name}: the simulator is gone") from error


class SocketInterrupt:
    """A simulator's INT# by the path of its socket."""

    def __init__(self, path: str) -> None:
        self.name = path

    async def open(self) -> SocketLine:
        """Connect; the level follows at once."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.setblocking(False)
            sock.connect(self.name)
        except OSError as error:
            sock.close()
            raise _explain(self.name, _SOCKET, error) from error
        return SocketLine(sock, self.name)


def _explain(name: str, ways: dict[int, str], error: OSError) -> PortError:
    number = error.errno or errno.ETIMEDOUT
    return PortError(f"{name}: {ways.get(number, os.strerror(number))}")
