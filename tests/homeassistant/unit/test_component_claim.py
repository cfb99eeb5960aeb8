"""The claim, and who wins which race."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from custom_components.chiplink.claim import claimant
from fake_home import Home
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import instance_id
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant

CLAIM = "chiplink/cellar/homeassistant"
CONFIG = "homeassistant/device/chiplink-cellar/kvm/config"
OTHER = '{"instance":"somebody-else","version":"1"}'


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what is waited for."""
    monkeypatch.setattr("custom_components.chiplink.claim.ANSWER", 0.2)
    monkeypatch.setattr("custom_components.chiplink.claim.GRACE", 0.2)


def claims(broker: Broker) -> list[tuple[str, bytes]]:
    return broker.sent("/homeassistant")


async def test_the_claim_says_who_and_which_version(home: Home) -> None:
    topic, payload, retain = next(item for item in home.broker.published if item[0] == CLAIM)
    assert retain, topic
    assert json.loads(payload) == {
        "instance": await instance_id.async_get(home.hass),
        "version": "0.1.0",
    }


async def test_no_platform_before_discovery_is_empty(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    """A bridge that takes its time is waited for; nothing of ours exists meanwhile."""
    bridge.clears = False
    bridge.discover()
    home = Home(hass, broker, bridge)
    seen: list[tuple[int, int]] = []

    def slow(topic: str, payload: bytes) -> None:
        if topic == CLAIM and payload:
            hass.loop.call_later(0.05, clear)

    def clear() -> None:
        seen.append((len(home.entities()), len(broker.sent("/config"))))
        for name in [one for one in broker.retained if one.endswith("/config")]:
            broker.say(name, b"")

    broker.readers.append(slow)
    await hass.async_block_till_done()
    await home.set_up()
    assert seen[0] == (0, 0)
    assert home.entities("mqtt") == {}
    assert len(home.entities()) == len(SAID["rows"]) + 2
    assert home.entity_id("armed") == "switch.desk_armed"


async def test_a_bridge_that_does_not_clear_is_helped(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, impatient: None
) -> None:
    bridge.clears = False
    bridge.discover()
    await hass.async_block_till_done()
    home = Home(hass, broker, bridge)
    await home.set_up()
    ours = {(topic, payload) for topic, payload in broker.sent("/config")}
    assert ours >= {(CONFIG, b""), ("homeassistant/device/chiplink-cellar/status/config", b"")}
    assert home.entities("mqtt") == {}
    assert home.entity_id("armed") == "switch.desk_armed"


async def test_topics_that_stay_keep_us_waiting(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, impatient: None
) -> None:
    bridge.clears = False
    bridge.discover()
    broker.denied.add("homeassistant/#")
    await hass.async_block_till_done()
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_RETRY)
    assert "cannot be emptied" in (home.entry.reason or "")
    assert home.entities() == {}


async def test_a_claim_nobody_hears_keeps_us_waiting(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, impatient: None
) -> None:
    broker.denied.add(CLAIM)
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_RETRY)
    assert "see its ACL" in (home.entry.reason or "")
    assert home.entities() == {}


async def test_entities_that_discovery_left_behind_are_removed(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, impatient: None
) -> None:
    (mqtt_entry,) = hass.config_entries.async_entries("mqtt")
    left = er.async_get(hass).async_get_or_create(
        "switch",
        "mqtt",
        "chiplink-cellar-kvm-armed",
        config_entry=mqtt_entry,
        suggested_object_id="desk_armed",
    )
    other = er.async_get(hass).async_get_or_create(
        "switch", "mqtt", "chiplink-cellar2-kvm-armed", config_entry=mqtt_entry
    )
    home = Home(hass, broker, bridge)
    await home.set_up()
    assert set(home.entities("mqtt")) == {other.unique_id}
    assert home.entity_id("armed") == left.entity_id


