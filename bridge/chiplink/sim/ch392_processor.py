"""The CH392's command core, the same behind UART and SPI: bytes of a command in, its answer out.

A front end knows where a command begins: on the UART behind the sync code, on SPI where chip
select falls. It asks size_of() how many argument bytes to gather and hands them to run(); what
comes back is the answer, to be sent (UART) or to be read while the host clocks (SPI).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ch392_actions import number
from .ch392_commands import COMMANDS
from .ch392_events import CommandTaken
from .events import Replied

if TYPE_CHECKING:
    from .ch392_chip import Chip
    from .ch392_commands import Command

READS_INTERRUPTS = (0x19, 0x29)


class Processor:
    """Carries out commands, one after the other."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    @property
    def deaf(self) -> str:
        """Why the chip does not hear what comes now; empty if it does."""
        return self._chip.deaf

    def size_of(self, code: int, arguments: bytes) -> int:
        """Return how many argument bytes a command has, as far as these tell; 0 if unknown."""
        row = COMMANDS.get(code)
        if row is None:
            return 0
        counted = row.stream and len(arguments) >= row.size
        return row.size + (number(arguments[row.size - 2 : row.size]) if counted else 0)

    def run(self, code: int, arguments: bytes) -> bytes:
        """Carry out a whole command and return what it answers."""
        row = COMMANDS.get(code)
        if row is None:
            self._chip.emit(CommandTaken(code, "UNKNOWN", arguments, "unknown"))
            return b""
        if self._chip.faults.hit("no-answer", *row.labels):
            self._chip.emit(CommandTaken(code, row.name, arguments, "no-answer"))
            return b""
        self._chip.emit(CommandTaken(code, row.name, arguments))
        answer = self._carry_out(row, arguments)
        if answer:
            self._chip.emit(Replied(row.name, answer))
        if code not in READS_INTERRUPTS and self._chip.faults.hit("int-spurious"):
            self._chip.interrupts.pull()
        return answer

    def _carry_out(self, row: Command, arguments: bytes) -> bytes:
        if work := row.work:
            seconds: float = getattr(self._chip.times, row.time)
            self._chip.work(row.name, seconds, lambda: work(self._chip, arguments), *row.labels)
        return row.run(self._chip, arguments) if row.run else b""
