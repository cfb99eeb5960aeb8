"""What goes over a line, heard through a real socket; what was typed is nowhere in it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink import trace
from chiplink.cli import trace_command
from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.exceptions import ChiplinkError
from chiplink.model import Availability, CommandRequest
from chiplink.redaction.ch392 import Ch392Words
from chiplink.redaction.ch9329 import Ch9329Words
from chiplink.sim import Ch9329Sim, PtyLine, Times
from chiplink.trace import TraceHub, socket_folder, socket_path
from chiplink.transport.memory import MemoryPort
from chiplink.transport.tap import Direction, Tap, TapPort
from e2e.e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from operate_support import Desk

DEADLINE = 20
SECRET = "Tr0ub4dor&3"


@dataclass
class Bench:
    """A daemon's hub, a driver on a simulated chip, and the socket."""

    hub: TraceHub
    tap: Tap
    device: Ch9329
    sim: Ch9329Sim
    path: Path

    async def do(self, key: str, value: Any) -> None:
        request = CommandRequest("kvm", key, value)
        await self.device.execute(request, lambda _ms: None)


@contextlib.asynccontextmanager
async def bench(folder: Path, *, raw: bool = False) -> AsyncIterator[Bench]:
    sim = Ch9329Sim(times=Times.instant())
    hub, path = TraceHub("cellar", raw=raw, clock=lambda: 12.5), socket_path("cellar", folder)
    tap = hub.tap("kvm", "ch9329")
    settings = Ch9329Settings(
        id="kvm", armed=ArmedMode.ALWAYS, pace=0.0, secrets={"desk": SECRET, "empty": "aaaa"}
    )
    device = Ch9329(settings, TapPort(MemoryPort(sim, baud=9600), tap))
    ready = asyncio.Event()
    running = asyncio.create_task(
        device.run(lambda said: ready.set() if isinstance(said, Availability) else None)
    )
    serving = asyncio.create_task(hub.serve(path))
    try:
        async with asyncio.timeout(DEADLINE):
            await ready.wait()
        await until(path.exists)
        yield Bench(hub, tap, device, sim, path)
    finally:
        for task in (running, serving):
            task.cancel()
            await asyncio.wait((task,))
        sim.close()


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as one:
        yield one


