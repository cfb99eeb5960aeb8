"""The golden transcript: a whole session, replayed against the bridge with a simulated chip.

The second device has links and is drawn: what a link does on its chip has tests of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.catalog import Chip
from chiplink.catalog.row import LAST_ERROR
from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.exceptions import ClosedError
from chiplink.model import Availability, LinkData, LinkInfo, LinkPhase, LinkState, Outcome
from chiplink.mqtt.message import Message
from chiplink.mqtt.session import Session, SessionSettings
from chiplink.mqtt.url import Broker
from chiplink.node import Node
from chiplink.sim import Ch9329Sim, Times
from chiplink.transport.memory import MemoryPort
from mqtt.mqtt_support import (
    DEADLINE,
    FakeConnection,
    FakeLink,
    Said,
    Stopping,
    Subscribing,
    Unsubscribing,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from chiplink.driver.device import Emit, Started
    from chiplink.model import CommandRequest, DeviceEvent, Result, StateUpdate

TRANSCRIPT: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "mqtt_session.json").read_text("utf-8")
)

ANYTHING, ANYTHING_OR_NOTHING = "*", "?"


def matches(expected: Any, value: Any) -> bool:
    """Whether a JSON value is what the transcript says."""
    if expected in (ANYTHING, ANYTHING_OR_NOTHING):
        return True
    if isinstance(expected, dict) and isinstance(value, dict):
        needed = {name for name, item in expected.items() if item != ANYTHING_OR_NOTHING}
        return (
            needed <= set(value) <= set(expected)
            and all(matches(expected[name], item) for name, item in value.items())
        )  # fmt: skip
    if isinstance(expected, list) and isinstance(value, list):
        return len(expected) == len(value) and all(map(matches, expected, value))
    return type(expected) is type(value) and bool(expected == value)


def payload_matches(expected: Any, payload: bytes) -> bool:
    if expected == ANYTHING:
        return True
    if isinstance(expected, str):
        return payload == expected.encode()
    try:
        return matches(expected, json.loads(payload))
    except ValueError:
        return False


def topic_matches(expected: str, topic: str) -> bool:
    if expected.endswith(ANYTHING):
        return topic.startswith(expected[:-1])
    return topic == expected


def message_matches(expected: dict[str, Any], message: Message) -> bool:
    correlation = expected.get("correlation")
    return (
        topic_matches(expected["topic"], message.topic)
        and message.retain is expected.get("retain", False)
        and message.qos == expected.get("qos", 1)
        and message.correlation == (bytes.fromhex(correlation) if correlation else None)
        and (expected.get("seq") == ANYTHING or message.seq == expected.get("seq"))
        and payload_matches(expected["payload"], message.payload)
    )


class Clock:
    """The session's clock, which the transcript can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Links:
    """A device whose links do what the transcript says; `asked` is what reached them."""

    def __init__(self, about: dict[str, str]) -> None:
        self.id = about["id"]
        self.title = about["name"]
        self.chip = Chip(id="drawn", title="Drawn", manufacturer="nobody", rows=(LAST_ERROR,))
        self.rows = {LAST_ERROR.key: LAST_ERROR}
        self.links = {
            "plc": FakeLink("plc", about["plc"]),
            "srv": FakeLink("srv", about["srv"], several=True),
        }
        self.asked: list[list[str]] = []
        self.held = 0
        self.peers: set[str] = set()
        self.emit: Emit = lambda _emission: None

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        emit(Availability(self.id, True))
        self.phase("plc", LinkPhase.OPEN)
        self.phase("srv", LinkPhase.LISTENING)
        info = {"peers": ["192.0.2.7:502"], "rx_bytes": 0, "last_error": ""}
        emit(LinkInfo(self.id, "plc", info))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.phase("plc", LinkPhase.CLOSED)
            self.phase("srv", LinkPhase.CLOSED)

    def phase(self, link: str, phase: LinkPhase) -> None:
        self.open = phase is not LinkPhase.CLOSED
        self.emit(LinkState(self.id, link, phase))

    def receive(self, link: str, data: bytes, peer: str) -> None:
        if peer:
            self.peers.add(peer)
        self.held += 1
        self.emit(LinkData(self.id, link, data, peer, self._taken))

    def _taken(self) -> None:
        self.held -= 1

    def execute(self, request: CommandRequest, _started: Started) -> Awaitable[Outcome]:
        value = request.value if isinstance(request.value, str) else bytes(request.value).decode()
        self.asked.append([request.key, request.peer, value])
        if request.key.endswith("/set"):
            self.phase("plc", LinkPhase.OPEN if value == "OPEN" else LinkPhase.CLOSED)
            return self._done(Outcome())
        if not self.open or (request.peer and request.peer not in self.peers):
            raise ClosedError("the link is not open")
        return self._done(Outcome({"level": "acked", "bytes": len(value)}))

    async def _done(self, outcome: Outcome) -> Outcome:
        return outcome

    def abort(self) -> None: ...
    def unattended(self) -> None: ...
    def counters(self) -> Mapping[str, int]:
        return {}


