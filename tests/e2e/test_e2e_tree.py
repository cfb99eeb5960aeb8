"""The tree of topics: what is cleared, repaired, said again; and where answers go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from e2e_house import KVM, ROOT, House, house, running_bridge, tables
from e2e_observer import Observer
from e2e_waiting import until

from chiplink.mqtt import session

if TYPE_CHECKING:
    import pytest

    from chiplink.demo.broker import OwnBroker
    from chiplink.sim import Ch9329Sim, PtyLine

STATES = ("usb", "num_lock", "caps_lock", "scroll_lock", "firmware", "armed", "layout")


async def kept(broker: OwnBroker) -> dict[str, bytes]:
    """What the broker holds."""
    async with Observer(broker.port) as newcomer:
        await newcomer.publish("chiplink/behind", "")
        await newcomer.sees("chiplink/behind", "")
        return newcomer.retained()


async def test_the_tree_is_what_the_contract_says(home: House, broker: OwnBroker) -> None:
    await until(lambda: f"{ROOT}/health" in home.observer.latest)
    tree = await kept(broker)
    expected = {f"{ROOT}/{name}" for name in ("status", "descriptor", "health")}
    expected |= {f"{KVM}/{name}" for name in ("availability", *STATES)}
    assert set(tree) == expected
    assert tree[f"{ROOT}/status"] == b"online"
    assert tree[f"{KVM}/layout"] == b"us"
    content = json.loads(tree[f"{ROOT}/descriptor"])
    assert (content["schema"], content["node"]) == (1, "cellar")
    assert [device["id"] for device in content["devices"]] == ["kvm"]
    assert set(json.loads(tree[f"{ROOT}/health"])) >= {"started", "version", "counters", "queues"}


async def test_what_the_configuration_no_longer_has_is_cleared(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer
) -> None:
    old = [
        f"{ROOT}/attic/availability",
        f"{ROOT}/attic/usb",
        f"{ROOT}/attic/link/plc/state",
        f"{ROOT}/attic/type/set",
        f"{KVM}/gone",
        f"{KVM}/result",
        f"{ROOT}/nonsense",
    ]
    others = ["chiplink/other/kvm/usb", "chiplink/cellar2/status", "elsewhere/cellar"]
    claim = f"{ROOT}/homeassistant"
    for topic in (*old, *others, claim):
        await observer.publish(topic, "ON", retain=True)
    async with house(sim, line, observer, tables(broker.url, line.path)):
        for topic in old:
            await observer.sees(topic, "")
        tree = await kept(broker)
        assert not tree.keys() & set(old)
        assert {topic: tree.get(topic) for topic in (*others, claim)} == dict.fromkeys(
            (*others, claim), b"ON"
        )
    assert {observer.count(topic) for topic in others} == {1}


async def test_a_device_taken_out_of_the_configuration_leaves_nothing(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer
) -> None:
    config = tables(broker.url, line.path)
    config["device"] = {"old": config["device"]["kvm"]}
    async with running_bridge(config):
        await observer.sees(f"{ROOT}/old/usb", "ON")
    async with house(sim, line, observer, tables(broker.url, line.path)):
        await observer.sees(f"{ROOT}/old/usb", "")
        assert not [topic for topic in await kept(broker) if topic.startswith(f"{ROOT}/old/")]


async def test_a_status_that_somebody_overwrote_is_repaired(home: House, broker: OwnBroker) -> None:
    await home.observer.publish(f"{ROOT}/status", "offline", retain=True)
    await home.observer.sees(f"{ROOT}/status", "online")
    assert (await kept(broker))[f"{ROOT}/status"] == b"online"


async def test_a_status_that_somebody_cleared_is_repaired(home: House, broker: OwnBroker) -> None:
    await home.observer.publish(f"{ROOT}/status", "", retain=True)
    await home.observer.sees(f"{ROOT}/status", "online")
    assert (await kept(broker))[f"{ROOT}/status"] == b"online"


async def test_everything_is_said_again_after_the_birth_of_home_assistant(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BIRTH_DELAY", (0.0, 0.02))
    observer = home.observer
    topics = [f"{KVM}/{name}" for name in ("availability", *STATES)] + [f"{ROOT}/descriptor"]
    before = {topic: observer.count(topic) for topic in topics}
    values = {topic: observer.latest[topic] for topic in topics}
    await observer.publish("homeassistant/status", "offline")
    await home.done("type", "a")
    assert {topic: observer.count(topic) for topic in topics} == before
    await observer.publish("homeassistant/status", "online")
    await until(lambda: all(observer.count(topic) > before[topic] for topic in topics))
    assert {topic: observer.latest[topic] for topic in topics} == values


async def test_the_answer_goes_where_it_is_wanted(home: House) -> None:
    answer = f"{ROOT}/response/me"
    data = b"\x00\x01 correlation"
    await home.done("type", "a", ResponseTopic=answer, CorrelationData=data)
    await until(lambda: home.observer.count(answer))
    (seen,) = [seen for seen in home.observer.seen if seen.topic == answer]
    assert seen.correlation == data
    assert json.loads(seen.payload) == home.observer.finals()[0]
    await home.fails("keys", "nokey", "bad_payload", ResponseTopic=answer, CorrelationData=b"2")
    await until(lambda: home.observer.count(answer) == 2)
    (_first, second) = [seen for seen in home.observer.seen if seen.topic == answer]
    assert second.correlation == b"2"
    assert json.loads(second.payload)["error"] == "bad_payload"


async def test_the_answer_goes_nowhere_else(home: House) -> None:
    places = [
        "chiplink/other/response/me",
        "elsewhere/me",
        f"{ROOT}/status/me",
        f"{KVM}/caps_lock",
        f"{KVM}/type/set",
        f"{ROOT}/responses/me",
    ]
    before = {place: home.observer.count(place) for place in places}
    for place in places:
        await home.done("type", "a", ResponseTopic=place, CorrelationData=b"x")
    await home.done("type", "b")
    assert {place: home.observer.count(place) for place in places} == before
    assert home.text == "aaaaaab"
    assert not [seen for seen in home.observer.seen if seen.correlation and "set" not in seen.topic]


async def test_results_are_numbered_without_a_gap(home: House) -> None:
    for number in range(4):
        await home.done("type", f"{number}")
        await home.fails("keys", "nokey", "bad_payload")
    await home.done("type", "0123456789" * 16)
    numbers = [seen.seq for seen in home.observer.seen if seen.topic == f"{KVM}/result"]
    assert numbers == list(range(1, 11))