class Listener:
    """A reader on the socket that keeps every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.bytes = b""

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            line = await self._reader.readline()
        self.bytes += line
        content: dict[str, Any] = msgspec.json.decode(line)
        return content

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not condition(content := await self.next()):
            pass
        return content

    async def hangs_up(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def listening(path: Path) -> AsyncIterator[Listener]:
    one = Listener(*await asyncio.open_unix_connection(path))
    try:
        yield one
    finally:
        await one.hangs_up()


def says(words: str) -> Callable[[dict[str, Any]], bool]:
    return lambda content: words in content.get("words", "")


async def test_the_first_line_says_who_it_is(stage: Bench) -> None:
    async with listening(stage.path) as reader:
        hello = await reader.next()
    assert hello["node"] == "cellar"
    assert hello["devices"] == {"kvm": "ch9329"}
    assert hello["raw"] is False


async def test_frames_in_words_both_ways(stage: Bench) -> None:
    async with listening(stage.path) as reader:
        await reader.next()
        await stage.do("media", "mute")
        sent = await reader.until(says("→ SEND_KB_MEDIA_DATA: mute"))
        answer = await reader.until(says("SEND_KB_MEDIA_DATA"))
    assert sent == {
        "t": 12.5,
        "device": "kvm",
        "dir": "out",
        "good": True,
        "words": "→ SEND_KB_MEDIA_DATA: mute",
    }
    assert (answer["dir"], answer["words"]) == ("in", "← SEND_KB_MEDIA_DATA: success")


async def test_the_socket_is_its_users_alone(stage: Bench) -> None:
    assert stat.S_IMODE(stage.path.stat().st_mode) == 0o600
    assert stage.path.is_socket()


def reports(text: str) -> list[bytes]:
    """Every report that a text of lower-case letters puts on the line: HID usage 4 is a."""
    return [bytes([0, 0, 4 + ord(letter) - ord("a"), 0, 0, 0, 0, 0]) for letter in text]


TYPED = "xylophonequiz"


async def test_what_is_typed_is_nowhere(stage: Bench) -> None:
    async with listening(stage.path) as reader:
        await reader.next()
        await stage.do("type", TYPED)
        await stage.do("type_secret", "desk")
        await stage.do("keys", "ctrl+alt+f7")
        await stage.do("hid_out", TYPED.encode())
        stage.sim.pc.send_hid(SECRET.encode())
        await reader.until(says("← READ_MY_HID_DATA"))
        await stage.do("media", "mute")
        await reader.until(says("→ SEND_KB_MEDIA_DATA: mute"))
    assert stage.sim.pc.text == TYPED + SECRET
    heard = reader.bytes
    assert b"keyboard report (redacted)" in heard
    assert "← READ_MY_HID_DATA: custom HID report (redacted)".encode() in heard
    assert "→ SEND_MY_HID_DATA: custom HID report (redacted)".encode() in heard
    hidden = [TYPED, SECRET, "xylo", "ctrl", "shift", "f7", "usage", "hex"]
    hidden += [SECRET.encode().hex(), TYPED.encode().hex()]
    hidden += [report.hex() for report in reports(TYPED)]
    assert [one for one in hidden if one.encode() in heard.lower()] == []


async def test_lines_of_the_same_kind_do_not_differ(stage: Bench) -> None:
    """Whatever the report holds, its line is the same byte for byte: the clock stands still."""
    async with listening(stage.path) as reader:
        await reader.next()
        await stage.do("type", "aB1!")
        await stage.do("media", "mute")
        await reader.until(says("→ SEND_KB_MEDIA_DATA: mute"))
    sent = {line for line in reader.bytes.splitlines() if b"SEND_KB_GENERAL_DATA" in line}
    assert len(sent) == 2, sent  # one out, one in


async def test_the_bytes_only_where_the_configuration_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, raw=True) as stage, listening(stage.path) as reader:
        assert (await reader.next())["raw"] is True
        await stage.do("type", "a")
        await reader.until(lambda one: "57ab00020800000400000000" in one.get("hex", ""))
        assert "redacted" in (await reader.until(says("SEND_KB_GENERAL")))["words"]


async def test_nothing_is_done_while_nobody_listens(stage: Bench) -> None:
    assert stage.tap.on_bytes is None
    async with listening(stage.path) as reader:
        await reader.next()
        assert stage.tap.on_bytes is not None
    await until(lambda: stage.tap.on_bytes is None)
    await stage.do("media", "mute")
    assert stage.hub._stories == {}


async def test_two_listen_and_one_goes(stage: Bench) -> None:
    async with listening(stage.path) as stays:
        await stays.next()
        async with listening(stage.path) as goes:
            await goes.next()
        await until(lambda: len(stage.hub._readers) == 1)
        await stage.do("media", "mute")
        await stays.until(says("SEND_KB_MEDIA_DATA"))


async def test_too_many_listen(stage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MAX_READERS", 1)
    async with listening(stage.path) as first:
        await first.next()
        async with listening(stage.path) as second:
            assert "end one" in (await second.next())["error"]


async def test_who_reads_slowly_is_told_what_is_missing(stage: Bench) -> None:
    async with listening(stage.path) as reader:
        await reader.next()
        (one,) = stage.hub._readers
        frame = bytes.fromhex("57ab00010003")
        for _ in range(trace.MAX_WAITING + 10):
            stage.hub.publish("kvm", Direction.OUT, frame)
        dropped = one._dropped
        assert dropped
        assert one._waiting.qsize() == trace.MAX_WAITING
        told = await reader.until(lambda content: "dropped" in content)
    assert told["dropped"] == dropped


async def test_who_says_anything_is_hung_up_on(stage: Bench) -> None:
    reader, writer = await asyncio.open_unix_connection(stage.path)
    writer.write(b"x" * 100)
    async with asyncio.timeout(DEADLINE):
        await reader.read()
    writer.close()


async def test_it_ends_with_a_listener(tmp_path: Path) -> None:
    async with bench(tmp_path) as stage:
        reader, writer = await asyncio.open_unix_connection(stage.path)
        await reader.readline()
    async with asyncio.timeout(DEADLINE):
        await reader.read()
    writer.close()
    assert not stage.path.exists()


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(socket_path("cellar", tmp_path)))
        old.listen()
    async with bench(tmp_path) as stage, listening(stage.path) as reader:
        await reader.next()


@pytest.mark.parametrize("folder", ["f", "x" * 120])
async def test_no_socket_can_be_made(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    if folder == "f":
        place.write_text("a file")
    with pytest.raises(ChiplinkError, match="no socket for traces can be made"):
        await TraceHub("cellar").serve(socket_path("cellar", place))


def test_where_the_socket_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/chiplink")
    assert socket_path("cellar") == Path("/var/lib/chiplink/cellar.trace")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/chiplink:/run/other")
    assert socket_folder() == Path("/run/chiplink")


# Words


def words(text: str) -> list[tuple[bool, str]]:
    return Ch9329Words().feed(Direction.OUT, bytes.fromhex(text))


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        ("57AB00010003", "→ GET_INFO"),
        ("57AB0081083801000000000000C4", "← GET_INFO: V1.8, computer connected, lights: none"),
        ("57AB000208000004000000000010", "→ SEND_KB_GENERAL_DATA: keyboard report (redacted)"),
        ("57AB0082010085", "← SEND_KB_GENERAL_DATA: success"),
        ("57AB0006026869DB", "→ SEND_MY_HID_DATA: custom HID report (redacted)"),
        ("57AB00870268695C", "← READ_MY_HID_DATA: custom HID report (redacted)"),
        ("57AB00870141CB", "← READ_MY_HID_DATA: custom HID report (redacted)"),
        ("57AB000A01000D", "→ GET_USB_STRING: manufacturer string"),
        ("57AB008A040002686963", "← GET_USB_STRING: USB string (redacted)"),
        ("57AB000B0400026869E4", "→ SET_USB_STRING: USB string (redacted)"),
        ("57AB008B01008E", "← SET_USB_STRING: success"),
    ],
)
def test_words_without_content(frame: str, wanted: str) -> None:
    ((good, told),) = words(frame)
    assert good
    assert told == wanted


def test_a_bad_frame_shows_no_content() -> None:
    told = words("57AB0002080000040000000000FF")
    assert [good for good, _words in told] == [False, False]
    assert told[0][1] == "→ SEND_KB_GENERAL_DATA: wrong checksum, 8 bytes (redacted)"
    assert told[1][1] == "not a frame, 12 bytes (redacted)"


def test_garbage_shows_no_content() -> None:
    told = words("6869 6869 57AB00010003")
    assert told[0][0] is False
    assert "6869" not in told[0][1]
    assert told[-1] == (True, "→ GET_INFO")


def test_zeros_say_what_they_are_for() -> None:
    ((good, told), _info) = words("00" * 20 + "57AB00010003")
    assert good
    assert told.startswith("20 zero bytes")


@given(st.integers(0, 255), st.binary(max_size=64))
@example(0x42, b"")
@example(0x43, b"")
@example(0x4B, b"")
def test_a_tap_hears_any_frame(code: int, data: bytes) -> None:
    body = bytes([0x57, 0xAB, 0, code, len(data)]) + data
    lines = Ch9329Words().feed(Direction.IN, body + bytes([sum(body) % 256]))
    assert all(shown for _good, shown in lines)


def test_a_code_that_is_no_command_shows_no_content() -> None:
    assert words("57 AB 00 42 01 07 4C") == [(True, "→ command 42H: 1 bytes (redacted)")]


def test_it_does_not_matter_how_the_stream_is_cut() -> None:
    stream = bytes.fromhex("57AB0001000357AB008201008557AB0002080000040000000000 10")
    whole = Ch9329Words().feed(Direction.OUT, stream)
    piecewise = Ch9329Words()
    assert [one for byte in stream for one in piecewise.feed(Direction.OUT, bytes([byte]))] == whole


def test_a_ch392_is_told_without_what_its_sockets_carry() -> None:
    line = Ch392Words()
    out = bytes.fromhex("57AB 39 01 0300 686921 57AB 30 01 57AB 3B 01")
    assert line.feed(Direction.OUT, out) == [
        (True, "→ WRITE_SEND_BUF_SN: socket 1, 3 bytes (redacted)"),
        (True, "→ GET_INT_STATUS_SN: socket 1"),
        (True, "→ GET_RECV_LEN_SN: socket 1"),
    ]
    assert line.feed(Direction.IN, bytes.fromhex("05 0200"))[0][1].startswith("← GET_INT_STATUS_SN")
    line.feed(Direction.OUT, bytes.fromhex("57AB 3C 01 0200"))
    assert line.feed(Direction.IN, b"hi") == [(True, "← READ_RECV_BUF_SN: 2 bytes (redacted)")]


def test_a_reply_of_a_ch392_that_did_not_come_is_told() -> None:
    line = Ch392Words()
    line.feed(Direction.OUT, bytes.fromhex("57AB 01"))
    assert line.feed(Direction.OUT, bytes.fromhex("57AB 06 55"))[0] == (
        False,
        "← GET_IC_VER: no reply, or not all of it",
    )
    assert line.feed(Direction.IN, b"\xaa\x00")[-1] == (False, "1 bytes that nobody asked for")


# The tap


async def test_a_tap_hears_both_ways_and_changes_nothing() -> None:
    heard: list[tuple[Direction, bytes]] = []
    sim = Ch9329Sim(times=Times.instant())
    port = TapPort(MemoryPort(sim, "memory", 9600), tap := Tap())
    assert (port.name, port.baud) == ("memory", 9600)
    line = await port.open(9600)
    assert line.baud == 9600
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    line.start(answers.put_nowait, lambda _error: None)
    ask = bytes.fromhex("57AB00010003")
    line.write(ask)
    first = await answers.get()
    tap.on_bytes = lambda direction, data: heard.append((direction, data))
    line.write(ask)
    assert await answers.get() == first
    assert heard == [(Direction.OUT, ask), (Direction.IN, first)]
    await line.set_baud(19200)
    assert line.baud == 19200
    await line.close()
    sim.close()


# The command


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(trace_command, "FOLDERS", ())
    path = tmp_path / "chiplink.toml"
    path.write_text('[node]\nid = "cellar"\n')
    return path


async def test_the_command_shows_what_the_bridge_tells(
    stage: Bench, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = asyncio.create_task(trace_command.trace_device(config, "kvm", raw=False))
    await until(lambda: stage.tap.on_bytes)
    out = ""

    def shown() -> bool:
        nonlocal out
        out += capsys.readouterr().out
        return "← SEND_KB_MEDIA_DATA: success" in out

    await stage.do("type", TYPED)
    await stage.do("media", "mute")
    await until(shown)
    task.cancel()
    await asyncio.wait((task,))
    assert "→ SEND_KB_GENERAL_DATA: keyboard report (redacted)" in out
    assert TYPED not in out


async def test_bytes_that_the_bridge_does_not_give(desk: Desk, stage: Bench, config: Path) -> None:
    ended = await desk.run("trace", "kvm", "-c", str(config), "--raw")
    assert ended.code == 1
    assert "trace_raw = true" in ended.complaint


async def test_a_device_that_the_bridge_does_not_have(
    desk: Desk, stage: Bench, config: Path
) -> None:
    ended = await desk.run("trace", "kvn", "-c", str(config))
    assert ended.code == 2
    assert "did you mean 'kvm'?" in ended.complaint


async def test_no_bridge(desk: Desk, config: Path) -> None:
    ended = await desk.run("trace", "kvm", "-c", str(config))
    assert ended.code == 1
    assert "no bridge of the node 'cellar' runs" in ended.complaint


async def test_a_bridge_that_ends(tmp_path: Path, config: Path, desk: Desk) -> None:
    async with bench(tmp_path) as stage:
        running = asyncio.create_task(desk.run("trace", "kvm", "-c", str(config)))
        await until(lambda: stage.tap.on_bytes)
    ended = await running
    assert ended.code == 1
    assert ended.complaint == "chiplink: the bridge has ended"


async def test_somebody_elses_bridge(
    desk: Desk, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(*_arguments: object, **_more: object) -> None:
        raise PermissionError

    monkeypatch.setattr(asyncio, "open_unix_connection", denied)
    assert "sudo -u" in (await desk.run("trace", "kvm", "-c", str(config))).complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ("trace",),
        ("trace", "kvm", "--port", "/dev/x"),
        ("trace", "--port", "/dev/x", "--chip", "ch9328"),
        ("trace", "--port", "nonsense"),
        ("trace", "kvm", "-c", "/nonexistent.toml"),
    ],
)
async def test_wrong_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    ended = await desk.run(*arguments)
    assert ended.code == 2
    assert ended.complaint


@pytest.mark.parametrize("text", ["", "node = 1", '[node]\nid = "No"', "[node"])
async def test_a_configuration_without_a_node(desk: Desk, config: Path, text: str) -> None:
    config.write_text(text)  # noqa: ASYNC240 - nothing else runs
    ended = await desk.run("trace", "kvm", "-c", str(config))
    assert ended.code == 2
    assert str(config) in ended.complaint


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"dropped": 5}, "… 5 lines lost: they are not read fast enough"),
        ({"t": 0.25, "dir": "out", "hex": "57ab"}, ".250 > 57 AB"),
        ({"t": 0.25, "dir": "in", "hex": "57ab"}, ".250 < 57 AB"),
        ({"t": 0.25, "good": False, "words": "wrong"}, ".250 bad: wrong"),
        ({"t": 0.25, "good": True, "words": "a\x1b[2Jb"}, ".250 a�[2Jb"),
    ],
)
def test_a_line(content: dict[str, Any], shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace_command.show(content)
    assert capsys.readouterr().out.rstrip("\n").endswith(shown)


def test_why_a_chip_is_away_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    complaints = trace_command.Complaints()
    away = Availability("port", online=False, reason="no such port")
    back = Availability("port", online=True)
    for emission in (away, away, back, away, replace(away, reason="no permission")):
        complaints.take(emission)
    said = ["no such port", "no such port", "no permission"]
    assert capsys.readouterr().err.splitlines() == [f"chiplink: {words}" for words in said]


PROGRAM = """
import sys
from chiplink import cli
cli.COMMANDS["trace"] = "trace"
sys.exit(cli.main(sys.argv[1:]))
"""


async def test_a_port_of_its_own(tmp_path: Path) -> None:
    """A process without a bridge; Ctrl-C ends it well."""
    sim = Ch9329Sim()
    async with PtyLine(sim, link=tmp_path / "kvm") as line:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-c", PROGRAM,
            "trace", "--raw", "--port", f"serial://{line.path}?baud=9600",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        out = ""
        async with asyncio.timeout(DEADLINE):
            while "← GET_INFO" not in out:
                out += (await process.stdout.readline()).decode()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0, await process.stderr.read()
    sim.close()
    assert " > 00 " in out
    assert " < 57 AB 00 81" in out