class Watch:
    """A sink that waits for states."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changed = asyncio.Event()

    def state(self, update: StateUpdate) -> None:
        self._changed.set()

    def event(self, event: DeviceEvent) -> None: ...
    def availability(self, availability: Availability) -> None: ...
    def result(self, result: Result) -> None: ...
    def link_state(self, state: LinkState) -> None: ...
    def link_info(self, info: LinkInfo) -> None: ...

    def link_data(self, data: LinkData) -> None:
        data.taken()

    async def until_known(self, states: dict[str, Any]) -> None:
        async with asyncio.timeout(DEADLINE):
            while any(self._node.states.get(("kvm", key)) != item for key, item in states.items()):
                self._changed.clear()
                await self._changed.wait()


class Replay:
    """Plays the transcript's steps, one method a kind of step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        device = TRANSCRIPT["device"]
        self.sim = Ch9329Sim(times=Times.instant())
        settings = Ch9329Settings(
            id=device["id"],
            title=device["name"],
            layout=device["layout"],
            armed=ArmedMode(device["armed"]),
            pace=device["pace_ms"] / 1000,
            secrets=device["secrets"],
        )
        self.links = Links(TRANSCRIPT["links"])
        self.node = Node([Ch9329(settings, MemoryPort(self.sim, baud=9600)), self.links])
        self.session = Session(
            SessionSettings(
                node=TRANSCRIPT["node"],
                broker=Broker(host="broker.local", port=8883, tls=True),
                birth_delay=(0.0, 0.0),
            ),
            self.node,
            connect=FakeConnection,
            clock=clock.monotonic,
        )
        self.connection = FakeConnection.made
        self.connection.grants = self.connection.echoes = False
        self.watch = Watch(self.node)
        self.node.add_sink(self.session)
        self.node.add_sink(self.watch)
        self.tasks: list[asyncio.Task[None]] = []
        self.sequences: Counter[str] = Counter()
        self.meanwhile: list[dict[str, Any]] = []

    async def play(self) -> None:
        self.tasks = [asyncio.create_task(self.node.run()), asyncio.create_task(self.session.run())]
        try:
            for number, step in enumerate(TRANSCRIPT["steps"]):
                ((kind, argument),) = step.items()
                try:
                    await getattr(self, f"play_{kind}")(argument)
                except (AssertionError, TimeoutError) as error:
                    error.add_note(f"step {number}: {json.dumps(step)[:300]}")
                    raise
        finally:
            await self.end()

    async def end(self) -> None:
        """End in the order of the daemon: the devices first."""
        for task in self.tasks:
            task.cancel()
            await asyncio.wait([task], timeout=DEADLINE)
            assert task.done()
        self.tasks = []
        self.sim.close()

    async def next_said(self) -> Said:
        """Return what comes next, apart from what may come at any time."""
        while True:
            said = await self.connection.next()
            fitting = [
                expected
                for expected in self.meanwhile
                if isinstance(said, Message) and message_matches(expected, said)
            ]
            if not fitting:
                return said
            self.meanwhile.remove(fitting[0])

    async def next_message(self) -> Message:
        said = await self.next_said()
        assert isinstance(said, Message), said
        if said.seq is not None:
            self.sequences[said.topic] += 1
            assert said.seq == self.sequences[said.topic], said
        return said

    # What the bridge says

    async def play_out(self, expected: dict[str, Any]) -> None:
        message = await self.next_message()
        assert message_matches(expected, message), message

    async def play_any_order(self, group: list[dict[str, Any]]) -> None:
        left = list(group)
        while any(not item.get("optional") for item in left):
            message = await self.next_message()
            fitting = [item for item in left if message_matches(item["out"], message)]
            assert fitting, message
            left.remove(fitting[0])

    async def play_meanwhile(self, expected: dict[str, Any]) -> None:
        self.meanwhile.append(expected)

    async def play_by_now(self, _argument: bool) -> None:  # noqa: FBT001
        assert self.meanwhile == []

    async def play_echo(self, expected: dict[str, Any]) -> None:
        message = await self.next_message()
        assert message_matches(expected, message), message
        self.connection.receive(message.topic, message.payload)

    async def play_subscribe(self, expected: list[dict[str, Any]]) -> None:
        said = await self.next_said()
        assert isinstance(said, Subscribing), said
        assert len(said.subscriptions) == len(expected), said
        for item, wanted in zip(said.subscriptions, expected, strict=True):
            assert topic_matches(wanted["filter"], item.filter), said
            options = (item.qos, item.replay, item.own)
            assert options == (wanted["qos"], wanted["replay"], wanted.get("own", True)), said
        self.connection.grant(said.mid, len(expected))

    async def play_unsubscribe(self, expected: str) -> None:
        said = await self.next_said()
        assert isinstance(said, Unsubscribing), said
        assert topic_matches(expected, said.filter), said

    async def play_stopped(self, _argument: bool) -> None:  # noqa: FBT001
        assert await self.next_said() == Stopping()
        assert self.connection.left() == []

    # What happens to it

    async def play_connect(self, version: int) -> None:
        self.connection.connect(version)

    async def play_disconnect(self, reason: str) -> None:
        self.connection.disconnect(reason)

    async def play_in(self, message: dict[str, Any]) -> None:
        text, count = message.get("payload_repeat", (message.get("payload"), 1))
        correlation = message.get("correlation")
        self.connection.receive(
            message["topic"],
            (text * count).encode(),
            retain=message.get("retain", False),
            expiry=message.get("expiry"),
            response_topic=message.get("response_topic"),
            correlation=bytes.fromhex(correlation) if correlation else None,
            received=asyncio.get_running_loop().time(),
        )

    async def play_minutes(self, minutes: int) -> None:
        self.clock.ahead += minutes * 60

    async def play_light(self, name: str) -> None:
        self.sim.pc.toggle_light(name)

    async def play_hid_sent(self, data: str) -> None:
        self.sim.pc.send_hid(bytes.fromhex(data))

    async def play_link_received(self, what: dict[str, str]) -> None:
        self.links.receive(what["link"], what["data"].encode(), what.get("peer", ""))

    async def play_stop(self, _argument: bool) -> None:  # noqa: FBT001
        await self.end()

    # What can be seen besides

    async def play_step(self, _name: str) -> None:
        assert self.connection.left() == []

    async def play_known(self, states: dict[str, Any]) -> None:
        await self.watch.until_known(states)

    async def play_screen(self, text: str) -> None:
        assert self.sim.pc.text == text

    async def play_hid_received(self, data: str) -> None:
        assert self.sim.pc.hid_received == [bytes.fromhex(data)]

    async def play_link_asked(self, asked: list[list[str]]) -> None:
        assert self.links.asked == asked
        self.links.asked.clear()

    async def play_link_holds(self, count: int) -> None:
        self.connection.acknowledge_all()
        assert self.links.held == count

    async def play_released(self, _argument: bool) -> None:  # noqa: FBT001
        assert not self.sim.pc.anything_pressed


