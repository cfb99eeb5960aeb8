"""Links in the session: what they say, what they are told, and what is held back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.exceptions import ClosedError
from chiplink.model import CommandRequest, LinkData, LinkInfo, LinkPhase, LinkState, Result
from chiplink.mqtt.message import Incoming, Message
from mqtt.mqtt_bench import STATUS, Bench
from mqtt.mqtt_support import FakeLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = "chiplink/cellar/kvm"
PEER, OTHER = "192.0.2.7:502", "192.0.2.8:502"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    made.node.devices["kvm"].links = {
        "plc": FakeLink("plc"),
        "srv": FakeLink("srv", "tcp-server", several=True),
    }
    made.node.link_states = {
        ("kvm", "plc"): LinkPhase.OPEN,
        ("kvm", "srv"): LinkPhase.CLOSED,
    }
    made.node.link_infos = {("kvm", "plc"): {"peers": [PEER], "rx_bytes": 5}}
    yield made
    await made.stop()


class Taker:
    """Hands out data and notes what was taken."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.taken: list[bytes] = []

    def say(self, data: bytes, link: str = "plc", peer: str = "") -> None:
        self.bench.session.link_data(
            LinkData("kvm", link, data, peer, lambda: self.taken.append(data))
        )


@pytest.fixture
def link(bench: Bench) -> Taker:
    return Taker(bench)


def data(bench: Bench) -> list[tuple[str, bytes, int | None]]:
    """What was published of links' data: topic below the device, payload, number."""
    return [
        (message.topic.removeprefix(f"{ROOT}/link/"), message.payload, message.seq)
        for message in bench.connection.published
        if "/rx" in message.topic
    ]


# What they say


