"""Links over a real broker: a drawn device whose links hold back, count and answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from e2e_broker import mosquitto
from e2e_observer import Observer
from e2e_proxy import Proxy
from e2e_waiting import until

from chiplink.catalog import Chip
from chiplink.catalog.row import LAST_ERROR
from chiplink.exceptions import ClosedError
from chiplink.model import Availability, LinkData, LinkInfo, LinkPhase, LinkState, Outcome
from chiplink.mqtt import connection
from chiplink.mqtt.session import Session, SessionSettings
from chiplink.mqtt.url import parse_broker
from chiplink.node import Node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from chiplink.demo.broker import OwnBroker
    from chiplink.driver.device import Emit, Started
    from chiplink.model import CommandRequest

ROOT = "chiplink/cellar"
LAN = f"{ROOT}/lan"
PEER, OTHER = "192.0.2.7:4000", "[2001:db8::7]:4000"
WINDOW = 8
"""Messages of a link on their way at once."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(connection, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(connection, "MAX_DELAY", 0.05)


class Link:
    """What arrives waits while the window is closed; datagrams are dropped then."""

    def __init__(self, name: str, kind: str, *, several: bool = False) -> None:
        self.id = name
        self.kind = kind
        self.several = several
        self.emit: Emit = lambda _emission: None
        self.phase = LinkPhase.CLOSED
        self.sent: list[tuple[str, bytes]] = []
        self.counters: Counter[str] = Counter(dropped=0)
        self.taken: list[bytes] = []
        self.on_the_way = 0
        self.waiting: deque[tuple[bytes, str]] = deque()

    def tell(self, phase: LinkPhase) -> None:
        self.phase = phase
        self.emit(LinkState("lan", self.id, phase))
        self.emit(LinkInfo("lan", self.id, dict(self.counters)))

    def arrives(self, data: bytes, peer: str = "") -> None:
        if self.kind == "udp" and self.on_the_way >= WINDOW:
            self.counters["dropped"] += 1
            self.emit(LinkInfo("lan", self.id, dict(self.counters)))
            return
        self.waiting.append((data, peer))
        self._flow()

    def _flow(self) -> None:
        while self.waiting and self.on_the_way < WINDOW:
            data, peer = self.waiting.popleft()
            self.on_the_way += 1
            self.emit(LinkData("lan", self.id, data, peer, lambda data=data: self._took(data)))

    def _took(self, data: bytes) -> None:
        self.taken.append(data)
        self.on_the_way -= 1
        self._flow()

    async def execute(self, request: CommandRequest) -> Outcome:
        if request.value in ("OPEN", "CLOSE"):
            self.tell(LinkPhase.OPEN if request.value == "OPEN" else LinkPhase.CLOSED)
            return Outcome()
        if self.phase is LinkPhase.CLOSED:
            raise ClosedError("the link is not open")
        assert isinstance(request.value, bytes)
        self.sent.append((request.peer, request.value))
        return Outcome({"level": "acked", "bytes": len(request.value)})


class Lan:
    """A device that is nothing but its links."""

    id, title = "lan", "Rack"
    chip = Chip(id="drawn", title="Drawn", manufacturer="nobody", rows=(LAST_ERROR,))

    def __init__(self) -> None:
        self.rows = {LAST_ERROR.key: LAST_ERROR}
        self.plc = Link("plc", "tcp-client")
        self.srv = Link("srv", "tcp-server", several=True)
        self.meter = Link("meter", "udp")
        self.links = {link.id: link for link in (self.plc, self.srv, self.meter)}

    async def run(self, emit: Emit) -> None:
        emit(Availability("lan", True))
        for link in self.links.values():
            link.emit = emit
            link.tell(LinkPhase.OPEN)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for link in self.links.values():
                link.tell(LinkPhase.CLOSED)

    def execute(self, request: CommandRequest, _started: Started) -> Awaitable[Outcome]:
        return self.links[request.key.split("/")[1]].execute(request)

    def abort(self) -> None: ...
    def unattended(self) -> None: ...
    def counters(self) -> Mapping[str, int]:
        return {}


class House:
    """The device, its node and the session, seen by an observer."""

    def __init__(self, lan: Lan, session: Session, observer: Observer) -> None:
        self.lan = lan
        self.session = session
        self.observer = observer

    async def ask(self, topic: str, payload: bytes, name: str = "", **more: Any) -> Any:
        """Publish a command and return its result."""
        before = len(self.observer.results(device="cellar/lan"))
        tail = f"/{name}" if name else ""
        await self.observer.publish(f"{LAN}/link/{topic}{tail}", payload, **more)
        await until(lambda: len(self.observer.results(device="cellar/lan")) > before)
        return self.observer.results(device="cellar/lan")[before]

    async def fails(self, topic: str, payload: bytes, code: str, **more: Any) -> Any:
        result = await self.ask(topic, payload, **more)
        assert (result["phase"], result["error"]) == ("failed", code)
        return result


