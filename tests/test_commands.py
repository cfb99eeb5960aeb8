"""The queue in front of a device, with a device that does what it is told."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import deque
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from chiplink import commands
from chiplink.catalog import CHIPS, Kind, Row, ValueType
from chiplink.commands import CommandLine, LinkLine
from chiplink.exceptions import (
    BusyError,
    CancelledCommandError,
    Code,
    DisarmedError,
    OfflineError,
)
from chiplink.model import CommandRequest, Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from chiplink.driver.device import Emit, LinkView, Started
    from chiplink.model import CommandValue, Result

DEADLINE = 20
"""Seconds after which a test that hangs fails."""

LIMIT = 32
"""Commands that may wait, as the contract has it."""


def row(key: str, *, urgent: bool = False, urgent_value: bool | None = None) -> Row:
    return Row(
        key=key,
        kind=Kind.BOTH if key == "armed" else Kind.COMMAND,
        platform="switch" if key == "armed" else "notify",
        type=ValueType.BOOL if key == "armed" else ValueType.TEXT,
        name=key,
        urgent=urgent,
        urgent_value=urgent_value,
    )


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeDevice:
    """Runs what it is told until `finish`, or at once when `instant`."""

    def __init__(self) -> None:
        self.id = "kvm"
        self.title = "kvm"
        self.chip = CHIPS["ch9329"]
        self.rows: Mapping[str, Row] = {
            "type": row("type"),
            "keys": row("keys"),
            "release_all": row("release_all", urgent=True),
            "cancel": row("cancel", urgent=True),
            "armed": row("armed", urgent=True, urgent_value=False),
            "usb": Row(
                key="usb",
                kind=Kind.STATE,
                platform="binary_sensor",
                type=ValueType.BOOL,
                name="usb",
            ),
        }
        self.links: Mapping[str, LinkView] = {}
        self.instant = False
        self.expect_ms: list[int] = []
        self.cleanup_turns = 0
        self.refusal: Exception | None = None
        self.log: list[str] = []
        self.awaited: list[str] = []
        self.running: deque[tuple[CommandRequest, asyncio.Future[Outcome]]] = deque()
        self._changed = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        await asyncio.get_running_loop().create_future()

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        self.note(f"start {name(request)}")
        for expect_ms in self.expect_ms:
            started(expect_ms)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if self.refusal is not None:
            raise self.refusal
        if self.instant:
            future.set_result(Outcome(request.value if isinstance(request.value, str) else None))
            return future
        self.running.append((request, future))
        return self._end(request, future)

    async def _end(self, request: CommandRequest, future: asyncio.Future[Outcome]) -> Outcome:
        self.awaited.append(name(request))
        self._changed.set()
        try:
            return await future
        finally:
            for _ in range(self.cleanup_turns):
                await asyncio.sleep(0)
            self.note(f"end {name(request)}")

    def finish(self, outcome: Outcome | Exception | None = None) -> None:
        """End what has been running for longest."""
        _request, future = self.running.popleft()
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome or Outcome())

    def abort(self) -> None:
        self.note("abort")
        for _request, future in self.running:
            if not future.done():
                future.set_exception(CancelledCommandError("aborted"))
        self.running.clear()

    def unattended(self) -> None:
        self.note("unattended")

    def counters(self) -> Mapping[str, int]:
        return {}

    def note(self, line: str) -> None:
        self.log.append(line)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_log(self, *lines: str) -> None:
        await self.until(lambda: len(self.log) >= len(lines))
        assert self.log == list(lines)


def name(request: CommandRequest) -> str:
    return f"{request.key}={request.value!s}"


class Bench:
    """A command line with its device, clock and results; that of a link if one is named."""

    def __init__(self, clock: Clock, link: str | None = None) -> None:
        self.clock = clock
        self.device = FakeDevice()
        self.results: list[Result] = []
        self.line = (
            CommandLine(self.device, self._report)
            if link is None
            else LinkLine(self.device, link, self._report)
        )
        self.task: asyncio.Task[None] | None = None

    def _report(self, result: Result) -> None:
        self.results.append(result)
        self.device.note(f"{result.phase} {result.key}")

    def start(self) -> None:
        self.task = asyncio.create_task(self.line.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=DEADLINE)
            assert self.task.done()

    def submit(
        self,
        key: str,
        value: CommandValue = None,
        *,
        command_id: str | None = None,
        expires_at: float | None = None,
        origin: object = None,
        peer: str = "",
    ) -> None:
        self.line.submit(
            CommandRequest(
                "kvm",
                key,
                value,
                id=command_id,
                expires_at=expires_at,
                received=self.clock.now,
                origin=origin,
                peer=peer,
            )
        )

    async def until_results(self, count: int) -> list[Result]:
        await self.device.until(lambda: len(self.results) >= count)
        return self.results

    def said(self) -> list[tuple[str, Phase, Code | None]]:
        return [(result.key, result.phase, result.error) for result in self.results]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(commands, "time", clock)
    return clock


@pytest.fixture
async def bench(clock: Clock) -> AsyncIterator[Bench]:
    made = Bench(clock)
    made.start()
    yield made
    await made.stop()


# Order


async def test_one_at_a_time_in_order(bench: Bench) -> None:
    for text in ("a", "b", "c"):
        bench.submit("type", text)
    await bench.device.until_log("start type=a")
    assert bench.line.waiting == 2
    for _ in range(3):
        await bench.device.until(lambda: bench.device.running)
        bench.device.finish()
    await bench.until_results(3)
    assert bench.device.log == [
        "start type=a", "end type=a", "done type",
        "start type=b", "end type=b", "done type",
        "start type=c", "end type=c", "done type",
    ]  # fmt: skip
    assert bench.line.waiting == 0


async def test_what_came_before_the_start_is_carried_out(clock: Clock) -> None:
    bench = Bench(clock)
    bench.device.instant = True
    bench.submit("type", "early")
    bench.start()
    await bench.until_results(1)
    assert bench.device.log == ["start type=early", "done type"]
    await bench.stop()


async def test_32_wait_and_the_next_is_refused(bench: Bench) -> None:
    bench.submit("type", "running")
    await bench.device.until_log("start type=running")
    for number in range(LIMIT):
        bench.submit("type", str(number))
    assert (bench.line.waiting, bench.results) == (32, [])
    bench.submit("type", "one too many", command_id="x")
    assert bench.said() == [("type", Phase.FAILED, Code.QUEUE_FULL)]
    assert bench.line.waiting == 32
    bench.device.instant = True
    bench.device.finish()
    await bench.until_results(34)
    assert [result.error for result in bench.results[1:]] == [None] * 33
    assert "start type=one too many" not in bench.device.log


async def test_results_say_what_came_out_and_how_long_it_took(bench: Bench) -> None:
    origin = object()
    bench.submit("type", "a", command_id="id-1", origin=origin)
    await bench.device.until_log("start type=a")
    bench.clock.now += 0.25
    bench.device.finish(Outcome({"characters": 1}, "fine"))
    (result,) = await bench.until_results(1)
    assert (result.device, result.key, result.phase) == ("kvm", "type", Phase.DONE)
    assert (result.id, result.value, result.detail) == ("id-1", {"characters": 1}, "fine")
    assert (result.ms, result.error, result.public) == (250, None, "")
    assert result.origin is origin


@pytest.mark.parametrize("key", ["nothing", "usb", ""])
async def test_what_is_no_command_is_refused(bench: Bench, key: str) -> None:
    bench.submit(key, "a")
    assert bench.said() == [(key, Phase.FAILED, Code.UNKNOWN_KEY)]
    assert bench.device.log == [f"failed {key}"]


# Overtaking


async def test_urgent_ones_run_beside_what_runs(bench: Bench) -> None:
    bench.submit("type", "long")
    bench.submit("type", "waiting")
    await bench.device.until_log("start type=long")
    bench.submit("release_all")
    await bench.device.until_log("start type=long", "start release_all=None")
    bench.device.running.rotate(-1)
    bench.device.finish()
    await bench.until_results(1)
    assert bench.said() == [("release_all", Phase.DONE, None)]
    assert bench.line.waiting == 1


async def test_cancel_does_not_wait_for_what_came_after_it(bench: Bench) -> None:
    bench.submit("type", "long")
    await bench.device.until(lambda: bench.device.awaited)
    bench.submit("cancel")
    bench.submit("type", "next")
    await bench.device.until(lambda: bench.device.running)
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.said() == [
        ("type", Phase.FAILED, Code.CANCELLED),
        ("cancel", Phase.DONE, None),
    ]


async def test_what_is_remembered_of_a_result_is_not_who_asked(bench: Bench) -> None:
    """Who asked may bring 64 KiB of correlation data, and 1024 results are remembered."""
    origin = Mock()
    kept = weakref.ref(origin)
    bench.device.instant = True
    bench.submit("type", "a", command_id="x", origin=origin)
    await bench.until_results(1)
    bench.results.clear()
    del origin
    await bench.device.until(lambda: bench.line.waiting == 0)
    await asyncio.sleep(0)
    gc.collect()
    assert kept() is None


async def test_disarming_overtakes(bench: Bench) -> None:
    bench.submit("type", "long")
    await bench.device.until_log("start type=long")
    bench.submit("armed", value=False)
    await bench.device.until_log("start type=long", "start armed=False")


async def test_arming_waits_for_its_turn(bench: Bench) -> None:
    bench.submit("type", "long")
    await bench.device.until_log("start type=long")
    bench.submit("armed", value=True)
    assert bench.line.waiting == 1
    bench.device.finish()
    await bench.until_results(1)
    await bench.device.until(lambda: bench.device.running)
    assert bench.device.log[-1] == "start armed=True"
    assert bench.device.log.index("end type=long") < bench.device.log.index("start armed=True")


async def test_urgent_ones_pass_a_full_queue(bench: Bench) -> None:
    for number in range(LIMIT + 1):
        bench.submit("type", str(number))
    await bench.device.until(lambda: bench.results or bench.device.running)
    bench.submit("release_all")
    await bench.device.until(lambda: "start release_all=None" in bench.device.log)


async def test_urgent_ones_are_bounded(bench: Bench) -> None:
    for _ in range(commands.MAX_URGENT):
        bench.submit("release_all")
    await bench.device.until(lambda: len(bench.device.running) == commands.MAX_URGENT)
    bench.submit("release_all")
    assert bench.said() == [("release_all", Phase.FAILED, Code.QUEUE_FULL)]
    bench.device.finish()
    await asyncio.wait(bench.line._urgent, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
    bench.submit("release_all")
    await bench.device.until(lambda: len(bench.device.running) == commands.MAX_URGENT)


async def test_cancel_passes_even_when_urgent_ones_fill_their_bound(bench: Bench) -> None:
    for _ in range(commands.MAX_URGENT):
        bench.submit("release_all")
    await bench.device.until(lambda: len(bench.device.running) == commands.MAX_URGENT)
    bench.submit("cancel")
    assert ("cancel", Phase.DONE, None) in bench.said()


async def test_cancel_drops_what_waits_and_aborts_what_runs(bench: Bench) -> None:
    for text in ("a", "b", "c"):
        bench.submit("type", text, command_id=text)
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    bench.submit("cancel", command_id="stop")
    await bench.until_results(4)
    outcomes = {result.id: (result.phase, result.error) for result in bench.results}
    assert outcomes == {
        "a": (Phase.FAILED, Code.CANCELLED),
        "b": (Phase.FAILED, Code.CANCELLED),
        "c": (Phase.FAILED, Code.CANCELLED),
        "stop": (Phase.DONE, None),
    }
    assert len(bench.results) == 4
    assert bench.device.log.count("abort") == 1
    assert [line for line in bench.device.log if line.startswith("start")] == ["start type=a"]


async def test_what_comes_after_cancel_is_carried_out(bench: Bench) -> None:
    bench.submit("type", "before", command_id="x")
    bench.submit("cancel")
    bench.device.instant = True
    bench.submit("type", "after", command_id="y")
    await bench.until_results(3)
    outcomes = {result.id: (result.phase, result.error) for result in bench.results}
    assert outcomes == {
        "x": (Phase.FAILED, Code.CANCELLED),
        None: (Phase.DONE, None),
        "y": (Phase.DONE, None),
    }
    assert bench.device.log.index("end type=before") < bench.device.log.index("start type=after")


# Expiry


async def test_what_waited_too_long_is_not_carried_out(bench: Bench) -> None:
    bench.submit("type", "long")
    await bench.device.until_log("start type=long")
    bench.submit("type", "late", expires_at=bench.clock.now + 30)
    bench.submit("type", "patient", expires_at=bench.clock.now + 31)
    bench.submit("type", "endless")
    bench.clock.now += 30.5
    bench.device.instant = True
    bench.device.finish()
    await bench.until_results(4)
    assert [result.error for result in bench.results] == [None, Code.EXPIRED, None, None]
    assert "start type=late" not in bench.device.log


async def test_an_urgent_one_expires_too(bench: Bench) -> None:
    bench.submit("release_all", expires_at=bench.clock.now - 1)
    await bench.until_results(1)
    assert bench.said() == [("release_all", Phase.FAILED, Code.EXPIRED)]
    assert bench.device.log == ["failed release_all"]


# The same id again


async def test_a_repeat_is_answered_from_memory(bench: Bench) -> None:
    bench.device.instant = True
    bench.submit("type", "a", command_id="x", origin="first")
    await bench.until_results(1)
    bench.clock.now += 59.9
    bench.submit("type", "a", command_id="x", origin="second")
    first, second = bench.results
    assert (second.phase, second.value, second.id, second.ms) == (Phase.DONE, "a", "x", first.ms)
    assert (first.origin, second.origin) == ("first", "second")
    assert bench.device.log.count("start type=a") == 1


async def test_a_failure_is_remembered_as_well(bench: Bench) -> None:
    bench.submit("type", "a", command_id="x")
    await bench.device.until_log("start type=a")
    bench.device.finish(DisarmedError("not armed"))
    await bench.until_results(1)
    bench.submit("type", "a", command_id="x")
    assert bench.said() == [("type", Phase.FAILED, Code.DISARMED)] * 2
    assert bench.device.log.count("start type=a") == 1


async def test_a_repeat_of_what_waits_or_runs_is_not_carried_out(bench: Bench) -> None:
    bench.submit("type", "a", command_id="x")
    bench.submit("type", "b", command_id="y")
    bench.submit("type", "b", command_id="y")
    await bench.device.until_log("start type=a")
    bench.submit("type", "a", command_id="x")
    bench.clock.now += 61
    bench.submit("type", "a", command_id="x")
    bench.submit("type", "b", command_id="y")
    assert bench.results == []
    bench.device.instant = True
    bench.device.finish()
    await bench.until_results(2)
    bench.submit("keys", "last")
    await bench.until_results(3)
    starts = [line for line in bench.device.log if line.startswith("start")]
    assert starts == ["start type=a", "start type=b", "start keys=last"]


async def test_a_repeat_of_what_was_announced_is_announced_again(bench: Bench) -> None:
    bench.device.expect_ms = [1500]
    bench.submit("type", "a", command_id="x")
    await bench.until_results(1)
    bench.submit("type", "a", command_id="x")
    assert [(result.phase, result.expect_ms) for result in bench.results] == [
        (Phase.ACCEPTED, 1500)
    ] * 2
    bench.device.finish()
    await bench.until_results(3)
    bench.submit("type", "a", command_id="x")
    assert [result.phase for result in bench.results[2:]] == [Phase.DONE] * 2


@pytest.mark.parametrize(("key", "value"), [("type", "b"), ("keys", "a"), ("type", None)])
async def test_the_same_id_for_something_else_is_a_duplicate(
    bench: Bench, key: str, value: str | None
) -> None:
    bench.device.instant = True
    bench.submit("type", "a", command_id="x")
    await bench.until_results(1)
    bench.submit(key, value, command_id="x")
    assert bench.said()[1:] == [(key, Phase.FAILED, Code.DUPLICATE)]
    bench.submit("type", "a", command_id="x")
    assert (bench.results[2].phase, bench.results[2].value) == (Phase.DONE, "a")
    assert [line for line in bench.device.log if line.startswith("start")] == ["start type=a"]


@pytest.mark.parametrize(("first", "second"), [(True, "True"), (b"a", "a"), ("1", 1)])
async def test_values_of_different_types_are_different_commands(
    bench: Bench, first: CommandValue, second: CommandValue
) -> None:
    bench.device.instant = True
    bench.submit("type", first, command_id="x")
    await bench.until_results(1)
    bench.submit("type", second, command_id="x")
    assert bench.results[1].error is Code.DUPLICATE


async def test_without_an_id_everything_is_carried_out(bench: Bench) -> None:
    bench.device.instant = True
    bench.submit("type", "a")
    bench.submit("type", "a")
    await bench.until_results(2)
    assert bench.device.log.count("start type=a") == 2


async def test_after_a_minute_an_id_is_new(bench: Bench) -> None:
    bench.device.instant = True
    bench.submit("type", "a", command_id="x")
    await bench.until_results(1)
    bench.clock.now += 60
    bench.submit("type", "b", command_id="x")
    await bench.until_results(2)
    assert bench.said()[1] == ("type", Phase.DONE, None)
    assert bench.device.log.count("start type=b") == 1


async def test_the_minute_counts_from_the_end(bench: Bench) -> None:
    bench.submit("type", "a", command_id="x")
    await bench.device.until_log("start type=a")
    bench.clock.now += 100
    bench.device.finish()
    await bench.until_results(1)
    bench.clock.now += 59
    bench.submit("type", "a", command_id="x")
    assert bench.said() == [("type", Phase.DONE, None)] * 2
    assert bench.device.log.count("start type=a") == 1


async def test_the_memory_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MAX_REMEMBERED", 3)
    bench.device.instant = True
    for number in range(5):
        bench.submit("type", "a", command_id=str(number))
        await bench.until_results(number + 1)
    assert len(bench.line._seen) == 3
    bench.submit("type", "other", command_id="4")
    assert bench.results[5].error is Code.DUPLICATE
    bench.submit("type", "other", command_id="0")
    await bench.until_results(7)
    assert bench.results[6].value == "other"


async def test_a_flood_of_ids_does_not_make_it_forget_what_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MAX_REMEMBERED", 40)
    bench.submit("type", "precious", command_id="x")
    await bench.device.until_log("start type=precious")
    for number in range(100):
        bench.submit("type", "flood", command_id=f"flood-{number}")
    bench.submit("cancel")
    bench.submit("type", "precious", command_id="x")
    bench.submit("keys", "last", command_id="last")
    bench.device.instant = True
    await bench.device.until(lambda: "start keys=last" in bench.device.log)
    assert bench.device.log.count("start type=precious") == 1


async def test_nothing_typed_is_remembered(bench: Bench) -> None:
    bench.device.instant = True
    bench.submit("type", "hunter2", command_id="x")
    await bench.until_results(1)
    memory = bench.line._seen["x"]
    assert "hunter2" not in repr(memory.fingerprint)


# Failures


async def test_a_defect_fails_the_command_and_the_next_runs(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.submit("type", "a", command_id="x")
    bench.submit("type", "b")
    await bench.device.until_log("start type=a")
    bench.device.instant = True
    bench.device.finish(ZeroDivisionError("hunter2"))
    await bench.until_results(2)
    assert bench.said() == [("type", Phase.FAILED, Code.INTERNAL), ("type", Phase.DONE, None)]
    assert "hunter2" not in bench.results[0].detail + bench.results[0].public
    assert "kvm/type" in caplog.text


async def test_a_device_that_cancels_itself_does_not_end_its_line(bench: Bench) -> None:
    bench.submit("type", "a")
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    bench.device.running.popleft()[1].cancel()
    bench.device.instant = True
    bench.submit("type", "b")
    await bench.until_results(2)
    assert bench.said() == [("type", Phase.FAILED, Code.INTERNAL), ("type", Phase.DONE, None)]


@pytest.mark.parametrize("error", [ZeroDivisionError("hunter2"), BusyError("busy")])
async def test_what_cannot_even_begin_fails_and_the_next_runs(
    bench: Bench, error: Exception
) -> None:
    bench.device.refusal = error
    bench.submit("type", "a", command_id="x")
    await bench.until_results(1)
    code = Code.BUSY if isinstance(error, BusyError) else Code.INTERNAL
    assert (bench.results[0].id, bench.results[0].error) == ("x", code)
    assert "hunter2" not in bench.results[0].detail
    bench.device.refusal = None
    bench.device.instant = True
    bench.submit("type", "b")
    await bench.until_results(2)
    assert bench.said()[1] == ("type", Phase.DONE, None)


@pytest.mark.parametrize(
    ("error", "code"),
    [(OfflineError("gone"), Code.OFFLINE), (BusyError("busy"), Code.BUSY)],
)
async def test_an_error_becomes_its_code(bench: Bench, error: Exception, code: Code) -> None:
    bench.submit("type", "a")
    await bench.device.until_log("start type=a")
    bench.device.finish(error)
    (result,) = await bench.until_results(1)
    assert (result.phase, result.error, result.detail) == (Phase.FAILED, code, str(error))


async def test_what_is_public_is_kept_apart(bench: Bench) -> None:
    bench.submit("type", "a")
    await bench.device.until_log("start type=a")
    bench.device.finish(BusyError("cannot type hunter2", public="cannot type"))
    (result,) = await bench.until_results(1)
    assert (result.detail, result.public) == ("cannot type hunter2", "cannot type")


@pytest.mark.parametrize(
    ("expect_ms", "phases"),
    [
        (0, [Phase.DONE]),
        (1000, [Phase.DONE]),
        (1001, [Phase.ACCEPTED, Phase.DONE]),
        (60_000, [Phase.ACCEPTED, Phase.DONE]),
    ],
)
async def test_accepted_comes_first_for_what_takes_longer_than_a_second(
    bench: Bench, expect_ms: int, phases: list[Phase]
) -> None:
    bench.device.instant = True
    bench.device.expect_ms = [expect_ms]
    bench.submit("type", "a", command_id="x")
    await bench.until_results(len(phases))
    assert [result.phase for result in bench.results] == phases
    if Phase.ACCEPTED in phases:
        assert bench.results[0].expect_ms == expect_ms
        assert bench.results[0].id == "x"


# A link's

TX, SET = "link/plc/tx", "link/plc/set"
QUARTER = 64 * 1024
"""Of what may wait, in bytes."""


@pytest.fixture
async def link(clock: Clock) -> AsyncIterator[Bench]:
    made = Bench(clock, "plc")
    made.start()
    yield made
    await made.stop()


async def test_a_link_s_commands_reach_the_device_unchanged(link: Bench) -> None:
    request = CommandRequest("kvm", TX, b"\x00", id="x", origin=object(), peer="192.0.2.7:80")
    link.line.submit(request)
    ((begun, _future),) = link.device.running
    assert begun is request
    link.device.finish(Outcome({"level": "acked", "bytes": 1}))
    (result,) = await link.until_results(1)
    assert (result.key, result.id, result.phase) == (TX, "x", Phase.DONE)
    assert result.value == {"level": "acked", "bytes": 1}


@pytest.mark.parametrize("key", ["type", "cancel", "link/other/tx", "link/plc/rx", "link/plc"])
async def test_a_link_takes_nothing_else(link: Bench, key: str) -> None:
    link.submit(key, b"a")
    assert link.said() == [(key, Phase.FAILED, Code.UNKNOWN_KEY)]
    assert "start" not in "".join(link.device.log)


async def test_32_messages_wait_for_a_link(link: Bench) -> None:
    for number in range(LIMIT + 2):
        link.submit(TX, b"a", command_id=str(number))
    assert (link.line.waiting, [result.id for result in link.results]) == (32, ["33"])
    assert link.said() == [(TX, Phase.FAILED, Code.QUEUE_FULL)]
    assert link.results[0].detail == (
        "32 commands are waiting for kvm/plc; at most 32, and 262144 bytes"
    )


async def test_256_kib_wait_for_a_link(link: Bench) -> None:
    for name in ("runs", "a", "b", "c", "d"):
        link.submit(TX, b"a" * QUARTER, command_id=name)
    assert (link.line.waiting, link.results) == (4, [])
    link.submit(TX, b"a", command_id="x")
    assert link.said() == [(TX, Phase.FAILED, Code.QUEUE_FULL)]
    link.device.finish()
    await link.until_results(2)
    await link.device.until(lambda: link.device.running)
    link.submit(TX, b"a" * QUARTER, command_id="x")
    assert link.line.waiting == 4
    link.submit(TX, b"a", command_id="y")
    assert [(result.id, result.error) for result in link.results] == [
        ("x", Code.QUEUE_FULL),
        ("runs", None),
        ("y", Code.QUEUE_FULL),
    ]


async def test_closing_drops_what_waits_and_stops_nothing(link: Bench) -> None:
    for name in ("runs", "a", "b"):
        link.submit(TX, b"data", command_id=name)
    link.submit(SET, "CLOSE", command_id="close")
    link.submit(TX, b"data", command_id="after")
    assert [(result.id, result.error) for result in link.results] == [
        ("a", Code.CLOSED),
        ("b", Code.CLOSED),
    ]
    assert [request.id for request, _future in link.device.running] == ["runs", "close"]
    assert "abort" not in link.device.log
    link.device.instant = True
    link.device.finish()
    link.device.finish()
    await link.until_results(5)
    assert {result.id: result.error for result in link.results} == {
        "a": Code.CLOSED,
        "b": Code.CLOSED,
        "runs": None,
        "close": None,
        "after": None,
    }


async def test_opening_overtakes_and_drops_nothing(link: Bench) -> None:
    link.submit(TX, b"data", command_id="runs")
    link.submit(TX, b"data", command_id="waits")
    link.submit(SET, "OPEN", command_id="open")
    assert [request.id for request, _future in link.device.running] == ["runs", "open"]
    assert (link.line.waiting, link.results) == (1, [])


async def test_what_comes_after_an_urgent_one_begins_after_it(link: Bench) -> None:
    link.submit(SET, "CLOSE")
    link.submit(SET, "OPEN")
    link.submit(TX, b"data")
    assert [request.value for request, _future in link.device.running] == [
        "CLOSE",
        "OPEN",
        b"data",
    ]


async def test_closing_passes_even_when_opening_fills_its_bound(link: Bench) -> None:
    for _ in range(commands.MAX_URGENT + 1):
        link.submit(SET, "OPEN")
    assert link.said() == [(SET, Phase.FAILED, Code.QUEUE_FULL)]
    link.submit(SET, "CLOSE")
    assert len(link.device.running) == commands.MAX_URGENT + 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((b"a", ""), (b"b", "")),
        ((b"a", "192.0.2.7:80"), (b"a", "192.0.2.8:80")),
        ((b"OPEN", ""), ("OPEN", "")),
    ],
)
async def test_the_same_id_for_other_data_or_another_peer_is_a_duplicate(
    link: Bench, first: tuple[CommandValue, str], second: tuple[CommandValue, str]
) -> None:
    link.device.instant = True
    for count, (value, peer) in enumerate((first, second, first), 1):
        link.submit(TX, value, peer=peer, command_id="x")
        await link.until_results(count)
    assert [result.error for result in link.results] == [None, Code.DUPLICATE, None]
    assert len([line for line in link.device.log if line.startswith("start")]) == 1


async def test_the_end_answers_what_waits_for_a_link(link: Bench) -> None:
    link.submit(TX, b"data", command_id="runs")
    link.submit(TX, b"data", command_id="waits")
    link.submit(SET, "OPEN", command_id="open")
    await link.stop()
    assert {result.id: result.error for result in link.results} == dict.fromkeys(
        ("runs", "waits", "open"), Code.CANCELLED
    )
    assert len(link.results) == 3


# The end


async def test_the_end_answers_what_runs_and_what_waits(bench: Bench) -> None:
    for text in ("a", "b", "c"):
        bench.submit("type", text, command_id=text)
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    await bench.stop()
    assert sorted((result.id, result.error) for result in bench.results) == [
        ("a", Code.CANCELLED),
        ("b", Code.CANCELLED),
        ("c", Code.CANCELLED),
    ]


async def test_the_end_answers_what_has_only_just_begun(bench: Bench) -> None:
    bench.device.instant = True
    bench.submit("type", "earlier")
    await bench.until_results(1)
    bench.device.instant = False
    bench.submit("type", "a", command_id="x")
    await bench.stop()
    assert [(result.id, result.error) for result in bench.results[1:]] == [("x", Code.CANCELLED)]


async def test_the_end_answers_urgent_ones(bench: Bench) -> None:
    bench.device.cleanup_turns = 5
    bench.submit("release_all", command_id="x")
    await bench.device.until(lambda: bench.device.awaited == ["release_all=None"])
    await bench.stop()
    assert [(result.id, result.error) for result in bench.results] == [("x", Code.CANCELLED)]
    assert bench.device.log[1] == "end release_all=None"


async def test_the_end_answers_a_cancel_that_has_only_just_come(bench: Bench) -> None:
    bench.device.cleanup_turns = 50
    bench.submit("type", "a", command_id="a")
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    assert bench.task is not None
    bench.task.cancel()
    bench.submit("cancel", command_id="x")
    await bench.stop()
    assert sorted(result.id or "" for result in bench.results) == ["a", "x"]


async def test_the_end_answers_urgent_ones_that_have_not_begun(bench: Bench) -> None:
    bench.submit("type", "a")
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    bench.submit("release_all", command_id="x")
    await bench.stop()
    assert [result.id for result in bench.results if result.key == "release_all"] == ["x"]


async def test_what_comes_after_the_end_is_answered(bench: Bench) -> None:
    bench.submit("type", "a")
    await bench.device.until(lambda: bench.device.awaited == ["type=a"])
    await bench.stop()
    bench.submit("type", "late", command_id="x")
    assert [(result.id, result.phase) for result in bench.results[1:]] == [("x", Phase.FAILED)]
    assert "start type=late" not in bench.device.log
