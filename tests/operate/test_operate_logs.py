"""Where lines go, how many, and that nothing typed is in them."""

from __future__ import annotations

import ast
import asyncio
import io
import logging
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import chiplink
from chiplink import logs
from chiplink.exceptions import BadPayloadError, PortError
from chiplink.logs import (
    Handler,
    JournalWriter,
    Limit,
    Line,
    LineWriter,
    configure,
    make_writer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "correct horse battery staple"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A writer that keeps what it gets."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.closed = False

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]

    def write(self, line: Line) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handler(kept: Kept, clock: Clock) -> Handler:
    return Handler(kept, logging.INFO, {"kvm": logging.DEBUG}, ["kvm", "lan"], clock)


def say(
    handler: Handler,
    message: str,
    *args: object,
    level: int = logging.WARNING,
    name: str = "chiplink.node",
    error: BaseException | None = None,
    device: str | None = None,
) -> None:
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord(name, level, __file__, 1, message, args, info)
    if device is not None:
        record.device = device
    handler.handle(record)


@pytest.fixture
def _loggers() -> Iterator[None]:
    """Leave the loggers as they were."""
    root, ours = logging.getLogger(), logging.getLogger("chiplink")
    before = root.level, ours.level, root.handlers[:]
    yield
    for one in root.handlers[:]:
        if one not in before[2]:
            root.removeHandler(one)
            one.close()
    root.setLevel(before[0])
    ours.setLevel(before[1])


# Levels


def test_a_device_has_its_own_level(handler: Handler, kept: Kept) -> None:
    for device in ("kvm", "lan"):
        say(handler, "%s: looks", device, level=logging.DEBUG)
    say(handler, "named by the call", level=logging.DEBUG, device="kvm")
    say(handler, "of nobody", level=logging.DEBUG)
    assert kept.texts == ["kvm: looks", "named by the call"]
    assert [line.device for line in kept.lines] == ["kvm", "kvm"]


@pytest.mark.usefixtures("_loggers")
def test_configure() -> None:
    stream = io.StringIO()
    configure("warning", {"kvm": "debug"}, stream=stream)
    configure("warning", {"kvm": "debug"}, stream=stream)
    log = logging.getLogger("chiplink.driver.ch9329")
    log.info("%s: quiet", "lan")
    log.debug("%s: heard", "kvm")
    log.warning("%s: heard", "lan")
    logging.getLogger("paho").info("of others")
    assert stream.getvalue().splitlines() == [
        "DEBUG chiplink.driver.ch9329: kvm: heard",
        "WARNING chiplink.driver.ch9329: lan: heard",
    ]


# One line a cause a minute


def test_one_cause_one_line_a_minute(handler: Handler, kept: Kept, clock: Clock) -> None:
    for number in range(5):
        say(handler, "%s: lost byte %d", "kvm", number)
    clock.now += 61
    say(handler, "%s: lost byte %d", "kvm", 5)
    clock.now += 61
    say(handler, "%s: lost byte %d", "kvm", 6)
    assert kept.texts == [
        "kvm: lost byte 0",
        "kvm: lost byte 5 (4 more like it)",
        "kvm: lost byte 6",
    ]


def test_a_cause_is_logger_format_and_device(handler: Handler, kept: Kept) -> None:
    for device in ("kvm", "lan", "kvm"):
        say(handler, "%s: lost", device)
    say(handler, "%s: found", "kvm")
    say(handler, "%s: lost", "kvm", name="chiplink.driver")
    assert len(kept.lines) == 4


def test_the_last_word_is_told_with_the_next_line(
    handler: Handler, kept: Kept, clock: Clock
) -> None:
    for word in ("first", "second", "third"):
        say(handler, "%s: the %s", "kvm", word)
    clock.now += 61
    say(handler, "something else")
    assert kept.texts == ["kvm: the first", "something else", "kvm: the third (1 more like it)"]


async def test_the_last_word_is_told_after_a_minute_without_another(
    handler: Handler, kept: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[tuple[float, object]] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda delay, call: later.append((delay, call)))
    for word in ("first", "second", "third"):
        say(handler, "%s: the %s", "kvm", word)
    ((delay, call),) = later
    assert delay == logs.SAME_CAUSE
    clock.now += delay
    assert callable(call)
    call()
    assert kept.texts[1:] == ["kvm: the third (1 more like it)"]