@asynccontextmanager
async def running(url: str, lan: Lan) -> AsyncIterator[Session]:
    """A node with its session, ended in the order of the daemon."""
    node = Node([lan])
    session = Session(SessionSettings(node="cellar", broker=parse_broker(url)), node)
    node.add_sink(session)
    tasks = [asyncio.create_task(node.run()), asyncio.create_task(session.run())]
    try:
        yield session
    finally:
        for task in tasks:
            assert not task.done(), task
            task.cancel()
            await asyncio.wait((task,))


@pytest_asyncio.fixture
async def proxy(broker: OwnBroker) -> AsyncIterator[Proxy]:
    async with Proxy(broker.port) as wire:
        yield wire


@pytest_asyncio.fixture
async def home(proxy: Proxy, observer: Observer) -> AsyncIterator[House]:
    lan = Lan()
    async with running(proxy.url, lan) as session:
        await observer.sees(f"{ROOT}/status", "online")
        yield House(lan, session, observer)


def stream(topic: str, *observers: Observer) -> dict[int, bytes]:
    """What came on a topic by its numbers; what came twice must be the same."""
    found: dict[int, bytes] = {}
    for observer in observers:
        for seen in observer.seen:
            if seen.topic == f"{LAN}/link/{topic}":
                assert seen.seq is not None
                assert found.setdefault(seen.seq, seen.payload) == seen.payload
    return found


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


# Commands


async def test_data_goes_out_and_is_answered(home: House) -> None:
    result = await home.ask("plc/tx", b"\x00\xffOPEN", "x")
    assert result.pop("ms") >= 0
    assert result == {
        "id": "x",
        "key": "link/plc/tx",
        "phase": "done",
        "value": {"level": "acked", "bytes": 6},
    }
    assert home.lan.plc.sent == [("", b"\x00\xffOPEN")]


async def test_the_same_id_sends_once(home: House) -> None:
    first = await home.ask("plc/tx", b"once", "x")
    assert await home.ask("plc/tx", b"once", "x") == first
    await home.fails("plc/tx", b"other", "duplicate", name="x")
    assert home.lan.plc.sent == [("", b"once")]


async def test_answers_go_where_they_were_asked_for(home: House) -> None:
    topic = f"{ROOT}/response/me"
    result = await home.ask("plc/tx", b"hi", ResponseTopic=topic, CorrelationData=b"\x01")
    await until(lambda: home.observer.count(topic))
    (answer,) = [seen for seen in home.observer.seen if seen.topic == topic]
    assert (json.loads(answer.payload), answer.correlation) == (result, b"\x01")


async def test_each_peer_has_its_topics(home: House) -> None:
    srv = home.lan.srv
    for peer in (PEER, OTHER, PEER):
        srv.arrives(b"hello", peer)
    await until(lambda: len(srv.taken) == 3)
    await until(lambda: len(stream(f"srv/rx/{PEER}", home.observer)) == 2)
    assert stream(f"srv/rx/{PEER}", home.observer) == {1: b"hello", 2: b"hello"}
    assert stream(f"srv/rx/{OTHER}", home.observer) == {1: b"hello"}
    await home.ask(f"srv/tx/{PEER}", b"a")
    await home.ask(f"srv/tx/{OTHER}", b"b", "x")
    assert srv.sent == [(PEER, b"a"), (OTHER, b"b")]
    assert home.observer.count(f"{LAN}/link/srv/rx") == 0