@pytest.fixture
async def replay(monkeypatch: pytest.MonkeyPatch) -> Replay:
    # How many results come within a second depends on the machine; the limit has its own tests.
    monkeypatch.setattr("chiplink.mqtt.results.MAX_PER_SECOND", 1000)
    # The session looks at its clock often, so that minutes pass at once.
    monkeypatch.setattr("chiplink.mqtt.health.Health.interval", 0.01)
    return Replay(Clock())


async def test_the_transcript(replay: Replay) -> None:
    await replay.play()


async def test_what_was_typed_is_never_retained(replay: Replay) -> None:
    await replay.play()
    retained = [message.payload.decode() for message in replay.connection.published
                if message.retain]  # fmt: skip
    assert len(retained) > 20
    assert [text for text in retained for typed in TRANSCRIPT["typed"] if typed in text] == []


async def test_what_was_typed_is_never_logged(
    replay: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await replay.play()
    assert [typed for typed in TRANSCRIPT["typed"] if typed in caplog.text] == []


async def test_the_will_says_offline(replay: Replay) -> None:
    will = TRANSCRIPT["will"]
    assert replay.connection.client_id == "chiplink-cellar"
    assert replay.connection.will is not None
    assert message_matches(will, replay.connection.will)
    await replay.end()


def test_every_step_can_be_played() -> None:
    kinds = {kind for step in TRANSCRIPT["steps"] for kind in step}
    assert [kind for kind in kinds if not hasattr(Replay, f"play_{kind}")] == []


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    value: dict[str, Any] = {"topic": "t", "payload": {"a": [1, "*"], "b": "?"}, "seq": 1}
    change(value)
    return value


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        (changed(lambda _: None), True),
        (changed(lambda value: value.update(seq="*")), True),
        (changed(lambda value: value.update(topic="u")), False),
        (changed(lambda value: value.update(seq=2)), False),
        (changed(lambda value: value.pop("seq")), False),
        (changed(lambda value: value.update(retain=True)), False),
        (changed(lambda value: value.update(qos=0)), False),
        (changed(lambda value: value.update(correlation="00")), False),
        (changed(lambda value: value.update(payload="{}")), False),
        (changed(lambda value: value.update(payload={})), False),
        (changed(lambda value: value.update(payload={"a": [1]})), False),
        (changed(lambda value: value.update(payload={"a": [True, 2]})), False),
        (changed(lambda value: value.update(payload={"a": "*", "c": "*"})), False),
    ],
)
def test_the_comparison_itself(*, expected: dict[str, Any], fits: bool) -> None:
    message = Message("t", b'{"a":[1,2]}', seq=1)
    assert message_matches(expected, message) is fits