async def test_states_and_infos_come_with_the_greeting(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    told = {m.topic: m.payload for m in bench.connection.published if m.retain}
    assert told[f"{ROOT}/link/plc/state"] == b"open"
    assert told[f"{ROOT}/link/srv/state"] == b"closed"
    assert json.loads(told[f"{ROOT}/link/plc/info"]) == {"peers": [PEER], "rx_bytes": 5}
    assert f"{ROOT}/link/srv/info" not in told
    assert bench.topics.index(f"{ROOT}/link/plc/state") < bench.topics.index(STATUS.topic)


async def test_the_descriptor_names_them(bench: Bench) -> None:
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    (descriptor,) = [
        json.loads(m.payload) for m in bench.connection.published if m.topic.endswith("/descriptor")
    ]
    assert descriptor["devices"][0]["links"] == [
        {"id": "plc", "kind": "tcp-client"},
        {"id": "srv", "kind": "tcp-server", "several": True},
    ]


async def test_only_what_is_no_longer_there_is_cleared(bench: Bench) -> None:
    old = ["old/state", "old/info", "plc/rx", "plc/tx", f"srv/tx/{PEER}/x", "plc/set/x"]
    own = ["plc/state", "plc/info", "srv/state", "srv/info"]
    bench.connection.retained = [
        Incoming(f"{ROOT}/link/{topic}", b"x", True, 0.0) for topic in old + own
    ]
    bench.start()
    bench.connection.connect()
    await bench.until_published(STATUS)
    cleared = {message.topic for message in bench.connection.published if not message.payload}
    assert cleared == {f"{ROOT}/link/{topic}" for topic in old}
    assert bench.node.submitted == []


async def test_news_are_states(bench: Bench) -> None:
    await bench.greet()
    bench.session.link_state(LinkState("kvm", "srv", LinkPhase.LISTENING))
    bench.session.link_info(LinkInfo("kvm", "srv", {"peers": [], "last_error": ""}))
    assert bench.connection.published == [
        Message(f"{ROOT}/link/srv/state", b"listening", retain=True),
        Message(f"{ROOT}/link/srv/info", b'{"peers":[],"last_error":""}', retain=True),
    ]


async def test_the_newest_state_is_told_after_the_broker_was_away(bench: Bench) -> None:
    await bench.greet()
    bench.connection.disconnect()
    bench.forget()
    for phase in (LinkPhase.BACKOFF, LinkPhase.CONNECTING):
        bench.node.link_states["kvm", "plc"] = phase
        bench.session.link_state(LinkState("kvm", "plc", phase))
    bench.connection.connect()
    await bench.until_published(STATUS)
    topic = f"{ROOT}/link/plc/state"
    states = [m.payload for m in bench.connection.published if m.topic == topic]
    assert states == [b"connecting"]


# Data


async def test_data_is_numbered_by_topic(bench: Bench, link: Taker) -> None:
    await bench.greet()
    link.say(b"a")
    link.say(b"b", "srv", PEER)
    link.say(b"c", "srv", OTHER)
    link.say(b"")
    link.say(b"d", "srv", PEER)
    assert data(bench) == [
        ("plc/rx", b"a", 1),
        (f"srv/rx/{PEER}", b"b", 1),
        (f"srv/rx/{OTHER}", b"c", 1),
        ("plc/rx", b"", 2),
        (f"srv/rx/{PEER}", b"d", 2),
    ]
    assert {(m.qos, m.retain) for m in bench.connection.published} == {(1, False)}


async def test_data_is_taken_when_the_broker_has_it(bench: Bench, link: Taker) -> None:
    await bench.greet()
    bench.connection.acknowledges = False
    link.say(b"a")
    link.say(b"b")
    assert link.taken == []
    bench.connection.acknowledge(bench.connection.unacknowledged[0])
    assert link.taken == [b"a"]
    bench.connection.acknowledge_all()
    assert link.taken == [b"a", b"b"]


async def test_data_waits_for_the_broker_however_long_and_comes_in_order(
    bench: Bench, link: Taker
) -> None:
    await bench.greet()
    bench.connection.acknowledges = False
    numbers = [str(number).encode() for number in range(30)]
    for number in numbers[:10]:
        link.say(number)
    bench.connection.acknowledge(bench.connection.unacknowledged[0])
    bench.connection.disconnect()
    bench.now += 1e6
    for number in numbers[10:]:
        link.say(number)
    assert link.taken == numbers[:1]
    bench.forget()
    bench.connection.acknowledges = True
    bench.connection.connect()
    await bench.connection.until(lambda: len(data(bench)) == 29)
    bench.connection.acknowledge_all()
    assert data(bench) == [("plc/rx", numbers[n], n + 1) for n in range(1, 30)]
    assert link.taken == numbers
    assert bench.connection.counters["events_expired"] == 0


async def test_much_data_pushes_no_result_out(bench: Bench, link: Taker) -> None:
    await bench.greet()
    bench.connection.disconnect()
    bench.session.result(failed("link/plc/tx", "x"))
    for _ in range(600):
        link.say(b"a" * 4096)
    bench.connection.connect()
    await bench.until_published(STATUS)
    assert [item["id"] for item in bench.results()] == ["x"]
    assert bench.connection.counters["events_dropped"] == 0


async def test_the_end_takes_what_was_not_delivered(bench: Bench, link: Taker) -> None:
    await bench.greet()
    bench.connection.disconnect()
    link.say(b"a")
    await bench.stop()
    assert link.taken == [b"a"]
    link.say(b"late")
    assert link.taken == [b"a", b"late"]


async def test_the_end_waits_for_what_is_on_its_way(bench: Bench, link: Taker) -> None:
    await bench.greet()
    for number in range(30):
        link.say(str(number).encode())
    await bench.stop()
    assert [seq for _topic, _payload, seq in data(bench)] == list(range(1, 31))
    assert len(link.taken) == 30


async def test_an_ended_session_takes_what_was_never_connected(bench: Bench, link: Taker) -> None:
    bench.start()
    link.say(b"a")
    await asyncio.sleep(0)  # a task that has not begun cannot end
    await bench.stop()
    assert link.taken == [b"a"]


# What they are told


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("plc/tx", b"\x00\xff", ("link/plc/tx", b"\x00\xff", "", None)),
        ("plc/tx/x", b"OPEN", ("link/plc/tx", b"OPEN", "", "x")),
        (f"srv/tx/{PEER}", b"hi", ("link/srv/tx", b"hi", PEER, None)),
        (f"srv/tx/{PEER}/x", b"hi", ("link/srv/tx", b"hi", PEER, "x")),
        ("srv/set/x", b"CLOSE", ("link/srv/set", "CLOSE", "", "x")),
    ],
)
async def test_commands_reach_the_node(
    bench: Bench, topic: str, payload: bytes, said: tuple[Any, ...]
) -> None:
    await bench.greet()
    bench.connection.receive(f"{ROOT}/link/{topic}", payload, received=7.0)
    (request,) = bench.node.submitted
    assert (request.key, request.value, request.peer, request.id) == said
    assert (request.device, request.received, request.secure) == ("kvm", 7.0, True)


