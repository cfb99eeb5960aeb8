"""A serial port made of a pseudo-terminal, for any program to open: speed, pace, hang-up."""

from __future__ import annotations

import asyncio
import fcntl
import os
import termios
import tty
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from . import termios_speed
from .line import DelayLine, heard
from .link import PortLink
from .port_watch import PortWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

READ_SIZE = 4096
OUT_MAX = 4096  # bytes that wait for the program, beyond what the kernel holds
IN_MAX = 1024  # paced bytes on their way in, before the program has to wait
FIRST_SPEED = 9600  # of a port that no program has set, as a real one's


class Chip(Protocol):
    """What is at the other end of a line."""

    @property
    def baud(self) -> int:
        """The baud rate in force."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Send what the chip says through send."""

    def detach(self) -> None:
        """Take the line away."""

    def receive(self, data: bytes) -> None:
        """Take bytes of the host."""


@runtime_checkable
class TunesItself(Protocol):
    """A chip that finds the host's baud rate."""

    def tune(self, speed: int) -> None:
        """Hear that the host speaks at this rate."""


class PtyLine:
    """A pseudo-terminal between programs and a chip; a context manager that opens and closes it.

    A program that has set another speed than the chip's hears and sends garbage, unless
    check_speed is off; what it wrote before it changed a right speed was sent at that one.
    pace makes bytes take their time. link is a path to point at the port.
    """

    def __init__(
        self,
        chip: Chip,
        *,
        link: str | Path | None = None,
        pace: bool = False,
        check_speed: bool = True,
    ) -> None:
        self.received = 0  # bytes the program wrote
        self.sent = 0  # bytes the program may read
        self.dropped = 0  # bytes the program left unread until there was no room
        self.garbled = 0  # bytes that crossed at the wrong speed, both ways
        self.port = ""
        self._chip = chip
        self._link = PortLink(link) if link is not None else None
        self._pace = pace
        self._check_speed = check_speed
        self._master = self._slave = -1
        self._waiting = bytearray()
        self._reading = False
        self._last_speed = 0  # the program's when bytes last crossed; 0 once it closed the port
        self._watch: PortWatch | None = None

    @property
    def path(self) -> str:
        """What a program opens: the link if there is one, else the port itself."""
        return str(self._link.path) if self._link is not None else self.port

    @property
    def speed(self) -> int:
        """The speed the program has set, in baud."""
        return termios_speed.speed_of(self._slave)

    async def __aenter__(self) -> Self:
        """Open the port and connect the chip."""
        self._loop = asyncio.get_running_loop()
        self._inward = DelayLine(self._to_chip)
        self._outward = DelayLine(self._to_program)
        self.reopen()
        self._chip.attach(self.send)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect the chip, close the port and take the link away if it is still ours."""
        self._chip.detach()
        self.hang_up()

    def reopen(self) -> None:
        """Be a new port, as an adapter that is put in again; the link points to it."""
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        # The slave stays open here, so that a program that closes it leaves no EIO behind.
        tty.setraw(self._slave)
        termios_speed.set_speed(self._slave, FIRST_SPEED)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        try:
            if self._link is not None:
                self._link.point_to(self.port)
        except OSError:
            self._close()
            raise
        self._listen()
        self._watch = PortWatch(self.port, self._on_closed)

    def hang_up(self) -> None:
        """Be gone, as an adapter that is pulled out: who has the port open gets an I/O error."""
        if self._master < 0:
            return
        if self._link is not None:
            self._link.remove()
        if self._watch is not None:
            self._watch.close()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        self._reading = False
        self._inward.clear()
        self._outward.clear()
        self._waiting.clear()
        self._close()

    def send(self, data: bytes) -> None:
        """Send bytes of the chip to the program; lost while hung up, bounded if unread."""
        if self._master < 0:
            return
        self._last_speed = self.speed
        data = self._cross(data, self._chip.baud, self._last_speed)
        room = OUT_MAX - self._outward.pending - len(self._waiting)
        self.dropped += max(0, len(data) - room)
        self._send_on(self._outward, data[: max(0, room)])

    def on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        """Hang up or come back as the fault `hangup` says: for FaultSet.watch."""
        if name == "hangup":
            (self.hang_up if on else self.reopen)()

    def _send_on(self, line: DelayLine, data: bytes) -> None:
        if self._pace:
            line.push_paced(data, self._chip.baud)
        elif data:
            line.push(data)

    def _cross(self, data: bytes, sent_at: int, heard_at: int) -> bytes:
        if not self._check_speed or sent_at == heard_at:
            return data
        self.garbled += len(data)
        return heard(data, sent_at, heard_at) if heard_at else b""

    def _on_readable(self) -> None:
        try:
            data = os.read(self._master, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        self.received += len(data)
        if isinstance(self._chip, TunesItself):
            self._chip.tune(self.speed)
        self._send_on(self._inward, self._cross(data, self._sent_at(), self._chip.baud))
        if self._inward.pending > IN_MAX:
            self._loop.remove_reader(self._master)
            self._reading = False

    def _sent_at(self) -> int:
        """Return the speed of what has just been read.

        A program may have changed its speed between its writing and our reading, as all do that
        set a chip's rate; nothing tells in what order, so the speed that the chip hears counts.
        """
        before, self._last_speed = self._last_speed, self.speed
        return before if before == self._chip.baud else self._last_speed

    def _to_chip(self, data: bytes) -> None:
        self._chip.receive(data)
        if not self._reading and self._master >= 0 and self._inward.pending <= IN_MAX:
            self._listen()

    def _listen(self) -> None:
        self._loop.add_reader(self._master, self._on_readable)
        self._reading = True

    def _to_program(self, data: bytes) -> None:
        self._waiting += data
        self._write()

    def _write(self) -> None:
        try:
            written = os.write(self._master, self._waiting)
        except (BlockingIOError, InterruptedError):
            written = 0
        self.sent += written
        del self._waiting[:written]
        if self._waiting:
            self._loop.add_writer(self._master, self._write)
        else:
            self._loop.remove_writer(self._master)

    def _on_closed(self) -> None:
        """Be free for the next program, as a port that nobody has open any more."""
        self._last_speed = 0
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def _close(self) -> None:
        self._last_speed = 0
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
