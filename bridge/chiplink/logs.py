"""What the daemon logs and where: the journal's own fields, or plain lines; never what was typed.

An exception's words may repeat what somebody sent, so only those of errors made for
people are written, and a traceback names places without its error's words.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import time
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chiplink.exceptions import ChiplinkError, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TextIO

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
"""Names of levels in the configuration."""

SAME_CAUSE = 60.0
"""Seconds in which one cause gets one line."""

MAX_CAUSES = 256
"""Causes remembered; beyond, the one longest silent may speak again."""

MAX_LINE = 2000
MAX_TRACE = 16_000
MAX_CHAIN = 8
"""Characters of a line, and of a traceback; errors that led to one another."""

JOURNAL = Path("/run/systemd/journal/socket")

_OURS = "chiplink"
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
"""Syslog's, by the lowest level that has them."""


class Line(NamedTuple):
    """Something to write: one line, a traceback or nothing behind it, and whose it is."""

    level: int
    logger: str
    device: str
    text: str
    trace: str = ""


class Writer(Protocol):
    """Where lines go."""

    def write(self, line: Line) -> None:
        """Write one; must not raise."""

    def close(self) -> None:
        """Let go of what is needed for writing."""


def configure(
    level: str,
    levels: Mapping[str, str],
    *,
    stream: TextIO,
    devices: Iterable[str] = (),
    node: str = "",
    journal: Path = JOURNAL,
) -> None:
    """Log to `stream`, or to the journal if that is where it leads.

    `level` is one of LEVELS; `levels` has those of single devices. A line is a device's
    if the call says `extra={"device": …}` or names the device first.
    """
    thresholds = {device: LEVELS[name] for device, name in levels.items()}
    handler = Handler(
        make_writer(stream, node, journal), LEVELS[level], thresholds, {*devices, *levels}
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, Handler):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(min([LEVELS[level], *thresholds.values()]))


def make_writer(stream: TextIO, node: str = "", journal: Path = JOURNAL) -> Writer:
    """Return the journal's writer if `stream` leads there, else one of lines."""
    if not _leads_to_journal(stream):
        return LineWriter(stream)
    prefixed = LineWriter(stream, prefixed=True)
    return JournalWriter(journal, node, prefixed) if journal.exists() else prefixed


