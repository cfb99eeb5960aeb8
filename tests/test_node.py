"""The node: what devices say goes to every sink, what sinks ask comes back as results."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from chiplink.catalog import CHIPS, Kind, Row, ValueType
from chiplink.exceptions import BusyError, ClosedError, Code, UnsupportedCharactersError
from chiplink.metrics import Metrics
from chiplink.model import (
    Availability,
    CommandRequest,
    DeviceEvent,
    LinkData,
    LinkInfo,
    LinkPhase,
    LinkState,
    Outcome,
    Phase,
    Result,
    StateUpdate,
)
from chiplink.node import Node
from mqtt.mqtt_support import FakeLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from chiplink.driver.device import Emission, Emit, Started
    from chiplink.model import CommandValue, Scalar

DEADLINE = 20

Said = StateUpdate | DeviceEvent | Availability | Result | LinkState | LinkInfo | LinkData


class FakeDevice:
    """Answers every command with what stands in `answers` under its value."""

    def __init__(self, device_id: str) -> None:
        self.id = device_id
        self.title = device_id
        self.chip = CHIPS["ch9329"]
        self.rows: Mapping[str, Row] = {
            "type": Row(
                key="type",
                kind=Kind.COMMAND,
                platform="notify",
                type=ValueType.TEXT,
                name="type",
            )
        }
        self.links: Mapping[str, FakeLink] = {}
        self.asked: list[CommandRequest] = []
        self.answers: dict[CommandValue, Exception] = {}
        self.expect_ms = 0
        self.left_alone = 0
        self.ended = False
        self.begun = asyncio.Event()
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        self._emit = emit
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended = True

    def say(self, emission: Emission) -> None:
        assert self._emit is not None
        self._emit(emission)

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        self.asked.append(request)
        started(self.expect_ms)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if request.value in self.answers:
            future.set_exception(self.answers[request.value])
        elif request.value != "endless":
            future.set_result(Outcome())
        return future

    def abort(self) -> None: ...

    def unattended(self) -> None:
        self.left_alone += 1

    def counters(self) -> Mapping[str, int]:
        return {}


class FakeSink:
    def __init__(self) -> None:
        self.said: list[Said] = []
        self._changed = asyncio.Event()

    def state(self, update: StateUpdate) -> None:
        self._note(update)

    def event(self, event: DeviceEvent) -> None:
        self._note(event)

    def availability(self, availability: Availability) -> None:
        self._note(availability)

    def result(self, result: Result) -> None:
        self._note(result)

    def link_state(self, state: LinkState) -> None:
        self._note(state)

    def link_info(self, info: LinkInfo) -> None:
        self._note(info)

    def link_data(self, data: LinkData) -> None:
        self._note(data)

    def _note(self, said: Said) -> None:
        self.said.append(said)
        self._changed.set()

    @property
    def results(self) -> list[Result]:
        return [said for said in self.said if isinstance(said, Result)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Bench:
    def __init__(self) -> None:
        self.kvm, self.lan = FakeDevice("kvm"), FakeDevice("lan")
        self.lan.links = {"plc": FakeLink("plc"), "srv": FakeLink("srv", "tcp-server", True)}
        self.node = Node([self.kvm, self.lan])
        self.sink = FakeSink()
        self.node.add_sink(self.sink)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self.node.run())
        await asyncio.gather(self.kvm.begun.wait(), self.lan.begun.wait())
        self.sink.said.clear()

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task], timeout=DEADLINE)
        assert self.task.done()

    async def ask(self, value: CommandValue, command_id: str | None = None) -> Result:
        count = len(self.sink.results)
        self.node.submit(CommandRequest("kvm", "type", value, id=command_id))
        await self.sink.until(lambda: len(self.sink.results) > count)
        return self.sink.results[-1]

    @property
    def last_error(self) -> Scalar:
        return self.node.states["kvm", "last_error"]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.start()
    yield made
    await made.stop()


# Values


async def test_before_anything_is_said() -> None:
    bench = Bench()
    assert bench.node.available == {"kvm": False, "lan": False}
    assert bench.node.states == {}
    assert list(bench.node.devices) == ["kvm", "lan"]


async def test_every_device_starts_without_an_error(bench: Bench) -> None:
    assert bench.node.states == {("kvm", "last_error"): "", ("lan", "last_error"): ""}


async def test_a_state_goes_to_every_sink_and_is_kept(bench: Bench) -> None:
    other = FakeSink()
    bench.node.add_sink(other)
    update = StateUpdate("kvm", "caps_lock", True)
    bench.kvm.say(update)
    assert bench.sink.said == [update]
    assert other.said == [update]
    assert bench.node.states["kvm", "caps_lock"] is True


async def test_a_state_is_told_once_until_it_changes(bench: Bench) -> None:
    for value in (True, True, False, False, True):
        bench.kvm.say(StateUpdate("kvm", "caps_lock", value))
    assert [said.value for said in bench.sink.said if isinstance(said, StateUpdate)] == [
        True,
        False,
        True,
    ]


async def test_devices_of_one_key_are_kept_apart(bench: Bench) -> None:
    bench.kvm.say(StateUpdate("kvm", "firmware", "V1.0"))
    bench.lan.say(StateUpdate("lan", "firmware", "V1.0"))
    assert len(bench.sink.said) == 2


@pytest.mark.parametrize(
    ("length", "kept"), [(254, "ä" * 254), (255, "ä" * 255), (256, "ä" * 254 + "…")]
)
async def test_a_text_has_255_characters_at_most(bench: Bench, length: int, kept: str) -> None:
    bench.kvm.say(StateUpdate("kvm", "firmware", "ä" * length))
    assert bench.sink.said == [StateUpdate("kvm", "firmware", kept)]
    assert bench.node.states["kvm", "firmware"] == kept


async def test_a_text_that_is_the_same_when_cut_is_told_once(bench: Bench) -> None:
    bench.kvm.say(StateUpdate("kvm", "firmware", "a" * 300))
    bench.kvm.say(StateUpdate("kvm", "firmware", "a" * 301))
    assert len(bench.sink.said) == 1


async def test_events_are_told_each_time_and_not_kept(bench: Bench) -> None:
    event = DeviceEvent("kvm", "hid_in", "report", {"data": "01"})
    bench.kvm.say(event)
    bench.kvm.say(event)
    assert bench.sink.said == [event, event]
    assert ("kvm", "hid_in") not in bench.node.states


async def test_availability_comes_with_the_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    online, offline = Availability("kvm", True), Availability("kvm", False, "unplugged")
    bench.kvm.say(online)
    assert bench.node.available == {"kvm": True, "lan": False}
    bench.kvm.say(offline)
    assert bench.sink.said == [online, StateUpdate("kvm", "last_error", "unplugged"), offline]
    assert bench.node.available["kvm"] is False
    assert "kvm: offline: unplugged" in caplog.text


async def test_a_device_that_stays_away_is_told_once_with_its_newest_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("no such port", "no such port", "no permission"):
        bench.kvm.say(Availability("kvm", False, reason))
    assert bench.sink.said == [
        StateUpdate("kvm", "last_error", "no such port"),
        StateUpdate("kvm", "last_error", "no permission"),
    ]
    assert caplog.messages == ["kvm: offline: no such port", "kvm: offline: no permission"]


async def test_a_device_that_is_back_has_no_error(bench: Bench) -> None:
    bench.kvm.say(Availability("kvm", False, "unplugged"))
    bench.kvm.say(Availability("kvm", True))
    assert bench.last_error == ""


# Commands


async def test_results_go_to_every_sink(bench: Bench) -> None:
    other = FakeSink()
    bench.node.add_sink(other)
    result = await bench.ask("a", "x")
    assert (result.device, result.key, result.id, result.phase) == ("kvm", "type", "x", Phase.DONE)
    assert other.results == [result]


async def test_an_unknown_device_is_answered(bench: Bench) -> None:
    bench.node.submit(CommandRequest("cell", "at", "AT", id="x"))
    (result,) = bench.sink.results
    assert (result.device, result.key, result.id) == ("cell", "at", "x")
    assert (result.phase, result.error) == (Phase.FAILED, Code.UNKNOWN_KEY)
    assert ("cell", "last_error") not in bench.node.states


async def test_the_last_error_is_set_and_cleared_by_the_next_success(bench: Bench) -> None:
    bench.kvm.answers["bad"] = BusyError("busy now")
    await bench.ask("bad")
    assert bench.last_error == "busy now"
    await bench.ask("good")
    assert bench.last_error == ""
    errors = [said.value for said in bench.sink.said if isinstance(said, StateUpdate)]
    assert errors == ["busy now", ""]


async def test_being_accepted_is_no_success(bench: Bench) -> None:
    bench.kvm.answers["bad"] = BusyError("busy now")
    await bench.ask("bad")
    bench.kvm.expect_ms = 5000
    result = await bench.ask("endless")
    assert result.phase is Phase.ACCEPTED
    assert bench.last_error == "busy now"


async def test_the_last_error_repeats_nothing_that_was_typed(bench: Bench) -> None:
    bench.kvm.answers["hunter2"] = UnsupportedCharactersError(
        "cannot type hunter2", public="cannot type 7 of the characters"
    )
    result = await bench.ask("hunter2")
    assert result.detail == "cannot type hunter2"
    assert bench.last_error == "cannot type 7 of the characters"


async def test_the_last_error_of_another_device_stays(bench: Bench) -> None:
    bench.kvm.answers["bad"] = BusyError("busy now")
    await bench.ask("bad")
    assert bench.node.states["lan", "last_error"] == ""


async def test_waiting_counts_each_device(bench: Bench) -> None:
    for _ in range(3):
        bench.node.submit(CommandRequest("kvm", "type", "endless"))
    assert bench.node.waiting() == {"kvm": 2, "lan": 0, "lan/link/plc": 0, "lan/link/srv": 0}


async def test_unattended_reaches_every_device(bench: Bench) -> None:
    bench.node.unattended()
    assert (bench.kvm.left_alone, bench.lan.left_alone) == (1, 1)


async def test_the_end_reaches_every_device_and_answers_every_command(bench: Bench) -> None:
    bench.kvm.expect_ms = 5000
    await bench.ask("endless", "x")
    bench.node.submit(CommandRequest("kvm", "type", "waiting", id="y"))
    await bench.stop()
    assert (bench.kvm.ended, bench.lan.ended) == (True, True)
    answers = {result.id: result.error for result in bench.sink.results if result.error}
    assert answers == {"x": Code.CANCELLED, "y": Code.CANCELLED}


# Links


def data(taken: list[str], name: str = "a") -> LinkData:
    return LinkData("lan", "plc", name.encode(), taken=lambda: taken.append(name))


def ask_link(bench: Bench, word: str, value: CommandValue, link: str = "plc") -> None:
    bench.node.submit(CommandRequest("lan", f"link/{link}/{word}", value, id="x"))


async def test_links_are_closed_before_they_say_anything(bench: Bench) -> None:
    assert bench.node.link_states == {
        ("lan", "plc"): LinkPhase.CLOSED,
        ("lan", "srv"): LinkPhase.CLOSED,
    }
    assert bench.node.link_infos == {}
    bench.lan.say(LinkState("lan", "plc", LinkPhase.CLOSED))
    assert bench.sink.said == []


async def test_a_link_s_state_is_told_once_until_it_changes(bench: Bench) -> None:
    open_, backoff = (LinkState("lan", "plc", p) for p in (LinkPhase.OPEN, LinkPhase.BACKOFF))
    for state in (open_, open_, backoff, open_):
        bench.lan.say(state)
    assert bench.sink.said == [open_, backoff, open_]
    assert bench.node.link_states["lan", "plc"] is LinkPhase.OPEN
    assert bench.node.link_states["lan", "srv"] is LinkPhase.CLOSED


async def test_the_newest_of_what_there_is_to_know_is_kept(bench: Bench) -> None:
    infos = [LinkInfo("lan", "plc", {"rx_bytes": number}) for number in (1, 2)]
    for info in infos:
        bench.lan.say(info)
    assert bench.sink.said == infos
    assert bench.node.link_infos == {("lan", "plc"): {"rx_bytes": 2}}


async def test_data_nobody_wants_is_taken_at_once() -> None:
    device, taken = FakeDevice("lan"), list[str]()
    node = Node([device])
    task = asyncio.create_task(node.run())
    await device.begun.wait()
    device.say(data(taken))
    assert taken == ["a"]
    task.cancel()
    await asyncio.wait([task], timeout=DEADLINE)


async def test_data_is_taken_when_the_last_sink_has_taken_it(bench: Bench) -> None:
    other, taken = FakeSink(), list[str]()
    bench.node.add_sink(other)
    bench.lan.say(data(taken))
    (first,), (second,) = bench.sink.said, other.said
    assert first == second == data(taken)
    assert isinstance(first, LinkData)
    assert isinstance(second, LinkData)
    second.taken()
    second.taken()
    assert taken == []
    first.taken()
    assert taken == ["a"]
    for said in (first, second):
        said.taken()
    assert taken == ["a"]


async def test_a_sink_that_comes_later_holds_nothing_back(bench: Bench) -> None:
    taken: list[str] = []
    bench.lan.say(data(taken))
    bench.node.add_sink(FakeSink())
    (said,) = bench.sink.said
    assert isinstance(said, LinkData)
    said.taken()
    assert taken == ["a"]


async def test_a_sink_that_fails_holds_nothing_back(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(FakeSink):
        def link_data(self, data: LinkData) -> None:
            raise ZeroDivisionError

    last, taken = FakeSink(), list[str]()
    bench.node.add_sink(Failing())
    bench.node.add_sink(last)
    bench.lan.say(data(taken))
    for said in (*bench.sink.said, *last.said):
        assert isinstance(said, LinkData)
        said.taken()
    assert taken == ["a"]
    assert "lan: what link plc got was lost" in caplog.text


async def test_a_link_s_commands_reach_its_device_as_they_are(bench: Bench) -> None:
    request = CommandRequest("lan", "link/srv/tx", b"hi", id="x", peer="192.0.2.7:502")
    bench.node.submit(request)
    await bench.sink.until(lambda: bench.sink.results)
    assert bench.lan.asked == [request]
    assert bench.lan.asked[0] is request
    assert (bench.sink.results[0].key, bench.sink.results[0].id) == ("link/srv/tx", "x")
    assert bench.kvm.asked == []


async def test_a_full_link_holds_up_neither_another_nor_its_device(bench: Bench) -> None:
    for _ in range(40):
        bench.node.submit(CommandRequest("lan", "link/plc/tx", "endless"))
    assert bench.node.waiting()["lan/link/plc"] == 32
    bench.sink.said.clear()
    ask_link(bench, "tx", b"hi", "srv")
    bench.node.submit(CommandRequest("lan", "type", "a"))
    await bench.sink.until(lambda: len(bench.sink.results) == 2)
    assert {result.key: result.error for result in bench.sink.results} == {
        "link/srv/tx": None,
        "type": None,
    }


async def test_what_waits_for_links_is_counted_apart(bench: Bench) -> None:
    for _ in range(3):
        bench.node.submit(CommandRequest("lan", "link/plc/tx", "endless"))
    lines = Metrics(bench.node, dict).render().splitlines()
    assert 'chiplink_commands_waiting{device="lan"} 0' in lines
    assert 'chiplink_commands_waiting{device="lan",link="plc"} 2' in lines


async def test_an_unknown_link_is_answered(bench: Bench) -> None:
    for key in ("link/other/tx", "link/", "link/plc/rx"):
        bench.node.submit(CommandRequest("lan", key, b"hi", id="x"))
    bench.node.submit(CommandRequest("attic", "link/plc/tx", b"hi"))
    assert [result.error for result in bench.sink.results] == [Code.UNKNOWN_KEY] * 4
    assert [result.detail for result in bench.sink.results] == [
        "lan has no link 'other'",
        "lan has no link ''",
        "'link/plc/rx' is no command of lan",
        "there is no device 'attic'",
    ]
    assert bench.lan.asked == []


async def test_a_link_s_error_is_not_its_device_s(bench: Bench) -> None:
    bench.node.states["lan", "last_error"] = "earlier"
    bench.lan.answers[b"bad"] = ClosedError("the link is not open")
    ask_link(bench, "tx", b"bad")
    await bench.sink.until(lambda: bench.sink.results)
    assert bench.sink.results[0].error is Code.CLOSED
    bench.node.submit(CommandRequest("lan", "link/plc/tx", b"good"))
    await bench.sink.until(lambda: len(bench.sink.results) == 2)
    assert bench.node.states["lan", "last_error"] == "earlier"


async def test_the_end_answers_what_waits_for_links(bench: Bench) -> None:
    ask_link(bench, "tx", "endless")
    ask_link(bench, "tx", "endless", "srv")
    await bench.stop()
    assert sorted((result.key, result.error) for result in bench.sink.results) == [
        ("link/plc/tx", Code.CANCELLED),
        ("link/srv/tx", Code.CANCELLED),
    ]
