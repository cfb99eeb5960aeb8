"""A broker that dies, comes back, or is gone without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from e2e_house import KVM, ROOT, House, house, running_bridge, tables
from e2e_observer import Observer
from e2e_proxy import Proxy
from e2e_waiting import until

from chiplink.mqtt import connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chiplink.demo.broker import OwnBroker
    from chiplink.sim import Ch9329Sim, PtyLine

TEXT = "What began must come to its end, whoever listens. " * 5


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(connection, "FIRST_DELAY", 0.1)


@pytest_asyncio.fixture
async def proxy(broker: OwnBroker) -> AsyncIterator[Proxy]:
    async with Proxy(broker.port) as wire:
        yield wire


@pytest_asyncio.fixture
async def home(
    sim: Ch9329Sim, line: PtyLine, observer: Observer, proxy: Proxy
) -> AsyncIterator[House]:
    """A house whose bridge reaches the broker through the proxy."""
    async with house(sim, line, observer, tables(proxy.url, line.path)) as one:
        yield one


def states(observer: Observer) -> dict[str, bytes]:
    """What must be there again: everything kept but the health, which counts."""
    return {
        topic: payload
        for topic, payload in observer.latest.items()
        if topic.startswith(ROOT)
        and not topic.endswith(("/health", "/result", "/last_error"))
        and "/set" not in topic
        and "/response/" not in topic
    }


async def test_a_broker_killed_in_the_middle_of_a_text(
    home: House, broker: OwnBroker, proxy: Proxy
) -> None:
    before = states(home.observer)
    name = await home.send("type", TEXT, id="long")
    await home.typed(20)
    proxy.passing.clear()
    await broker.kill()
    assert len(home.text) < len(TEXT)
    await broker.start()
    async with Observer(broker.port) as observer:
        proxy.passing.set()
        result = await observer.final(name)
        assert result["phase"] == "done"
        assert result["value"] == {"characters": len(TEXT)}
        assert home.text == TEXT
        assert not home.sim.pc.anything_pressed
        await observer.sees(f"{ROOT}/status", "online")
        await until(lambda: states(observer) == before, lambda: states(observer))
        await observer.publish(f"{KVM}/type/set/after", ".")
        assert (await observer.final("after"))["phase"] == "done"
        assert home.text == TEXT + "."
        assert len(observer.finals("long")) == 1
    assert len(home.observer.finals("long")) <= 1


async def test_the_same_command_after_the_broker_came_back_is_answered_from_memory(
    home: House, broker: OwnBroker, proxy: Proxy
) -> None:
    await home.done("type", "once", id="kept")
    proxy.passing.clear()
    await broker.kill()
    await broker.start()
    async with Observer(broker.port) as observer:
        proxy.passing.set()
        await observer.sees(f"{ROOT}/status", "online")
        await observer.publish(f"{KVM}/type/set/kept", "once")
        assert (await observer.final("kept"))["phase"] == "done"
    assert home.text == "once"


async def test_held_keys_are_let_go_when_nobody_can_command_any_more(
    home: House, proxy: Proxy
) -> None:
    await home.observer.final(await home.send("keys", "+shift +a"))
    assert home.sim.pc.anything_pressed
    proxy.passing.clear()
    proxy.cut()
    await until(lambda: not home.sim.pc.anything_pressed)
    proxy.passing.set()
    await home.observer.sees(f"{ROOT}/status", "online")


async def test_results_and_states_that_came_up_meanwhile_are_delivered(
    home: House, proxy: Proxy
) -> None:
    name = await home.send("type", TEXT[:200])
    await home.typed(5)
    proxy.passing.clear()
    proxy.cut()
    await home.typed(200)
    home.sim.pc.toggle_light("caps")
    await home.observer.sees(f"{ROOT}/status", "offline")
    await until(lambda: home.bridge.node.states["kvm", "caps_lock"] is True)
    assert not home.observer.finals(name)
    proxy.passing.set()
    assert (await home.observer.final(name))["phase"] == "done"
    await home.observer.sees(f"{KVM}/caps_lock", "ON")
    await home.observer.sees(f"{ROOT}/status", "online")


async def test_a_broker_gone_without_a_word_is_noticed(
    broker: OwnBroker,
    proxy: Proxy,
    sim: Ch9329Sim,
    line: PtyLine,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE", 1)
    monkeypatch.setattr(connection, "TICK", 0.1)
    async with house(sim, line, observer, tables(proxy.url, line.path)) as home:
        await observer.final(await home.send("keys", "+ctrl"))
        assert sim.pc.modifiers == 0x01
        proxy.freeze()
        await until(lambda: len(proxy.levels) == 2)
        assert not sim.pc.anything_pressed
        await until(home.bridge.session.connected.is_set)
        await observer.sees(f"{ROOT}/status", "online")
        await home.done("type", "back")
        assert home.text == "back"
        async with Observer(broker.port) as newcomer:
            await newcomer.sees(f"{ROOT}/status", "online")


async def test_a_broker_that_comes_up_later(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, caplog: pytest.LogCaptureFixture
) -> None:
    await broker.stop()
    async with running_bridge(tables(broker.url, line.path)) as bridge:
        await until(lambda: "refuses connections; is it running?" in caplog.text)
        await until(lambda: bridge.node.available["kvm"])
        await broker.start()
        async with Observer(broker.port) as observer:
            home = House(sim, line, observer, bridge)
            await home.online()
            await home.done("type", "at last")
    assert home.text == "at last"
    refused = [r for r in caplog.records if "refuses connections" in r.getMessage()]
    assert len(refused) == 1