async def test_a_link_closes_and_opens(home: House) -> None:
    await home.ask("plc/set", b"CLOSE")
    await home.observer.sees(f"{LAN}/link/plc/state", "closed")
    await home.fails("plc/tx", b"late", "closed")
    await home.ask("plc/set", b"OPEN")
    await home.observer.sees(f"{LAN}/link/plc/state", "open")
    assert home.lan.plc.sent == []
    assert await home.ask("srv/set", b"OPEN", "x")


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("plc/tx", b"a" * 1024 * 1024, "too_large"),
        ("plc/tx", b"a" * (64 * 1024 + 1), "too_large"),
        ("plc/set", b"ON", "bad_payload"),
        (f"plc/tx/{PEER}", b"a", "bad_payload"),
        ("srv/tx", b"a", "bad_payload"),
        ("plx/tx", b"a", "unknown_key"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_what_is_refused_reaches_no_link(
    home: House, topic: str, payload: bytes, code: str
) -> None:
    await home.fails(topic, payload, code, name="x")
    await home.ask("plc/tx", b"a" * 64 * 1024, "y")
    assert [len(data) for _peer, data in home.lan.plc.sent] == [64 * 1024]
    assert home.lan.srv.sent == []


async def test_a_retained_one_is_refused_and_cleared_at_the_next_start(
    broker: OwnBroker, observer: Observer
) -> None:
    first, second = Lan(), Lan()
    topic = f"{LAN}/link/plc/tx/x"
    async with running(broker.url, first) as session:
        await observer.sees(f"{ROOT}/status", "online")
        home = House(first, session, observer)
        await home.fails("plc/tx", b"again and again", "retained", name="x", retain=True)
    assert observer.latest[topic]
    async with running(broker.url, second):
        await observer.sees(topic, "")
        await observer.sees(f"{ROOT}/status", "online")
    assert first.plc.sent == second.plc.sent == []


# Data, and the broker away


async def test_what_arrives_is_told_in_order_and_taken(home: House) -> None:
    for data in numbered(100):
        home.lan.plc.arrives(data)
    assert home.lan.plc.on_the_way <= WINDOW
    await until(lambda: len(home.lan.plc.taken) == 100)
    await until(lambda: len(stream("plc/rx", home.observer)) == 100)
    assert home.observer.payloads(f"{LAN}/link/plc/rx") == numbered(100)
    assert list(stream("plc/rx", home.observer)) == list(range(1, 101))


async def test_a_link_holds_back_while_the_broker_is_away(home: House, proxy: Proxy) -> None:
    plc, meter = home.lan.plc, home.lan.meter
    proxy.passing.clear()
    proxy.cut()
    await home.observer.sees(f"{ROOT}/status", "offline")
    await until(lambda: not home.session.connected.is_set())
    for data in numbered(50):
        plc.arrives(data)
        meter.arrives(data)
    assert (plc.on_the_way, len(plc.waiting), plc.taken) == (WINDOW, 50 - WINDOW, [])
    assert (meter.on_the_way, meter.counters["dropped"]) == (WINDOW, 50 - WINDOW)
    proxy.passing.set()
    await until(lambda: len(plc.taken) == 50 and len(meter.taken) == WINDOW)
    assert (plc.on_the_way, meter.on_the_way) == (0, 0)
    for data in numbered(50, start=50):
        plc.arrives(data)
    await until(lambda: len(stream("plc/rx", home.observer)) == 100)
    assert list(stream("plc/rx", home.observer).values()) == numbered(100)
    assert list(stream("meter/rx", home.observer).values()) == numbered(WINDOW)
    info = f"{LAN}/link/meter/info"
    await until(lambda: json.loads(home.observer.latest[info]) == {"dropped": 50 - WINDOW})


async def test_a_broker_killed_and_restarted_loses_and_doubles_nothing(
    home: House, broker: OwnBroker, proxy: Proxy
) -> None:
    plc = home.lan.plc
    for data in numbered(60):
        plc.arrives(data)
    await until(lambda: len(plc.taken) >= 20)
    proxy.passing.clear()
    proxy.cut()
    for data in numbered(60, start=60):
        plc.arrives(data)
    await until(lambda: not home.session.connected.is_set())
    assert (plc.on_the_way, len(plc.taken) + len(plc.waiting)) == (WINDOW, 120 - WINDOW)
    # What a broker has confirmed and not yet passed on is lost with it: let it do so.
    await until(lambda: set(plc.taken) <= set(stream("plc/rx", home.observer).values()))
    await broker.kill()
    await broker.start()
    async with Observer(broker.port) as observer:
        proxy.passing.set()
        await until(lambda: len(plc.taken) == 120)
        await until(lambda: len(stream("plc/rx", home.observer, observer)) == 120)
        await observer.sees(f"{LAN}/link/plc/state", "open")
        found = stream("plc/rx", home.observer, observer)
        assert [found[number] for number in range(1, 121)] == numbered(120)
        later = [seen.seq for seen in observer.seen if seen.topic == f"{LAN}/link/plc/rx"]
        assert later == sorted(later)
    assert sorted(plc.taken, key=int) == numbered(120)


async def test_the_end_lets_every_link_go(proxy: Proxy) -> None:
    lan = Lan()
    proxy.passing.clear()
    async with running(proxy.url, lan):
        await until(lambda: lan.plc.phase is LinkPhase.OPEN)
        for data in numbered(5):
            lan.plc.arrives(data)
        assert lan.plc.taken == []
    assert lan.plc.taken == numbered(5)


async def test_the_tree_says_what_links_do(home: House, broker: OwnBroker) -> None:
    async with Observer(broker.port) as newcomer:
        await newcomer.publish("chiplink/behind", "")
        await newcomer.sees("chiplink/behind", "")
        kept = newcomer.retained()
    states = {topic: payload for topic, payload in kept.items() if topic.endswith("/state")}
    assert states == {f"{LAN}/link/{name}/state": b"open" for name in home.lan.links}
    assert json.loads(kept[f"{LAN}/link/plc/info"]) == {"dropped": 0}
    (described,) = json.loads(kept[f"{ROOT}/descriptor"])["devices"]
    assert [link["id"] for link in described["links"]] == ["plc", "srv", "meter"]


async def test_a_broker_that_takes_only_small_packets_does_not_stop_the_rest() -> None:
    lan = Lan()
    async with (
        mosquitto(["max_packet_size 1500"]) as broker,
        Observer(broker.port) as observer,
        running(broker.url, lan) as session,
    ):
        await observer.sees(f"{ROOT}/status", "online")
        lan.plc.arrives(b"a" * 1500)
        lan.plc.arrives(b"small")
        await until(lambda: len(lan.plc.taken) == 2)
        await until(lambda: stream("plc/rx", observer))
        assert stream("plc/rx", observer) == {2: b"small"}
        assert session.counters()["unsendable"] >= 1
        assert session.counters()["broker_lost"] == 0
