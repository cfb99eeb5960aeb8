"""What is told in Home Assistant's repairs, and what a click mends."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from custom_components.chiplink.claim import claimant
from custom_components.chiplink.repairs import async_create_fix_flow
from fake_home import Home
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import instance_id
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockUser, async_fire_time_changed
from said import SAID

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant

DISARMED = {"phase": "failed", "error": "disarmed"}
TEXT = {"kind": "state", "platform": "sensor", "type": "text", "enabled": True}


async def test_a_bridge_that_stays_away(home: Home, hass: HomeAssistant) -> None:
    home.broker.say("chiplink/cellar/status", "offline")
    await home.settle()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=59))
    await home.settle()
    assert home.issues() == {}
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=61))
    await home.settle()
    assert set(home.issues()) == {"offline_long"}
    home.broker.say("chiplink/cellar/status", "online")
    await home.settle()
    assert home.issues() == {}


async def test_a_bridge_that_comes_back_in_time(home: Home, hass: HomeAssistant) -> None:
    for status in ("offline", "online"):
        home.broker.say("chiplink/cellar/status", status)
        await home.settle()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=2))
    await home.settle()
    assert home.issues() == {}


@pytest.mark.parametrize(
    ("issue", "key", "bad", "good"),
    [
        ("port_held", "last_error", "/dev/ttyUSB0: held by another program, screen (pid 7)", ""),
        ("port_held", "problem", "port_held", "none"),
        ("port_held", "last_error", "/dev/ttyS0: another program holds the port", ""),
        ("pin_needed", "sim", "pin", "ready"),
        ("pin_needed", "sim", "puk", "busy"),
        ("pin_needed", "problem", "pin_needed", ""),
        ("baud_fallback", "problem", "baud_fallback", "none"),
    ],
)
async def test_what_a_chip_tells(
    home: Home, bridge: Bridge, issue: str, key: str, bad: str, good: str
) -> None:
    bridge.kvm["rows"] += [
        {**TEXT, "key": name, "name": name} for name in ("problem", "sim") if name == key
    ]
    bridge.states(**{key: bad})
    bridge.describe()
    await home.settle()
    assert set(home.issues()) == {issue}
    placeholders = home.issues()[issue].translation_placeholders or {}
    assert (placeholders["device"], placeholders["node"]) == ("Desk", "cellar")
    bridge.states(**{key: good})
    await home.settle()
    assert home.issues() == {}
    bridge.states(**{key: bad})
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    await home.settle()
    assert home.issues() == {}


async def test_what_no_row_says_is_no_symptom(home: Home, bridge: Bridge) -> None:
    bridge.states(sim="pin")
    await home.settle()
    assert home.issues() == {}


async def test_what_a_program_calls_itself_is_shown_as_it_is(home: Home, bridge: Bridge) -> None:
    bridge.states(last_error="held by [x](http://y) <img>")
    await home.settle()
    detail = (home.issues()["port_held"].translation_placeholders or {})["detail"]
    assert detail == "held by \\[x\\]\\(http://y\\) &lt;img\\>"


async def test_a_newer_bridge(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.chiplink.node.DESCRIPTOR_DEADLINE", 0.05)
    home = Home(hass, broker, bridge)
    await home.set_up()
    before = set(home.entities())
    bridge.said["schema"] = 2
    bridge.describe()
    await home.settle()
    assert set(home.issues()) == {"schema_newer"}
    assert set(home.entities()) == before
    assert home.state("usb").state != "unavailable"
    await hass.config_entries.async_reload(home.entry.entry_id)
    assert home.entry.state is ConfigEntryState.SETUP_RETRY
    assert set(home.issues()) == {"schema_newer"}
    assert set(home.entities()) == before
    bridge.said = deepcopy(SAID["descriptor"])
    bridge.describe()
    await hass.config_entries.async_reload(home.entry.entry_id)
    await home.settle()
    assert home.issues() == {}


async def test_an_issue_of_an_entry_that_is_removed(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.chiplink.node.DESCRIPTOR_DEADLINE", 0.05)
    bridge.said["schema"] = 2
    bridge.describe()
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_RETRY)
    assert set(home.issues()) == {"schema_newer"}
    await hass.config_entries.async_remove(home.entry.entry_id)
    assert home.issues() == {}


# Armed


async def test_an_automation_that_meets_a_disarmed_chip(home: Home, bridge: Bridge) -> None:
    bridge.answer("kvm/type/set", DISARMED)
    with pytest.raises(HomeAssistantError, match="is not armed"):
        await home.call("type_text", text="a")
    assert set(home.issues()) == {"not_armed"}
    bridge.states(armed="OFF")
    await home.settle()
    assert set(home.issues()) == {"not_armed"}
    bridge.states(armed="ON")
    await home.settle()
    assert home.issues() == {}


async def test_somebody_at_the_screen_sees_it_anyway(
    home: Home, hass: HomeAssistant, bridge: Bridge
) -> None:
    bridge.answer("kvm/type/set", DISARMED)
    user = MockUser(is_owner=True).add_to_hass(hass)
    with pytest.raises(HomeAssistantError):
        await home.call("type_text", text="a", context=Context(user_id=user.id))
    assert home.issues() == {}


# Clicks


@pytest.fixture
def mend(
    hass: HomeAssistant, home: Home
) -> Callable[[str], Coroutine[Any, Any, tuple[dict[str, Any], dict[str, Any]]]]:
    """Open an issue's repair and agree; return what was asked and what came of it."""

    async def go(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        assert await async_setup_component(hass, REPAIRS, {})
        manager = hass.data[REPAIRS]["flow_manager"]
        issue = home.issues()[kind]
        assert issue.is_fixable
        asked = await manager.async_init("chiplink", data={"issue_id": issue.issue_id})
        return asked, await manager.async_configure(asked["flow_id"], {})

    return go


async def test_arming_from_the_repair(home: Home, bridge: Bridge, mend: Any) -> None:
    bridge.answer("kvm/type/set", DISARMED)
    with pytest.raises(HomeAssistantError):
        await home.call("type_text", text="a")
    asked, done = await mend("not_armed")
    assert asked["description_placeholders"]["device"] == "Desk"
    assert done["type"] == "create_entry"
    assert bridge.commands[-1] == ("kvm/armed/set", b"ON")


async def test_arming_that_is_not_allowed(home: Home, bridge: Bridge, mend: Any) -> None:
    bridge.answer("kvm/type/set", DISARMED)
    bridge.answer("kvm/armed/set", {"phase": "failed", "error": "not_allowed"})
    with pytest.raises(HomeAssistantError):
        await home.call("type_text", text="a")
    _asked, done = await mend("not_armed")
    assert (done["type"], done["reason"]) == ("abort", "failed")


async def test_taking_the_claim_back(home: Home, mend: Any) -> None:
    home.broker.say("chiplink/cellar/homeassistant", '{"instance":"other","version":"1"}')
    await home.settle()
    _asked, done = await mend("claim_stolen")
    await home.settle()
    assert done["type"] == "create_entry"
    claim = home.broker.retained["chiplink/cellar/homeassistant"]
    assert claimant(claim) == await instance_id.async_get(home.hass)
    assert "claim_stolen" not in home.issues()


async def test_a_repair_whose_entry_is_not_loaded(home: Home, hass: HomeAssistant) -> None:
    for data in ({"entry_id": home.entry.entry_id, "kind": "claim_stolen"}, None):
        await hass.config_entries.async_unload(home.entry.entry_id)
        flow = await async_create_fix_flow(hass, "x", data)
        flow.hass = hass
        assert (await flow.async_step_confirm({}))["reason"] == "not_loaded"
