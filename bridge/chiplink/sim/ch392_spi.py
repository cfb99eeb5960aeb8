"""The CH392's SPI front end (section 6.2): chip select begins a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_actions import number
from .ch392_commands import COMMANDS
from .ch392_events import SpiProblem
from .events import BytesDropped

if TYPE_CHECKING:
    from .ch392_chip import Chip
    from .ch392_processor import Processor

IDLE = b"\xff"  # what SDO gives while the chip has nothing to say
NANO = 1_000_000_000


class Spi:
    """Bytes clocked while the chip is selected, the first a code; time is what the host states.

    Behind the code, and before the first byte of an answer, the chip needs TSC. An argument that
    comes too soon is lost, an answer that is read too soon begins with the echo of the code.
    Of the line's faults a clocked bus has the flipped bits alone.
    """

    def __init__(self, chip: Chip, processor: Processor) -> None:
        self.clock = codes.SPI_CLOCK_MAX
        self.busy = 0  # ns that the bus was clocked, or selected and at rest
        self._chip = chip
        self._processor = processor
        self._tsc = round(chip.times.tsc * NANO)
        self._selected = False
        self._rest = 0
        self._begin()

    def _begin(self) -> None:
        self._deaf = ""
        self._code: int | None = None
        self._taken = bytearray()  # arguments, or all bytes while deaf
        self._wanted = 0
        self._answer = b""
        self._read = 0
        self._excess = 0
        self._gap_due = False
        self._spoilt = False

    # The pins.

    def set_clock(self, hertz: int) -> None:
        """Be clocked at this rate from now on."""
        if hertz == 0 or hertz > codes.SPI_CLOCK_MAX:
            self._complain(f"a clock of {hertz} Hz; the most is {codes.SPI_CLOCK_MAX}")
        self.clock = hertz or self.clock

    def rest(self, microseconds: int) -> None:
        """Let time pass."""
        self._rest += microseconds * 1000
        if self._selected:
            self.busy += microseconds * 1000

    def select(self) -> None:
        """Let SCS go low: what comes next is a code."""
        if self._selected:
            self._complain("selected while it was selected")
        self._selected = True
        self._begin()

    def release(self) -> None:
        """Let SCS go high: a command that is not whole is given up."""
        if not self._selected:
            return
        self._selected = False
        if self._deaf:
            self._chip.emit(BytesDropped(self._deaf, bytes(self._taken)))
        elif problem := self._left_over():
            self._complain(problem)

    def exchange(self, data: bytes) -> bytes:
        """Clock bytes in and as many out, without a rest between them."""
        period = NANO // self.clock
        self.busy += len(data) * 8 * period
        if not self._selected:
            self._complain("clocked without chip select")
            return IDLE * len(data)
        data = self._flip("flip-in", data)
        out = bytearray()
        gap = self._rest + period
        while len(out) < len(data):
            out += self._step(data[len(out) :], gap)
            gap = period
        self._rest = 0
        return self._flip("flip-out", bytes(out))

    def _flip(self, fault: str, data: bytes) -> bytes:
        faults = self._chip.faults
        if not faults.is_on(fault):
            return data
        return bytes(
            byte ^ (1 << faults.rng.randrange(8)) if faults.hit(fault) else byte for byte in data
        )

    # A command.

    def _step(self, data: bytes, gap: int) -> bytes:
        """Take as many bytes as belong together and return what went out meanwhile."""
        if self._code is None:
            return self._take_code(data[0])
        if self._deaf:
            self._taken += data
            return IDLE * len(data)
        early = self._gap_due and gap < self._tsc
        self._gap_due = False
        if len(self._taken) < self._wanted:
            return self._take_arguments(data, early=early)
        return self._give(len(data), early=early)

    def _take_code(self, code: int) -> bytes:
        self._code = code
        self._deaf = self._processor.deaf
        if self._deaf:
            self._taken.append(code)
        else:
            self._gap_due = True
            self._advance()
        return IDLE

    def _take_arguments(self, data: bytes, *, early: bool) -> bytes:
        if early:
            self._spoilt = True
            self._complain("an argument came within TSC of the code and is lost")
            return IDLE
        part = data[: self._wanted - len(self._taken)]
        self._taken += part
        self._advance()
        return IDLE * len(part)

    def _advance(self) -> None:
        """Carry the command out as soon as its last argument is there."""
        code, arguments = self._code or 0, bytes(self._taken)
        self._wanted = self._processor.size_of(code, arguments)
        if len(arguments) < self._wanted:
            return
        if code == codes.READ_RECV_BUF_SN and number(arguments[1:]) > codes.STREAM_MAX:
            self._complain(f"{number(arguments[1:])} bytes to read; a stream has 4096 at most")
        self._gap_due = True
        self._answer = self._processor.run(code, arguments)

    def _give(self, count: int, *, early: bool) -> bytes:
        if not self._read and not self._spoilt and self._answer and self._echoes(early=early):
            self._spoilt = True
            return bytes([self._code or 0])
        out = self._answer[self._read : self._read + count]
        self._read += len(out)
        self._excess += count - len(out)
        return out.ljust(count, IDLE)

    def _echoes(self, *, early: bool) -> bool:
        if early:
            self._complain("the answer was read within TSC and is the echo of the code")
        row = COMMANDS[self._code or 0]
        return early or self._chip.faults.hit("spi-echo", *row.labels) is not None

    def _left_over(self) -> str:
        if self._code is None:
            return "selected and released without a command"
        if len(self._taken) < self._wanted:
            return f"released after {len(self._taken)} of {self._wanted} argument bytes"
        if self._excess and not self._spoilt:
            return f"{self._excess} bytes beyond the command and its answer"
        if self._read < len(self._answer) and not self._spoilt:
            return f"released after {self._read} of {len(self._answer)} answer bytes"
        return ""

    def _complain(self, problem: str) -> None:
        self._chip.emit(SpiProblem(self._code, problem))