def test_the_last_word_is_told_at_the_end(handler: Handler, kept: Kept) -> None:
    say(handler, "%s: %s", "kvm", "on")
    say(handler, "%s: %s", "kvm", "off")
    handler.close()
    assert kept.texts == ["kvm: on", "kvm: off"]
    assert kept.closed


def test_debug_lines_are_not_counted(handler: Handler, kept: Kept) -> None:
    for _ in range(3):
        say(handler, "%s: step", "kvm", level=logging.DEBUG)
    assert len(kept.lines) == 3


def test_causes_are_bounded(clock: Clock) -> None:
    limit = Limit(clock)
    for number in range(3 * logs.MAX_CAUSES):
        limit.take(number, Line(20, "", "", str(number)))
    assert len(limit._causes) == logs.MAX_CAUSES
    assert len(limit.due()) == 3 * logs.MAX_CAUSES


# Errors


def fail_with(error: Exception) -> None:
    try:
        {}[SECRET]
    except KeyError:
        raise error  # noqa: B904 - the context is what is tested


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        fail_with(error)
    return caught.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError(SECRET), "ValueError in test_operate_logs.py:"),
        (PortError("/dev/x: gone"), "/dev/x: gone"),
        (BadPayloadError(SECRET, public="too long"), "too long"),
        (OSError(5, "odd"), "[Errno 5] odd"),
    ],
)
def test_an_error_is_a_line_without_what_was_typed(
    handler: Handler, kept: Kept, error: Exception, words: str
) -> None:
    say(handler, "%s failed", "lan", error=raised(error), level=logging.ERROR)
    (line,) = kept.lines
    assert words in line.text
    assert line.trace == ""
    assert SECRET not in line.text


def test_a_traceback_at_debug_names_places_only(handler: Handler, kept: Kept) -> None:
    say(handler, "%s failed", "kvm", error=raised(ValueError(SECRET)), level=logging.ERROR)
    trace = kept.lines[0].trace
    assert "in fail_with" in trace
    assert "KeyError" in trace
    assert "ValueError" in trace
    assert SECRET not in trace.replace("SECRET", "")


def test_what_asyncio_repeats_of_an_exception_is_left_out(handler: Handler, kept: Kept) -> None:
    say(handler, f"Task failed\nfuture: {SECRET}", name="asyncio", level=logging.ERROR)
    assert kept.texts == ["Task failed"]


def test_one_line_whatever_others_say(handler: Handler, kept: Kept) -> None:
    say(handler, "broker says %s", "\x1b[2J\nERROR forged" + "a" * 5000)
    (text,) = kept.texts
    assert "\x1b" not in text
    assert "\n" not in text
    assert len(text) <= logs.MAX_LINE


def test_a_call_with_wrong_arguments_does_no_harm(
    handler: Handler, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    say(handler, "%d", SECRET)
    say(handler, "next")
    broken, text = kept.texts
    assert broken.startswith("a line cannot be written at test_operate_logs.py:1: TypeError")
    assert text == "next"
    assert SECRET not in broken + capsys.readouterr().err


# Writers


def test_plain_and_prefixed_lines() -> None:
    plain, prefixed = io.StringIO(), io.StringIO()
    line = Line(logging.ERROR, "chiplink.node", "kvm", "broke", "there\nand there")
    LineWriter(plain).write(line)
    LineWriter(prefixed, prefixed=True).write(line)
    assert plain.getvalue() == "ERROR chiplink.node: broke\nthere\nand there\n"
    assert prefixed.getvalue() == "<3>ERROR chiplink.node: broke\n<3>there\n<3>and there\n"


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7), (1, 7)],
)
def test_priorities(level: int, priority: int) -> None:
    stream = io.StringIO()
    LineWriter(stream, prefixed=True).write(Line(level, "", "", ""))
    assert stream.getvalue().startswith(f"<{priority}>")


def test_nobody_reads_any_more() -> None:
    stream = io.StringIO()
    stream.close()
    LineWriter(stream).write(Line(20, "", "", "lost"))


