"""The CH392's serial front end (section 6.3): sync code, command, counted arguments, answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_events import BaudChanged
from .events import BytesDropped, Replied
from .line import BITS_A_BYTE
from .noise import NoisyPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_chip import Chip
    from .ch392_processor import Processor

HEAD = 3  # sync code and command


class Uart:
    """Bytes of the host in, bytes of the chip out through send (None: nobody is connected)."""

    def __init__(self, chip: Chip, processor: Processor) -> None:
        self.baud = codes.RESET_BAUD
        self.send: Callable[[bytes], None] | None = None
        self._chip = chip
        self._processor = processor
        self._loop = asyncio.get_running_loop()
        self._in = NoisyPath("in", chip.faults, self._take)
        self._out = NoisyPath("out", chip.faults, self._deliver)
        self._held = bytearray()
        self._guard: asyncio.TimerHandle | None = None
        chip.baud_wanted = self._change_baud
        chip.interrupts.watch(self._on_int)

    def receive(self, data: bytes) -> None:
        """Take bytes of the host, cut anywhere."""
        self._in.feed(data)

    def say(self, data: bytes) -> None:
        """Send bytes to the host."""
        self._out.feed(data)

    def reset(self) -> None:
        """Be as after a reset: 9600 baud, nothing begun."""
        self._stop_guard()
        self._held.clear()
        self._set_baud(codes.RESET_BAUD)

    def close(self) -> None:
        """Stop every timer."""
        self._stop_guard()
        self._in.clear()
        self._out.clear()

    # Held are the sync code, the command and its arguments, as far as they have come.

    def _take(self, data: bytes) -> None:
        self._stop_guard()
        at = 0
        while at < len(data):
            if reason := self._processor.deaf:
                self._drop(reason, data[at:])
                return
            wanted = self._wanted()
            self._held += data[at : at + wanted]
            at += wanted
            self._advance()
        if 0 < len(self._held) < HEAD:
            self._guard = self._loop.call_later(self._chip.times.sync_guard, self._give_up)

    def _wanted(self) -> int:
        """Return how many bytes may be taken before something must be decided."""
        if len(self._held) < HEAD:
            return 1
        arguments = bytes(self._held[HEAD:])
        return self._processor.size_of(self._held[HEAD - 1], arguments) - len(arguments)

    def _advance(self) -> None:
        held = self._held
        if held[0] != codes.SYNC_1:
            self._drop_held("no sync code", 1)
        elif held[1:2] == bytes([codes.SYNC_1]):
            # Another 57 may be the beginning of the next sync code.
            self._drop_held("no sync code", 1)
        elif held[1:2] not in (b"", bytes([codes.SYNC_2])):
            self._drop_held("no sync code", 2)
        elif len(held) >= HEAD and self._wanted() == 0:
            code, arguments = held[HEAD - 1], bytes(held[HEAD:])
            held.clear()
            if answer := self._processor.run(code, arguments):
                self.say(answer)

    def _give_up(self) -> None:
        self._guard = None
        self._drop_held("too late after the sync code", len(self._held))

    def _drop_held(self, reason: str, count: int) -> None:
        dropped = bytes(self._held[:count])
        del self._held[:count]
        self._drop(reason, dropped)

    def _drop(self, reason: str, data: bytes) -> None:
        self._chip.emit(BytesDropped(reason, data))

    def _deliver(self, data: bytes) -> None:
        if self.send is not None:
            self.send(data)

    def _stop_guard(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _change_baud(self, baud: int) -> bool:
        """Run at another rate soon and answer at that rate (5.2).

        A host that waits and then changes its own rate counts from when it hands its last byte
        over; a line without pace has that byte here at once, a real one a byte's time later.
        """

        def change() -> None:
            self._set_baud(baud)
            self._chip.emit(Replied("CMD_SET_BAUDRATE", bytes([codes.SUCCESS])))
            self.say(bytes([codes.SUCCESS]))

        self._chip.later(self._chip.times.baud + BITS_A_BYTE / self.baud, change)
        return True

    def _set_baud(self, baud: int) -> None:
        if baud != self.baud:
            self.baud = baud
            self._chip.emit(BaudChanged(baud))

    def _on_int(self, level: int) -> None:
        if level == 0 and self._chip.faults.hit("stray-status"):
            status = bytes([self._chip.interrupts.status])
            self._chip.emit(Replied("", status, "stray-status"))
            self.say(status)