async def test_an_old_claim_of_ours_is_no_answer(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    """What is retained from the last time says nothing of what else is retained."""
    instance = await instance_id.async_get(hass)
    broker.retained[CLAIM] = json.dumps({"instance": instance}).encode()
    home = Home(hass, broker, bridge)
    await home.set_up()
    assert len(claims(broker)) >= 2


async def test_the_claim_is_said_again_after_a_birth(home: Home) -> None:
    before = len(claims(home.broker))
    home.broker.say("homeassistant/status", "online", retain=False)
    await home.settle()
    assert len(claims(home.broker)) == before + 1
    home.broker.say("homeassistant/status", "offline", retain=False)
    await home.settle()
    assert len(claims(home.broker)) == before + 1


async def test_the_claim_is_said_again_after_a_reconnect(home: Home) -> None:
    before = len(claims(home.broker))
    home.broker.lose()
    await home.broker.regain()
    await home.settle()
    assert len(claims(home.broker)) > before


async def test_the_claim_is_said_again_when_somebody_clears_it(home: Home) -> None:
    home.broker.say(CLAIM, "")
    await home.settle()
    assert claimant(home.broker.retained[CLAIM]) == await instance_id.async_get(home.hass)


async def test_a_claim_that_cannot_be_said_now_is_no_fault(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: Any, **_more: Any) -> None:
        raise HomeAssistantError("no")

    monkeypatch.setattr("custom_components.chiplink.claim.async_say", refuse)
    home.broker.say("homeassistant/status", "online", retain=False)
    await home.settle()


async def test_a_stolen_claim_is_an_issue_and_no_fight(home: Home) -> None:
    before = len(claims(home.broker))
    home.broker.say(CLAIM, OTHER)
    await home.settle()
    assert "claim_stolen" in home.issues()
    assert len(claims(home.broker)) == before
    assert home.state("usb").state != "unavailable"
    home.broker.say(CLAIM, '{"instance":"","version":"1"}')
    await home.settle()
    assert "claim_stolen" not in home.issues()


async def test_discovery_that_returns_is_an_issue(home: Home) -> None:
    home.bridge.clears = False
    home.bridge.discover()
    await home.settle()
    assert "both_ways" in home.issues()
    for topic in [one for one in home.broker.retained if one.endswith("/config")]:
        home.broker.say(topic, "")
    await home.settle()
    assert "both_ways" not in home.issues()


async def test_unloading_leaves_the_claim(home: Home) -> None:
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    await home.settle()
    assert CLAIM in home.broker.retained


async def test_removing_gives_the_node_back(home: Home) -> None:
    """The bridge answers within the same moment: our entities must be gone by then."""

    def discover(topic: str, payload: bytes) -> None:
        if topic == CLAIM and not payload:
            home.bridge.discover()

    home.broker.readers.append(discover)
    before = {key: entity.entity_id for key, entity in home.entities().items()}
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    await home.settle()
    assert CLAIM not in home.broker.retained
    after = {key: entity.entity_id for key, entity in home.entities("mqtt").items()}
    assert after == before


async def test_removing_leaves_somebody_elses_claim(home: Home) -> None:
    home.broker.say(CLAIM, OTHER)
    await home.settle()
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    await home.settle()
    assert home.broker.retained[CLAIM] == OTHER.encode()


async def test_removing_without_a_broker_removes_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.broker.lose()
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    assert home.hass.config_entries.async_entries("chiplink") == []


async def test_removing_while_the_broker_refuses(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: Any, **_more: Any) -> None:
        raise HomeAssistantError("no")

    monkeypatch.setattr("custom_components.chiplink.claim.async_say", refuse)
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    assert home.hass.config_entries.async_entries("chiplink") == []


async def test_a_flood_of_discovery_topics_is_bounded(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(200):
        home.broker.say(f"homeassistant/device/chiplink-cellar/x{number}/config", "{}")
    await home.settle()
    assert len(home.node.claim._shown) == 64
    caplog.clear()  # Home Assistant has its own words for each


@pytest.mark.parametrize(
    ("payload", "who"),
    [
        (b'{"instance":"a"}', "a"),
        (b'{"instance":1}', None),
        (b'{"instance":""}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff", None),
        (b"{" * 2000, None),
        (b"[" * 1000, None),
    ],
)
def test_what_is_a_claim(payload: bytes, who: str | None) -> None:
    assert claimant(payload) == who