class Journal:
    """journald's socket, and a stream that leads to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)

    def next(self) -> dict[str, str]:
        """Read one entry of systemd's native protocol."""
        data, fields = self.socket.recv(1 << 20), {}
        while data:
            name, sign, rest = data.partition(b"\n")
            if b"=" in name:
                key, _sign, text = name.partition(b"=")
                data = rest
            else:
                key, (size,) = name, struct.unpack_from("<Q", rest)
                text, data = rest[8 : 8 + size], rest[8 + size + 1 :]
            assert sign
            fields[key.decode()] = text.decode()
        return fields


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    one = Journal(tmp_path)
    with one.socket:
        yield one


@pytest.fixture
def stderr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.TextIOWrapper]:
    """A stream that systemd says it connected with its journal."""
    with (tmp_path / "stderr").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield stream


@pytest.mark.usefixtures("_loggers")
def test_fields_of_the_journal(journal: Journal, stderr: io.TextIOWrapper) -> None:
    configure("info", {}, stream=stderr, devices=["kvm"], node="cellar", journal=journal.path)
    logging.getLogger("chiplink.node").warning("%s: offline: %s", "kvm", "gone")
    assert journal.next() == {
        "MESSAGE": "kvm: offline: gone",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "chiplink",
        "LOGGER": "chiplink.node",
        "DEVICE": "kvm",
        "CHIPLINK_NODE": "cellar",
    }
    logging.getLogger("chiplink.node").info("stopped")
    assert "DEVICE" not in journal.next()


def test_lines_of_a_traceback_are_one_entry(journal: Journal) -> None:
    writer = JournalWriter(journal.path, "", LineWriter(io.StringIO()))
    writer.write(Line(40, "chiplink", "", "broke", "there\nMESSAGE=forged"))
    writer.close()
    assert journal.next()["MESSAGE"] == "broke\nthere\nMESSAGE=forged"


def test_a_journal_that_is_gone(journal: Journal, stderr: io.TextIOWrapper) -> None:
    writer = make_writer(stderr, "cellar", journal.path)
    journal.path.unlink()
    writer.write(Line(20, "chiplink", "", "still here"))
    writer.close()
    stderr.seek(0)
    assert stderr.read() == "<6>INFO chiplink: still here\n"


def test_a_journal_that_takes_no_more(journal: Journal) -> None:
    stream = io.StringIO()
    writer = JournalWriter(journal.path, "", LineWriter(stream, prefixed=True))
    for _ in range(5000):
        writer.write(Line(20, "chiplink", "", "much"))
        if stream.getvalue():
            break
    writer.close()
    assert stream.getvalue() == "<6>INFO chiplink: much\n"


def test_a_journal_without_its_socket(stderr: io.TextIOWrapper, tmp_path: Path) -> None:
    make_writer(stderr, journal=tmp_path / "none").write(Line(20, "chiplink", "", "prefixed"))
    stderr.seek(0)
    assert stderr.read().startswith("<6>")


def test_a_stream_that_leads_elsewhere(
    journal: Journal, stderr: io.TextIOWrapper, tmp_path: Path
) -> None:
    with (tmp_path / "other").open("w+") as other:
        make_writer(other, journal=journal.path).write(Line(20, "chiplink", "", "plain"))
        other.seek(0)
        assert other.read() == "INFO chiplink: plain\n"


# What the package logs

PACKAGE = Path(chiplink.__file__).parent
TYPED = {"payload", "value", "text", "data", "frame", "content", "password", "secret", "characters"}
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def is_log_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    named = isinstance(owner, ast.Name) and owner.id in ("_LOG", "logging", "logger", "log")
    return named and node.func.attr in METHODS


def suspicious(source: str) -> list[str]:
    """What a logging call writes that may have been typed."""
    found = []
    for call in filter(is_log_call, ast.walk(ast.parse(source))):
        for node in ast.walk(call):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name in TYPED or isinstance(node, ast.JoinedStr):
                found.append(f"line {node.lineno}: {ast.unparse(call)}")  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_call_logs_what_may_have_been_typed(path: Path) -> None:
    assert suspicious(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        '_LOG.info("%s", payload)',
        '_LOG.debug("%s", request.value)',
        '_LOG.error(f"{device} got {what}")',
        '_LOG.warning("%r", str(message.payload[:3]))',
    ],
)
def test_such_a_call_is_noticed(source: str) -> None:
    assert suspicious(source)
