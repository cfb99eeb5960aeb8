"""The session with a broker that does what it is told and a node that only notes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.exceptions import BrokerError
from chiplink.model import Availability, DeviceEvent, Phase, Result, StateUpdate
from chiplink.mqtt.connection_events import Subscribed
from chiplink.mqtt.message import Incoming, Message
from chiplink.mqtt.session import BIRTH_DELAY
from chiplink.mqtt.url import Broker
from mqtt.mqtt_bench import STATES, STATUS, Bench
from mqtt.mqtt_support import DEADLINE, Stopping, Subscribing, Unsubscribing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def result(number: int = 0, **fields: Any) -> Result:
    return Result("kvm", "type", Phase.DONE, id=str(number), **fields)


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    made = Bench(birth_delay=getattr(request, "param", BIRTH_DELAY))
    yield made
    await made.stop()


at_once = pytest.mark.parametrize("bench", [(0.0, 0.0)], indirect=True, ids=["at_once"])
"""Home Assistant gets no time between its birth and our states."""


# The greeting


async def test_everything_is_told_and_status_comes_last(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    published = bench.connection.published
    told = {message.topic: message.payload for message in published if message.retain}
    assert [told[f"chiplink/cellar/kvm/s{number}"] for number in range(STATES)] == [
        str(number).encode() for number in range(STATES)
    ]
    assert told["chiplink/cellar/kvm/availability"] == b"online"
    assert json.loads(told["chiplink/cellar/descriptor"])["node"] == "cellar"
    assert published[-1] == STATUS
    assert {message.qos for message in published} == {1}
    await asyncio.wait_for(bench.session.connected.wait(), DEADLINE)


async def test_health_says_what_the_contract_names(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    health = next(m for m in bench.connection.published if m.topic == "chiplink/cellar/health")
    value = json.loads(health.payload)
    assert {"started", "version", "counters", "queues"} <= set(value)
    assert value["queues"]["kvm"] == 3
    assert value["devices"] == {"kvm": {"timeouts": 2}}
    assert health.retain


async def test_what_the_configuration_no_longer_has_is_cleared(bench: Bench) -> None:
    old = ["attic/availability", "kvm/old", "kvm/type", "kvm/type/set", "response/x"]
    own = ["status", "descriptor", "health", "homeassistant", "kvm/availability", "kvm/s1"]
    bench.connection.retained = [
        Incoming(f"chiplink/cellar/{topic}", b"x", True, 0.0) for topic in old + own
    ]
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    cleared = {message.topic for message in bench.connection.published if not message.payload}
    assert cleared == {f"chiplink/cellar/{topic}" for topic in old}
    assert bench.node.submitted == []


async def test_any_number_of_old_topics_is_cleared(bench: Bench) -> None:
    bench.connection.takes = 40
    bench.connection.retained = [
        Incoming(f"chiplink/cellar/attic/s{number}", b"x", True, 0.0) for number in range(200)
    ]
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert sum(not message.payload for message in bench.connection.published) == 200


async def test_a_command_that_comes_during_the_greeting_is_taken(bench: Bench) -> None:
    bench.connection.echoes = False
    bench.start()
    bench.connection.connect()
    await bench.connection.until(lambda: bench.connection.published)
    bench.connection.receive("chiplink/cellar/kvm/type/set/x", b"hi")
    bench.connection.receive("chiplink/cellar/kvm/type/set/y", b"hi", retain=True)
    assert [request.id for request in bench.node.submitted] == ["x"]


async def test_a_defect_while_we_begin_ends_the_connection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise KeyError("attic")

    with monkeypatch.context() as broken:
        broken.setattr("chiplink.mqtt.publisher.Publisher.surveyed", fail)
        bench.start()
        bench.connection.connect()
        await bench.connection.until(lambda: bench.connection.restarts)
    assert bench.connection.restarts == ["beginning with the broker failed; see above"]
    assert not bench.session.connected.is_set()
    bench.connection.disconnect()
    bench.connection.connect()
    await bench.until_published(STATUS)


async def test_what_must_be_cleared_survives_the_connection(bench: Bench) -> None:
    old = [f"chiplink/cellar/attic/s{number}" for number in range(30)]
    bench.connection.retained = [Incoming(topic, b"x", True, 0.0) for topic in old]
    bench.connection.acknowledges = False
    bench.start()
    bench.connection.connect()
    await bench.connection.until(lambda: len(bench.topics) >= 20)
    bench.connection.disconnect()
    bench.forget()
    bench.connection.acknowledges = True
    bench.connection.connect()
    await bench.until_published(STATUS)
    cleared = {message.topic for message in bench.connection.published if not message.payload}
    assert cleared == set(old)


async def test_a_tree_that_may_not_be_read_stops_nothing(bench: Bench) -> None:
    bench.connection.grants = False
    bench.start()
    bench.connection.connect()
    first = await bench.connection.next()
    assert isinstance(first, Subscribing)
    bench.connection.grants = True
    bench.connection.deliver(Subscribed(first.mid, (False,) * len(first.subscriptions)))
    await bench.until_published(STATUS)


@pytest.mark.parametrize("granted", [(), (True,), (True,) * 5])
async def test_what_is_not_answered_is_not_granted(
    bench: Bench, caplog: pytest.LogCaptureFixture, granted: tuple[bool, ...]
) -> None:
    bench.connection.grants = False
    bench.start()
    bench.connection.connect()
    first = await bench.connection.next()
    assert isinstance(first, Subscribing)
    bench.connection.grants = True
    bench.connection.deliver(Subscribed(first.mid, granted))
    await bench.until_published(STATUS)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == max(4 - len(granted), 0)


async def test_what_may_not_be_listened_to_is_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.connection.grants = False
    bench.start()
    bench.connection.connect()
    first = await bench.connection.next()
    assert isinstance(first, Subscribing)
    bench.connection.grants = True
    bench.connection.deliver(Subscribed(first.mid, (True, True, True, False)))
    await bench.until_published(STATUS)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == [
        "the broker does not let us listen to homeassistant/device/chiplink-cellar/+/config"
    ]


async def test_one_survey_and_then_the_commands(bench: Bench) -> None:
    await bench.greet()
    survey, commands = (
        step.subscriptions for step in bench.connection.left() if isinstance(step, Subscribing)
    )
    assert [(item.filter, item.replay, item.own) for item in survey[1:]] == [
        ("chiplink/cellar/#", True, True),
        ("chiplink/cellar/homeassistant", True, True),
        ("homeassistant/device/chiplink-cellar/+/config", True, False),
    ]
    assert survey[0].filter.startswith("chiplink/cellar/response/sync-")
    assert [(item.filter, item.replay) for item in commands] == [
        ("chiplink/cellar/+/+/set", False),
        ("chiplink/cellar/+/+/set/+", False),
        ("chiplink/cellar/+/link/+/set", False),
        ("chiplink/cellar/+/link/+/set/+", False),
        ("chiplink/cellar/+/link/+/tx", False),
        ("chiplink/cellar/+/link/+/tx/+", False),
        ("chiplink/cellar/+/link/+/tx/+/+", False),
        ("chiplink/cellar/status", True),
        ("homeassistant/status", False),
    ]
    left = [step.filter for step in bench.connection.left() if isinstance(step, Unsubscribing)]
    assert left == [survey[0].filter, "chiplink/cellar/#"]


async def test_the_second_time_the_tree_is_not_read(bench: Bench) -> None:
    await bench.greet()
    bench.connection.disconnect()
    said = len(bench.connection.left())
    bench.connection.connect()
    await bench.until_published(STATUS)
    filters = [
        item.filter
        for step in bench.connection.left()[said:]
        if isinstance(step, Subscribing)
        for item in step.subscriptions
    ]
    assert filters[0].startswith("chiplink/cellar/response/sync-")
    assert filters[1:] == [
        "chiplink/cellar/homeassistant",
        "homeassistant/device/chiplink-cellar/+/config",
        "chiplink/cellar/+/+/set",
        "chiplink/cellar/+/+/set/+",
        "chiplink/cellar/+/link/+/set",
        "chiplink/cellar/+/link/+/set/+",
        "chiplink/cellar/+/link/+/tx",
        "chiplink/cellar/+/link/+/tx/+",
        "chiplink/cellar/+/link/+/tx/+/+",
        "chiplink/cellar/status",
        "homeassistant/status",
    ]


# Coming and going


async def test_nothing_is_published_while_the_broker_is_away(bench: Bench) -> None:
    bench.session.state(StateUpdate("kvm", "s1", 5))
    bench.session.result(result())
    assert bench.connection.published == []


async def test_what_was_said_meanwhile_comes_with_the_greeting(bench: Bench) -> None:
    await bench.greet()
    bench.connection.disconnect()
    bench.session.result(result(7))
    for value in (5, 6):
        bench.node.states["kvm", "s1"] = value
        bench.session.state(StateUpdate("kvm", "s1", value))
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert [item["id"] for item in bench.results()] == ["7"]
    states = [m.payload for m in bench.connection.published if m.topic == "chiplink/cellar/kvm/s1"]
    assert states == [b"6"]


async def test_what_was_not_confirmed_is_sent_again_with_its_seq(bench: Bench) -> None:
    await bench.greet()
    bench.connection.acknowledges = False
    bench.session.result(result(1))
    bench.session.result(result(2))
    bench.connection.disconnect()
    bench.forget()
    bench.connection.acknowledges = True
    bench.connection.connect()
    await bench.until_published(STATUS)
    sent = [(m.seq, json.loads(m.payload)["id"]) for m in bench.connection.published
            if m.topic == "chiplink/cellar/kvm/result"]  # fmt: skip
    assert sent == [(1, "1"), (2, "2")]


async def test_what_was_confirmed_is_not_sent_again(bench: Bench) -> None:
    await bench.greet()
    bench.session.result(result(1))
    await bench.connection.until(bench.results)
    bench.connection.acknowledge_all()
    bench.connection.disconnect()
    bench.forget()
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert bench.results() == []


async def test_20_are_in_flight_at_most(bench: Bench) -> None:
    await bench.greet()
    bench.connection.acknowledge_all()
    bench.connection.acknowledges = False
    for number in range(25):
        bench.session.event(DeviceEvent("kvm", "hid_in", "report", {"n": number}))
    assert len(bench.connection.published) == 20
    bench.connection.acknowledge(bench.connection.unacknowledged[5])
    assert len(bench.connection.published) == 21
    bench.connection.acknowledge_all()
    assert [message.seq for message in bench.connection.published] == list(range(1, 26))


async def test_seq_rises_for_each_stream_apart(bench: Bench) -> None:
    await bench.greet()
    for key in ("hid_in", "urc", "hid_in"):
        bench.session.event(DeviceEvent("kvm", key, "report"))
    bench.session.state(StateUpdate("kvm", "s1", 5))
    assert [(m.topic.rpartition("/")[2], m.seq, m.retain) for m in bench.connection.published] == [
        ("hid_in", 1, False),
        ("urc", 1, False),
        ("hid_in", 2, False),
        ("s1", None, True),
    ]


async def test_devices_are_left_alone_when_the_broker_goes(bench: Bench) -> None:
    await bench.greet()
    bench.connection.disconnect()
    assert bench.node.left_alone == 1


async def test_a_reason_is_logged_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        bench.connection.disconnect("the broker refuses connections")
    assert caplog.text.count("the broker refuses connections") == 1


async def test_a_message_that_cannot_be_sent_does_not_silence_the_session(bench: Bench) -> None:
    await bench.greet()
    bench.connection.refuses = ValueError("no such topic")
    bench.session.event(DeviceEvent("kvm", "hid_in", "report"))
    bench.connection.refuses = None
    bench.session.state(StateUpdate("kvm", "s1", 5))
    assert Message("chiplink/cellar/kvm/s1", b"5", retain=True) in bench.connection.published


async def test_goodbye(bench: Bench) -> None:
    await bench.greet()
    await bench.stop()
    assert bench.connection.published == [
        Message("chiplink/cellar/kvm/availability", b"offline", retain=True),
        Message("chiplink/cellar/status", b"offline", retain=True),
    ]
    assert bench.connection.left()[-1] == Stopping()
    assert bench.connection.stopped


async def test_goodbye_without_a_broker(bench: Bench) -> None:
    bench.start()
    await bench.connection.until(lambda: True)
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])
    await bench.stop()
    assert (bench.connection.published, bench.connection.stopped) == ([], True)


# Status and birth


async def test_our_status_is_repaired(bench: Bench) -> None:
    await bench.greet()
    for payload in (b"offline", b"", b"nonsense"):
        bench.connection.receive("chiplink/cellar/status", payload)
        assert bench.connection.published == [STATUS]
        bench.forget()
        bench.connection.acknowledge_all()
    bench.connection.receive("chiplink/cellar/status", b"online")
    assert bench.connection.published == []
    assert bench.connection.counters["status_repaired"] == 3


@at_once
async def test_home_assistant_s_birth_brings_everything_again(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive("homeassistant/status", b"offline")
    bench.connection.receive("homeassistant/status", b"online")
    bench.connection.receive("homeassistant/status", b"online")
    assert bench.connection.published == []
    await bench.connection.until(lambda: "chiplink/cellar/health" in bench.topics)
    assert bench.topics.count("chiplink/cellar/descriptor") == 1
    assert bench.topics.count("chiplink/cellar/kvm/availability") == 1
    assert [topic for topic in bench.topics if topic.startswith("chiplink/cellar/kvm/s")] == [
        f"chiplink/cellar/kvm/s{number}" for number in range(STATES)
    ]


@at_once
async def test_a_birth_while_much_waits_does_not_lose_the_status(bench: Bench) -> None:
    bench.connection.acknowledges = False
    bench.start()
    bench.connection.connect()
    await asyncio.wait_for(bench.session.connected.wait(), DEADLINE)
    assert STATUS not in bench.connection.published
    bench.connection.receive("homeassistant/status", b"online")
    birth_is_over = asyncio.Event()
    asyncio.get_running_loop().call_later(0, birth_is_over.set)
    await asyncio.wait_for(birth_is_over.wait(), DEADLINE)
    bench.connection.acknowledge_all()
    assert bench.topics.count("chiplink/cellar/descriptor") == 2
    assert STATUS in bench.connection.published


# Home Assistant


DISCOVERY = "homeassistant/device/chiplink-cellar"
CLAIM = "chiplink/cellar/homeassistant"


def shown(bench: Bench) -> dict[str, bool]:
    """The discovery topics that were published, and whether anything is on them."""
    return {
        message.topic.removeprefix(f"{DISCOVERY}/"): bool(message.payload)
        for message in bench.connection.published
        if message.topic.startswith(DISCOVERY)
    }


BOTH = {"status/config": True, "kvm/config": True}
NONE = {"status/config": False, "kvm/config": False}


async def test_discovery_comes_with_the_greeting(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert shown(bench) == BOTH
    assert {m.retain for m in bench.connection.published if m.topic.startswith(DISCOVERY)} == {True}


async def test_no_discovery_before_the_claim_was_asked_for(bench: Bench) -> None:
    bench.connection.echoes = False
    bench.start()
    bench.connection.connect()
    await bench.connection.until(lambda: bench.connection.published)
    marker = bench.connection.published[0]
    assert shown(bench) == {}
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    bench.connection.receive(f"{DISCOVERY}/kvm/config", b"{}", retain=True)
    bench.connection.receive(marker.topic, marker.payload)
    await bench.until_published(STATUS)
    assert shown(bench) == {"kvm/config": False}


async def test_a_claim_and_its_end(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    assert shown(bench) == NONE
    bench.connection.receive(CLAIM, b"", retain=True)
    assert shown(bench) == BOTH


@at_once
async def test_a_device_deleted_in_home_assistant_does_not_return(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(f"{DISCOVERY}/kvm/config", b"", retain=True)
    bench.connection.receive("homeassistant/status", b"online")
    await bench.connection.until(lambda: "chiplink/cellar/health" in bench.topics)
    assert shown(bench) == {"status/config": True}
    bench.connection.disconnect()
    bench.forget()
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert shown(bench) == {"status/config": True}


@at_once
async def test_a_device_deleted_after_a_claim_does_not_return(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    bench.connection.receive(CLAIM, b"", retain=True)
    bench.connection.receive(f"{DISCOVERY}/kvm/config", b"", retain=True)
    bench.forget()
    bench.connection.receive("homeassistant/status", b"online")
    await bench.connection.until(lambda: "chiplink/cellar/health" in bench.topics)
    assert shown(bench) == {"status/config": True}


async def test_a_claim_is_found_behind_any_number_of_old_topics(bench: Bench) -> None:
    old = [Incoming(f"chiplink/cellar/x/s{number}", b"x", True, 0.0) for number in range(2000)]
    bench.connection.retained = [*old, Incoming(CLAIM, b'{"instance":"a"}', True, 0.0)]
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert shown(bench) == {}


@pytest.mark.parametrize("found", [b"", b'{"instance":"a"}'], ids=["made", "given_up"])
async def test_a_claim_that_changes_while_we_look_counts_in_mqtt_3_too(
    bench: Bench, found: bytes
) -> None:
    """There a live message never says whether it is retained."""
    bench.connection.echoes = False
    if found:
        bench.connection.retained = [Incoming(CLAIM, found, True, 0.0)]
    bench.start()
    bench.connection.connect(version=4)
    await bench.connection.until(lambda: bench.topics)
    marker = bench.topics[0]
    bench.connection.receive(CLAIM, b"" if found else b'{"instance":"a"}')
    bench.connection.receive(marker, b"sync")
    await bench.until_published(STATUS)
    assert bool(shown(bench).get("kvm/config")) == bool(found)


@at_once
async def test_a_claim_repeated_right_after_a_birth_is_not_stale(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chiplink.mqtt.health.Health.interval", 0.01)
    await bench.greet()
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    bench.connection.receive("homeassistant/status", b"online")
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    await bench.connection.until(lambda: "chiplink/cellar/health" in bench.topics)
    bench.forget()
    bench.now = 100_000.0
    bench.session.result(result())
    await bench.connection.until(lambda: "chiplink/cellar/health" in bench.topics)
    assert shown(bench) == {}


async def test_a_claim_that_comes_while_we_begin_is_newer_than_what_we_found(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.connection.until(
        lambda: any(isinstance(step, Unsubscribing) for step in bench.connection.left())
    )
    bench.connection.receive(CLAIM, b'{"instance":"a"}', retain=True)
    await bench.until_published(STATUS)
    assert shown(bench) == NONE


async def test_new_discovery_brings_everything_again_and_old_discovery_does_not() -> None:
    empty = Message("chiplink/cellar/kvm/last_error", b"", retain=True)
    benches = [Bench(birth_delay=(0.02, 0.02)), Bench(birth_delay=(0.02, 0.02))]
    first, second = benches
    first.node.states["kvm", "last_error"] = ""
    await first.greet()
    await first.until_published(empty)
    second.connection.retained = [
        Incoming(message.topic, message.payload, True, 0.0)
        for message in first.connection.published
        if message.topic.startswith(DISCOVERY)
    ]
    await second.greet()
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, passed.set)
    await asyncio.wait_for(passed.wait(), DEADLINE)
    assert second.connection.published == []
    for bench in benches:
        await bench.stop()


async def test_what_others_write_on_our_discovery_topics_is_left_alone(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(f"{DISCOVERY}/kvm/config", b"{}", retain=True)
    assert bench.connection.published == []
    assert bench.connection.counters["unknown_topics"] == 0


async def test_a_component_that_is_gone_is_taken_away_before_the_rest(bench: Bench) -> None:
    bench.connection.retained = [
        Incoming(
            f"{DISCOVERY}/kvm/config", b'{"components":{"old":{"platform":"number"}}}', True, 0.0
        )
    ]
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    first, last = (
        json.loads(message.payload)["components"]
        for message in bench.connection.published
        if message.topic == f"{DISCOVERY}/kvm/config"
    )
    assert first["old"] == {"platform": "number"}
    assert set(first) - set(last) == {"old"}


# Commands


async def test_commands_reach_the_node(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive("chiplink/cellar/kvm/type/set/x", b"hi", expiry=5, received=7.0)
    (request,) = bench.node.submitted
    assert (request.device, request.key, request.value, request.id) == ("kvm", "type", "hi", "x")
    assert (request.received, request.expires_at, request.secure) == (7.0, 12.0, True)


@pytest.mark.parametrize(
    ("broker", "secure"),
    [
        (Broker(host="broker.local", port=1883), False),
        (Broker(host="broker.local", port=8883, tls=True), True),
        (Broker(host="broker.local", port=1883, allow_plain=True), True),
    ],
)
async def test_commands_say_whether_they_came_safely(*, broker: Broker, secure: bool) -> None:
    bench = Bench(broker)
    await bench.greet()
    bench.connection.receive("chiplink/cellar/kvm/type/set", b"hi")
    assert [request.secure for request in bench.node.submitted] == [secure]
    await bench.stop()


async def test_an_empty_payload_is_no_command(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive("chiplink/cellar/kvm/type/set", b"")
    bench.connection.receive("chiplink/cellar/kvm/type/set/x", b"", retain=True)
    assert (bench.node.submitted, bench.connection.published) == ([], [])
    assert bench.connection.counters["empty_commands"] == 2


@pytest.mark.parametrize(
    ("topic", "payload", "fields", "error"),
    [
        ("kvm/type/set/x", b"hi", {"retain": True}, "retained"),
        ("kvm/type/set/x", b"hi", {"expiry": 0}, "expired"),
        ("kvm/type/set/x", b"\xff", {}, "bad_payload"),
        ("kvm/type/set/x", b"a" * 41, {}, "too_large"),
        ("kvm/mouse/set/x", b'"\xff"', {}, "bad_payload"),
        ("kvm/mouse/set/x", b"[" * 50_000, {}, "bad_payload"),
        ("kvm/s1/set/x", b"1", {}, "unknown_key"),
        ("kvm/nothing/set/x", b"1", {}, "unknown_key"),
        ("lan/type/set/x", b"hi", {}, "unknown_key"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_refused_is_answered(
    bench: Bench, topic: str, payload: bytes, fields: dict[str, Any], error: str
) -> None:
    await bench.greet()
    bench.connection.receive(f"chiplink/cellar/{topic}", payload, **fields)
    (answer,) = bench.results()
    assert (answer["id"], answer["phase"], answer["error"]) == ("x", "failed", error)
    assert answer["detail"]
    assert bench.node.submitted == []


async def test_a_refusal_goes_to_the_response_topic_too(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(
        "chiplink/cellar/kvm/type/set",
        b"\xff",
        response_topic="chiplink/cellar/response/me",
        correlation=b"\x01",
    )
    first, second = bench.connection.published
    assert (first.topic, first.seq) == ("chiplink/cellar/kvm/result", 1)
    assert (second.topic, second.seq) == ("chiplink/cellar/response/me", None)
    assert (second.correlation, second.payload, second.retain) == (b"\x01", first.payload, False)


@pytest.mark.parametrize(
    "topic",
    ["", "chiplink/cellar", "chiplink/cellar/kvm/type", "chiplink/attic/kvm/type/set", "other"],
)
async def test_what_is_not_for_us_is_only_counted(bench: Bench, topic: str) -> None:
    await bench.greet()
    bench.connection.receive(topic, b"x")
    assert (bench.node.submitted, bench.connection.published) == ([], [])
    assert bench.connection.counters["unknown_topics"] == 1


async def test_a_burst_of_results_and_the_rest_is_counted(bench: Bench) -> None:
    await bench.greet()
    bench.connection.acknowledge_all()
    bench.now = 200.0
    for number in range(69):
        bench.session.result(result(number))
        bench.connection.acknowledge_all()
    assert len(bench.results()) == 64
    assert bench.connection.counters["results_suppressed"] == 5
    bench.now = 201.0
    bench.session.result(result(99))
    assert [message.seq for message in bench.connection.published] == list(range(1, 66))


async def test_invented_devices_count_as_one_and_give_nobody_a_new_burst(bench: Bench) -> None:
    await bench.greet()
    bench.connection.acknowledge_all()
    for number in range(100):
        bench.session.result(result(number))
    for number in range(1000):
        bench.connection.receive(f"chiplink/cellar/d{number}/type/set", b"x")
    for number in range(100):
        bench.session.result(result(number))
    bench.connection.acknowledge_all()
    topics = [topic for topic in bench.topics if topic.endswith("/result")]
    assert topics.count("chiplink/cellar/kvm/result") == 64
    assert len(topics) == 128


async def test_streams_of_devices_that_are_not_there_are_not_counted(bench: Bench) -> None:
    await bench.greet()
    for number in range(3000):
        bench.now = 1000.0 + number
        bench.connection.receive(f"chiplink/cellar/d{number}/type/set", b"hi")
        bench.connection.acknowledge_all()
    numbers = {message.seq for message in bench.connection.published}
    assert (len(bench.results()), numbers) == (3000, {None})


async def test_late_events_are_not_delivered(bench: Bench) -> None:
    await bench.greet()
    bench.connection.disconnect()
    bench.now = 1000.0
    bench.session.event(DeviceEvent("kvm", "hid_in", "report", {"n": 1}))
    bench.now = 1200.0
    bench.session.event(DeviceEvent("kvm", "hid_in", "report", {"n": 2}))
    bench.now = 1300.0
    bench.connection.connect()
    await bench.until_published(STATUS)
    events = [m for m in bench.connection.published if m.topic == "chiplink/cellar/kvm/hid_in"]
    assert [json.loads(m.payload)["n"] for m in events] == [2]
    assert bench.connection.counters["events_expired"] == 1


async def test_availability_is_told(bench: Bench) -> None:
    await bench.greet()
    bench.session.availability(Availability("kvm", False, "unplugged"))
    bench.session.availability(Availability("kvm", True))
    assert [(m.topic, m.payload, m.retain) for m in bench.connection.published] == [
        ("chiplink/cellar/kvm/availability", b"offline", True),
        ("chiplink/cellar/kvm/availability", b"online", True),
    ]


async def test_a_broker_that_goes_while_we_speak_gets_it_later(bench: Bench) -> None:
    await bench.greet()
    bench.connection.refuses = BrokerError("gone")
    bench.session.result(result(1))
    bench.connection.disconnect()
    bench.connection.refuses = None
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert [item["id"] for item in bench.results()] == ["1"]
