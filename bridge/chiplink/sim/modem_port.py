"""A modem's serial side: command lines, what follows a prompt, transparent data, echo, rates."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from .events import BytesDropped
from .line import DelayLine
from .modem_escape import Escape
from .modem_events import BaudChanged, ModeChanged
from .noise import NoisyPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .faults import FaultSet
    from .modem_collector import Collector
    from .modem_times import Times

LINE_MAX = 556  # characters of a command line of the SIM800, AT included
INPUT_MAX = 8192  # bytes that wait while a command is carried out
OUT_WINDOW = 4096  # bytes for the host that may wait before the network is stopped
RATES = (1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 460800, 921600)
FIRST_RATE = 115200
BACKSPACE = 0x08


class Port:
    """Bytes of the host in, bytes of the modem out through send (None: nobody is connected)."""

    def __init__(
        self, faults: FaultSet, times: Times, emit: Callable[[Event], None], *, ipr: int
    ) -> None:
        self.send: Callable[[bytes], None] | None = None
        self.baud = ipr or FIRST_RATE
        self.echo = True
        self.busy = False  # a command is being carried out
        self.on_line: Callable[[str], None] = lambda _line: None
        self.on_bad_line: Callable[[], None] = lambda: None
        self.on_room: Callable[[], None] = lambda: None
        self.on_command_mode: Callable[[], None] = lambda: None
        self._faults = faults
        self._times = times
        self._emit = emit
        self._fixed = ipr
        self._synced = self._running = self._pumping = False
        self._in = NoisyPath("in", faults, self._take)
        self._noise = NoisyPath("out", faults, self._deliver)
        self._out = DelayLine(self._leave)
        self._burst = bytearray()
        self._flushing: asyncio.Handle | None = None
        self._input = bytearray()
        self._line = bytearray()
        self._too_long = self._after_cr = False
        self._collector: Collector | None = None
        self._escape: Escape | None = None
        self._next_baud = 0

    # What the chip asks.

    @property
    def synced(self) -> bool:
        """Whether the rate is known: it is fixed, or an AT has been heard."""
        return bool(self._fixed) or self._synced

    @property
    def in_data(self) -> bool:
        """Whether the line carries transparent data."""
        return self._escape is not None

    @property
    def collecting(self) -> bool:
        """Whether bytes of the host are what was asked for by a prompt."""
        return self._collector is not None

    @property
    def room(self) -> int:
        """How many bytes for the host may come from the network now."""
        return max(0, OUT_WINDOW - self._pending)

    @property
    def _pending(self) -> int:
        return len(self._burst) + self._out.pending

    # What the host does.

    def tune(self, speed: int) -> None:
        """Hear that the host speaks at this rate: automatic baud follows it until it is sure."""
        if not self.synced and speed in RATES:
            self._set_baud(speed)

    def receive(self, data: bytes) -> None:
        """Take bytes of the host, cut anywhere."""
        self._in.feed(data)

    # What the chip does.

    def start(self) -> None:
        """Listen, in command mode, nothing begun."""
        self._running = True
        self._forget()

    def stop(self, ipr: int) -> None:
        """Hear nothing any more, and have this rate (0: find it) when it goes on."""
        self._flush()
        self._running = self.busy = self._synced = False
        self._fixed = ipr
        self._forget()
        if ipr:
            self._set_baud(ipr)

    def close(self) -> None:
        """Stop every timer."""
        self._running = False
        self._forget()
        self._flush()
        self._in.clear()
        self._out.clear()
        self._noise.clear()

    def say(self, data: bytes) -> None:
        """Send bytes to the host at the line's rate, behind what waits; nothing without power."""
        if not self._running:
            return
        if not self.synced:
            self._emit(BytesDropped("no rate is known yet", data))
            return
        # What is said at once leaves without a gap, as a UART's buffer sends it.
        self._burst += data
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def set_rate(self, ipr: int) -> None:
        """Run at another rate behind what still waits to be sent; 0 keeps the rate for now."""
        self._fixed = ipr
        self._synced = True
        self._next_baud = ipr
        self._change_baud()

    def collect(self, collector: Collector) -> None:
        """Hand what comes to collector until it is done."""
        self._end_of_line()
        self._collector = collector
        self._emit(ModeChanged("prompt"))

    def enter_data(self, on_data: Callable[[bytes], None], on_escape: Callable[[], None]) -> None:
        """Be transparent: hand on what comes, but for the escape sequence."""
        self._end_of_line()
        self._escape = Escape(self._times.escape, on_data, on_escape)
        self._emit(ModeChanged("data"))
        self._pump()

    def leave_data(self) -> None:
        """Be in command mode again."""
        if self._escape is not None:
            self._escape.close()
            self._escape = None
            self._emit(ModeChanged("command"))
            self.on_command_mode()

    def go_on(self) -> None:
        """Look at what has come meanwhile."""
        self._pump()

    # Inside.

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        data = bytes(self._burst)
        self._burst.clear()
        if math.isinf(self._times.speed):
            self._out.push(data)
        else:
            self._out.push_paced(data, round(self.baud * self._times.speed))

    def _forget(self) -> None:
        self._input.clear()
        self._line.clear()
        self._too_long = self._after_cr = False
        self._collector = None
        if self._escape is not None:
            self._escape.close()
            self._escape = None
        self._next_baud = 0

    def _take(self, data: bytes) -> None:
        if not self._running:
            self._emit(BytesDropped("the modem is not running", data))
            return
        if not self.synced and b"AT" in data.upper():
            self._synced = True
        room = INPUT_MAX - len(self._input)
        if len(data) > room and not self.in_data:
            self._emit(BytesDropped("the input buffer is full", data[room:]))
            data = data[:room]
        self._input += data
        self._pump()

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._input and self._running and self._step():
                pass
        finally:
            self._pumping = False

    def _step(self) -> bool:
        """Take some of the input; say whether more may be taken at once."""
        if self._escape is not None:
            self._escape.feed(self._pull(len(self._input)))
        elif self._collector is not None:
            self._feed(self._collector)
        elif self.busy:
            return False
        else:
            self._take_character()
        return True

    def _feed(self, collector: Collector) -> None:
        data = bytes(self._input)
        used = collector.feed(data)
        piece = self._pull(used)
        if self.echo and piece:
            self.say(piece)
        if collector.done and collector is self._collector:
            self._collector = None
            self._emit(ModeChanged("command"))
            self.on_room()

    def _take_character(self) -> None:
        byte = self._pull(1)
        if self.echo:
            self.say(byte)
        ends, after_cr = byte in b"\r\n", self._after_cr
        self._after_cr = byte == b"\r"
        if ends and (self._line or self._too_long):
            self._end_line()
        elif byte == b"\n" and after_cr and self._faults.hit("lf-error"):
            self.on_bad_line()
        elif byte[0] == BACKSPACE:
            del self._line[-1:]
        elif not ends:
            self._line += byte
            self._too_long = self._too_long or len(self._line) > LINE_MAX
            del self._line[LINE_MAX:]

    def _end_of_line(self) -> None:
        """Take the LF that came with the command's CR: it ends the line and begins no data."""
        if self._after_cr and self._input.startswith(b"\n"):
            byte = self._pull(1)
            if self.echo:
                self.say(byte)
        self._after_cr = False

    def _end_line(self) -> None:
        line, too_long = bytes(self._line), self._too_long
        self._line.clear()
        self._too_long = False
        if too_long:
            self.on_bad_line()
        else:
            self.on_line(line.decode("latin-1"))

    def _pull(self, count: int) -> bytes:
        piece = bytes(self._input[:count])
        del self._input[:count]
        return piece

    def _leave(self, data: bytes) -> None:
        before = self._pending + len(data)
        self._noise.feed(data)
        self._change_baud()
        low = OUT_WINDOW // 2
        if not self._pending or before > low >= self._pending:
            self.on_room()

    def _deliver(self, data: bytes) -> None:
        if self.send is not None:
            self.send(data)

    def _change_baud(self) -> None:
        if self._next_baud and not self._pending:
            baud, self._next_baud = self._next_baud, 0
            self._set_baud(baud)

    def _set_baud(self, baud: int) -> None:
        if baud != self.baud:
            self.baud = baud
            self._emit(BaudChanged(baud))
