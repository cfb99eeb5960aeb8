"""Carrying command lines out, one command after the other, and saying what comes of it."""

from __future__ import annotations

from collections import deque
from itertools import cycle
from typing import TYPE_CHECKING

from . import modem_errors as errors
from .modem_at import BadLineError, Command, parse_line
from .modem_events import LineTaken, Said
from .modem_faults import STRAY_URCS, TIME_URCS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .events import Event
    from .faults import FaultSet
    from .modem_collector import Collector
    from .modem_port import Port
    from .modem_times import Times
    from .timers import Timers

# V.250 6.3.1: the result codes as numbers.
NUMBERS = {"OK": "0", "CONNECT": "1", "RING": "2", "NO CARRIER": "3", "ERROR": "4"}
REPEAT = "A/"


class Turn:
    """One command being carried out: any information, then exactly one end, now or later."""

    def __init__(self, executor: Executor, command: Command) -> None:
        self.command = command
        self._executor = executor

    def info(self, *lines: str) -> None:
        """Say lines of information as one block."""
        if self._executor.is_current(self):
            self._executor.interfere(self.command)
            self._executor.say_lines(*lines)

    def data(self, head: str, payload: bytes) -> None:
        """Say a line and the counted bytes behind it, as one piece."""
        if self._executor.is_current(self):
            self._executor.interfere(self.command)
            self._executor.say_data(head, payload)

    def prompt(self, text: str, collector: Collector) -> None:
        """Say text without an end of line and take what follows as data."""
        if self._executor.is_current(self):
            self._executor.interfere(self.command)
            self._executor.prompt(text, collector)

    def ok(self) -> None:
        """End well: the line ends in OK."""
        self._executor.end(self, final="OK")

    def end(self, *lines: str) -> None:
        """End well with these lines and no OK; none: nothing is said."""
        if self._executor.is_current(self):
            self._executor.interfere(self.command)
            for line in lines:
                self._executor.say_lines(line)
            self._executor.end(self, final="")

    def result(self, text: str) -> None:
        """End with another result code than OK, as CONNECT; the line's rest is given up."""
        self._executor.fail(self, text)

    def error(self, code: int | None = None) -> None:
        """End badly: +CME ERROR as AT+CMEE says if there is a code, ERROR without; no rest."""
        self._executor.fail(self, self._executor.error_text(code))

    def after(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds at the modem's speed; the result cancels it."""
        return self._executor.later(seconds, action)


class Executor:
    """Takes lines from the port; handlers are looked up by the command's name."""

    def __init__(
        self,
        port: Port,
        *,
        faults: FaultSet,
        times: Times,
        timers: Timers,
        emit: Callable[[Event], None],
    ) -> None:
        self.handlers: dict[str, Callable[[Turn], None]] = {}
        self.error_mode: Callable[[], int] = lambda: 0
        self.urc: Callable[[str], None] = lambda _text: None
        self.verbose = True
        self.deferred: list[Callable[[], None]] = []  # what happens inside the next reply
        self._port = port
        self._faults = faults
        self._times = times
        self._timers = timers
        self._emit = emit
        self._queue: deque[Command] = deque()
        self._turn: Turn | None = None
        self._ok = False
        self._last = ""
        self._stray = cycle(STRAY_URCS)
        port.on_line = self.run
        port.on_bad_line = self.refuse

    def add(self, handlers: Mapping[str, Callable[[Turn], None]]) -> None:
        """Know more commands."""
        self.handlers.update(handlers)

    def reset(self) -> None:
        """Forget what was being done."""
        self._queue.clear()
        self._turn = None
        self.deferred.clear()
        self.verbose = True

    def run(self, line: str) -> None:
        """Carry a command line out; one without AT is ignored."""
        start = line.upper().find("AT")
        if line.strip().upper() == REPEAT:
            line, start = self._last, 0
        if start < 0 or not line:
            self._emit(LineTaken(line, "no AT"))
            return
        self._last = line = line[start:]
        if self._faults.hit("no-answer", *self._labels(line)):
            self._emit(LineTaken(line, "no-answer"))
            return
        self._emit(LineTaken(line))
        self._port.busy = True
        self._ok = True
        try:
            self._queue.extend(parse_line(line[2:]))
        except BadLineError:
            self.later(self._times.command, self.refuse)
        else:
            self.later(self._times.command, self._next)

    def refuse(self) -> None:
        """Answer ERROR to what is no command."""
        self.say_final("ERROR")
        self._finish()

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds at the modem's speed; the result cancels it."""
        return self._timers.later(self._times.scaled(seconds), action)

    # What turns do.

    def is_current(self, turn: Turn) -> bool:
        """Say whether a turn has not ended, by a restart for one."""
        return turn is self._turn

    def end(self, turn: Turn, *, final: str) -> None:
        """Go on with the line, or end it."""
        if turn is not self._turn:
            return
        self._ok = final == "OK"
        if self._ok and not self._queue:
            self.interfere(turn.command)
        self._turn = None
        self._next()

    def fail(self, turn: Turn, text: str) -> None:
        """End the line with this result."""
        if turn is self._turn:
            self.interfere(turn.command)
            self.say_final(text, turn.command.label)
            self._queue.clear()
            self._finish()

    def prompt(self, text: str, collector: Collector) -> None:
        """Say a prompt and let the port collect."""
        self._port.collect(collector)
        if text:
            self._say(text.encode(), "reply", text.strip())
        # The host may not have waited for the prompt.
        self._port.go_on()

    def error_text(self, code: int | None) -> str:
        """Return what AT+CMEE makes of an error."""
        mode = self.error_mode()
        if code is None or mode == 0:
            return "ERROR"
        shown = str(code) if mode == 1 else errors.CME_TEXTS.get(code, "unknown")
        return f"+CME ERROR: {shown}"

    def interfere(self, command: Command) -> None:
        """Let happen what faults put inside replies."""
        if self._faults.hit("urc-inside-reply", command.label):
            self.urc(next(self._stray))
        if self._faults.hit("time-urcs", command.label):
            for line in TIME_URCS:
                self.urc(line)
        if self._faults.hit("under-voltage", command.label):
            self.urc("UNDER-VOLTAGE WARNNING")

    # Saying.

    def say_lines(self, *lines: str) -> None:
        """Say a block of lines of information."""
        end = "\r\r\n" if self._faults.hit("double-cr") else "\r\n"
        text = "\r\n" + "".join(line + end for line in lines)
        self._say(text.encode("latin-1"), "reply", " | ".join(lines))

    def say_data(self, head: str, payload: bytes) -> None:
        """Say a line with counted bytes behind it."""
        self._say(b"\r\n" + head.encode() + b"\r\n" + payload, "data", head)

    def say_final(self, text: str, label: str = "") -> None:
        """Say a result code, unless it gets lost."""
        if self._faults.hit("lost-answer", label):
            self._emit(Said("reply", text, "lost-answer"))
        elif self.verbose:
            self._say(f"\r\n{text}\r\n".encode(), "reply", text)
        else:
            self._say(f"{NUMBERS.get(text, text)}\r".encode(), "reply", text)

    def _say(self, data: bytes, kind: str, text: str) -> None:
        self._emit(Said(kind, text))
        self._port.say(data)

    # The line.

    def _next(self) -> None:
        if not self._queue:
            if self._ok:
                self.say_final("OK", self._labels(self._last)[-1])
            self._finish()
            return
        command = self._queue.popleft()
        turn = self._turn = Turn(self, command)
        self._run_deferred()
        handler = self.handlers.get(command.name)
        if handler is None or self._faults.hit("error", command.label):
            turn.error()
        else:
            self._try(handler, turn)

    def _try(self, handler: Callable[[Turn], None], turn: Turn) -> None:
        try:
            handler(turn)
        except ValueError:
            turn.error(errors.BAD_PARAMETER)

    def _run_deferred(self) -> None:
        waiting, self.deferred = self.deferred, []
        for action in waiting:
            action()

    def _finish(self) -> None:
        self._turn = None
        self._queue.clear()
        self._port.busy = False
        self._port.go_on()

    def _labels(self, line: str) -> list[str]:
        try:
            return [command.label for command in parse_line(line[2:])] or ["at"]
        except BadLineError:
            return ["at"]