def _leads_to_journal(stream: TextIO) -> bool:
    """Compare what systemd says it connected with what the stream is (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Handler(logging.Handler):
    """Decides what is written: by the device's level, one line a cause a minute."""

    def __init__(
        self,
        writer: Writer,
        threshold: int = logging.INFO,
        thresholds: Mapping[str, int] | None = None,
        devices: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._writer = writer
        self._threshold = threshold
        self._thresholds = dict(thresholds or {})
        self._devices = frozenset(devices)
        self._limit = Limit(clock)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or hold it back as one more of its kind."""
        try:
            device = _device(record, self._devices)
            threshold = self._thresholds.get(device, self._threshold)
            if record.levelno < threshold:
                return
            line = _line(record, device, with_trace=threshold <= logging.DEBUG)
            if record.levelno <= logging.DEBUG:
                self._writer.write(line)
                return
            cause = (record.name, str(record.msg), device)
            if self._limit.take(cause, line):
                self._tell_late()
            self.flush()
        except Exception as error:  # noqa: BLE001 - a line less is better than a daemon less
            place = f"{record.filename}:{record.lineno}"
            text = f"a line cannot be written at {place}: {_words(error)}"
            self._writer.write(Line(logging.ERROR, record.name, "", text))

    def flush(self) -> None:
        """Write what may be written by now."""
        self._tell(at_once=False)

    def close(self) -> None:
        """Write what is held back, then no more."""
        self._tell(at_once=True)
        self._writer.close()
        super().close()

    def _tell(self, *, at_once: bool) -> None:
        self.acquire()
        try:
            for line in self._limit.due(at_once=at_once):
                self._writer.write(line)
        finally:
            self.release()

    def _tell_late(self) -> None:
        """Look again in a minute: the last word on a cause must not stay untold."""
        with contextlib.suppress(RuntimeError):  # no loop: the next line brings it along
            asyncio.get_running_loop().call_later(SAME_CAUSE, self.flush)


class Limit:
    """One line a cause a minute; what came meanwhile is told as its last and a number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: list[Line] = []
        self._causes: OrderedDict[object, _Cause] = OrderedDict()

    def take(self, key: object, line: Line) -> bool:
        """Take a line of the cause `key`; whether it is the first of it that is held back."""
        now = self._clock()
        cause = self._causes.get(key)
        if cause is not None and now - cause.told < SAME_CAUSE:
            is_first = cause.held is None
            cause.held, cause.count = line, cause.count + 1
            return is_first
        self._ready.append(_with_more(line, 0 if cause is None else cause.count))
        self._causes[key] = _Cause(now)
        self._causes.move_to_end(key)
        while len(self._causes) > MAX_CAUSES:
            self._release(self._causes.popitem(last=False)[1])
        return False

    def due(self, *, at_once: bool = False) -> list[Line]:
        """Return what may be written now, or all there is."""
        now = self._clock()
        for cause in self._causes.values():
            if cause.held is not None and (at_once or now - cause.told >= SAME_CAUSE):
                self._release(cause)
                cause.told = now
        ready, self._ready = self._ready, []
        return ready

    def _release(self, cause: _Cause) -> None:
        if cause.held is not None:
            self._ready.append(_with_more(cause.held, cause.count - 1))
            cause.held, cause.count = None, 0


class _Cause:
    """When a cause was last told, the last line held back since, and how many."""

    __slots__ = ("count", "held", "told")

    def __init__(self, told: float) -> None:
        self.told = told
        self.held: Line | None = None
        self.count = 0


def _with_more(line: Line, count: int) -> Line:
    return line._replace(text=f"{line.text} ({count} more like it)") if count else line


# From a record to a line


def _device(record: logging.LogRecord, devices: frozenset[str]) -> str:
    named = getattr(record, "device", None)
    if isinstance(named, str):
        return named
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return first if isinstance(first, str) and first in devices else ""


def _line(record: logging.LogRecord, device: str, *, with_trace: bool) -> Line:
    text = record.getMessage()
    if record.name.partition(".")[0] != _OURS:
        text = text.partition("\n")[0]  # asyncio repeats whole exceptions below it
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text = f"{text}: {_words(error)}"
    trace = _trace(error) if error is not None and with_trace else ""
    return Line(record.levelno, record.name, device, _one_line(text), trace)


def _words(error: BaseException) -> str:
    """Return an error's words if they were made for people, else its kind and place."""
    if isinstance(error, CommandError):
        return error.public
    if isinstance(error, ChiplinkError | OSError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    place = f" in {Path(frames[0].filename).name}:{frames[0].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _trace(error: BaseException) -> str:
    """Return where an error and what led to it came from."""
    parts: list[str] = []
    following: BaseException | None = error
    while following is not None and len(parts) < MAX_CHAIN:
        places = "".join(traceback.format_tb(following.__traceback__))
        parts.insert(0, f"{places}{_words(following)}")
        following = following.__cause__ or following.__context__
    return "\n".join(parts)[-MAX_TRACE:]


def _one_line(text: str) -> str:
    shown = text[:MAX_LINE].replace("\n", "⏎")
    return "".join(letter if letter.isprintable() else "�" for letter in shown)


# Writers


class LineWriter:
    """Lines on a terminal or a pipe; `prefixed` ones carry their priority for the journal."""

    def __init__(self, stream: TextIO, *, prefixed: bool = False) -> None:
        self._stream = stream
        self._prefixed = prefixed

    def write(self, line: Line) -> None:
        """Write one line, and its traceback indented behind it."""
        prefix = f"<{_priority(line.level)}>" if self._prefixed else ""
        name = logging.getLevelName(line.level)
        shown = [f"{name} {line.logger}: {line.text}", *line.trace.splitlines()]
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            self._stream.write("".join(f"{prefix}{part}\n" for part in shown))
            self._stream.flush()

    def close(self) -> None:
        """Leave the stream to whom it belongs."""


class JournalWriter:
    """Entries in the journal's native protocol; what it does not take goes to `otherwise`."""

    def __init__(self, path: Path, node: str, otherwise: Writer) -> None:
        self._path = str(path)
        self._node = node
        self._otherwise = otherwise
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def write(self, line: Line) -> None:
        """Send one entry; the daemon never waits for the journal."""
        message = f"{line.text}\n{line.trace}" if line.trace else line.text
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(_priority(line.level)),
            "SYSLOG_IDENTIFIER": _OURS,
            "LOGGER": line.logger,
            "DEVICE": line.device,
            "CHIPLINK_NODE": self._node,
        }
        entry = b"".join(_field(name, text) for name, text in fields.items() if text)
        try:
            self._socket.sendto(entry, self._path)
        except OSError:
            self._otherwise.write(line)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _field(name: str, text: str) -> bytes:
    """Return a field of systemd's native journal protocol: lengths where there are lines."""
    data = text.encode(errors="replace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


def _priority(level: int) -> int:
    return next((number for lowest, number in _PRIORITIES if level >= lowest), 7)