async def test_an_empty_payload_is_no_command(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(f"{ROOT}/link/plc/tx/x", b"")
    bench.connection.receive(f"{ROOT}/link/plc/set", b"", retain=True)
    assert (bench.node.submitted, bench.connection.published) == ([], [])
    assert bench.connection.counters["empty_commands"] == 2


@pytest.mark.parametrize(
    ("topic", "payload", "fields", "error"),
    [
        ("plc/tx/x", b"hi", {"retain": True}, "retained"),
        ("plc/tx/x", b"hi", {"expiry": 0}, "expired"),
        ("plc/tx/x", b"a" * 1024 * 1024, {}, "too_large"),
        (f"plc/tx/{PEER}/x", b"hi", {}, "bad_payload"),
        ("srv/tx/x", b"hi", {}, "bad_payload"),
        ("plc/set/x", b"ON", {}, "bad_payload"),
        ("plx/tx/x", b"hi", {}, "unknown_key"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_refused_is_answered(
    bench: Bench, topic: str, payload: bytes, fields: dict[str, Any], error: str
) -> None:
    await bench.greet()
    bench.connection.receive(f"{ROOT}/link/{topic}", payload, **fields)
    (answer,) = bench.results()
    key = "link/" + "/".join(topic.split("/")[:2])
    assert (answer["id"], answer["key"], answer["phase"]) == ("x", key, "failed")
    assert answer["error"] == error
    assert answer["detail"]
    assert bench.node.submitted == []


async def test_a_result_goes_where_it_was_asked_for(bench: Bench) -> None:
    await bench.greet()
    bench.connection.receive(
        f"{ROOT}/link/plc/tx/x",
        b"hi",
        response_topic="chiplink/cellar/response/me",
        correlation=b"\x01",
    )
    (request,) = bench.node.submitted
    bench.session.result(request.failed(ClosedError("the link is not open"), bench.now))
    first, second = bench.connection.published
    assert (first.topic, first.seq) == (f"{ROOT}/result", 1)
    assert json.loads(first.payload)["error"] == "closed"
    assert (second.topic, second.correlation) == ("chiplink/cellar/response/me", b"\x01")
    assert second.payload == first.payload


# How many results


def failed(key: str, name: str | None = None, device: str = "kvm") -> Result:
    request = CommandRequest(device, key, b"", name, received=100.0)
    return request.failed(ClosedError("closed"), 100.0)


async def test_each_link_has_its_own_bound_of_results(bench: Bench) -> None:
    await bench.greet()
    for key, count in (
        ("link/plc/tx", 70),
        ("link/plc/set", 1),
        ("link/srv/tx", 64),
        ("type", 64),
        ("type", 1),
    ):
        for _ in range(count):
            bench.session.result(failed(key))
            bench.connection.acknowledge_all()
    keys = [item["key"] for item in bench.results()]
    counted = {key: keys.count(key) for key in set(keys)}
    assert counted == {"link/plc/tx": 64, "link/srv/tx": 64, "type": 64}
    assert bench.connection.counters["results_suppressed"] == 8


async def test_links_that_are_not_there_share_one_bound(bench: Bench) -> None:
    await bench.greet()
    for number in range(100):
        bench.connection.receive(f"{ROOT}/link/l{number}/tx", b"hi")
        bench.connection.acknowledge_all()
    assert len(bench.results()) == 64
    bench.session.result(failed("type"))
    bench.session.result(failed("link/plc/tx"))
    bench.connection.acknowledge_all()
    assert len(bench.results()) == 66
