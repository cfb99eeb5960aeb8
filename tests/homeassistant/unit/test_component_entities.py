"""Entities from the descriptor's rows: what they show, and what they send."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from fake_home import Home
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant

KVM = "chiplink/cellar/kvm"
all_enabled = pytest.mark.usefixtures("all_enabled")


@pytest.fixture
def more(bridge: Bridge) -> Bridge:
    """A bridge with rows of every form, and a link."""
    bridge.kvm["rows"] += deepcopy(SAID["extra_rows"])
    bridge.kvm["links"] = [{"id": "plc", "kind": "tcp-client"}]
    bridge.describe()
    return bridge


async def test_every_row_is_an_entity(home: Home) -> None:
    keys = {f"chiplink-cellar-kvm-{row['key']}" for row in SAID["rows"]}
    assert set(home.entities()) == keys | {
        "chiplink-cellar-status-status",
        "chiplink-cellar-status-started",
    }


@all_enabled
async def test_states_show(more: Bridge, home: Home) -> None:
    for key, payload, state in (
        ("usb", "ON", "on"),
        ("usb", "OFF", "off"),
        ("usb", "MAYBE", "unknown"),
        ("num_lock", "ON", "on"),
        ("firmware", "V1.3", "V1.3"),
        ("armed", "ON", "on"),
        ("layout", "de", "de"),
        ("layout", "klingon", "unknown"),
        ("last_error", "usb: no computer", "usb: no computer"),
        ("last_error", "", "none"),
        ("last_error", "x" * 255, "x" * 255),
        ("last_error", "x" * 256, "unknown"),
        ("signal", "-71", "-71"),
        ("signal", "1e3", "unknown"),
        ("signal", "", "unknown"),
        ("registration", "roaming", "roaming"),
        ("registration", "elsewhere", "unknown"),
        ("pace", "12.5", "12.5"),
        ("pace", "nan", "unknown"),
        ("pace", "9" * 400, "unknown"),
    ):
        more.states(**{key: payload})
        await home.settle()
        assert home.state(key).state == state, (key, payload)
    more.broker.say(f"{KVM}/last_error", b"\xff\xfe")
    await home.settle()
    assert home.state("last_error").state == "unknown"


async def test_states_that_came_before_show(bridge: Bridge, home: Home) -> None:
    bridge.states(usb="ON", armed="OFF")
    await home.settle()
    await home.hass.config_entries.async_reload(home.entry.entry_id)
    await home.settle()
    assert home.state("usb").state == "on"
    assert home.state("armed").state == "off"


async def test_the_bridge_shows_itself(home: Home) -> None:
    assert home.state("status", "status").state == "on"
    assert home.state("started", "status").state == "2026-11-20T10:18:00+00:00"
    home.broker.say("chiplink/cellar/health", '{"started":"yesterday"}')
    await home.settle()
    assert home.state("started", "status").state == "unknown"
    home.broker.say("chiplink/cellar/health", "[]")
    home.broker.say("chiplink/cellar/status", "offline")
    await home.settle()
    assert home.state("status", "status").state == "off"
    assert home.state("started", "status").state == "unavailable"


@all_enabled
async def test_an_event_shows_its_data(home: Home) -> None:
    home.broker.say(f"{KVM}/hid_in", '{"event_type":"report","data":"00"}', retain=True)
    await home.settle()
    assert home.state("hid_in").attributes["data"] == "00"
    for payload in (
        '{"event_type":"other"}',
        '{"data":"01"}',
        "[]",
        "nonsense",
        '{"event_type":["report"]}',
        '{"event_type":"report","data":"' + "0" * 17000 + '"}',
    ):
        home.broker.say(f"{KVM}/hid_in", payload, retain=False)
        await home.settle()
        assert home.state("hid_in").attributes["data"] == "00", payload


@all_enabled
async def test_an_event_that_was_replayed_at_the_start_is_none(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    broker.retained[f"{KVM}/hid_in"] = b'{"event_type":"report","data":"01"}'
    home = Home(hass, broker, bridge)
    await home.set_up()
    assert home.state("hid_in").state == "unknown"


@all_enabled
async def test_a_replayed_event_is_none(home: Home) -> None:
    home.broker.retained[f"{KVM}/hid_in"] = b'{"event_type":"report","data":"01"}'
    home.broker.lose()
    await home.broker.regain()
    await home.settle()
    assert home.state("hid_in").state == "unknown"


@pytest.mark.parametrize(
    ("bridge_says", "chip_says", "available"),
    [("online", "online", True), ("online", "offline", False), ("offline", "online", False)],
)
@all_enabled
async def test_a_chip_is_there_if_it_and_its_bridge_are(
    home: Home,
    bridge_says: str,
    chip_says: str,
    available: bool,  # noqa: FBT001 - of a table
) -> None:
    home.broker.say("chiplink/cellar/status", bridge_says)
    home.broker.say(f"{KVM}/availability", chip_says)
    await home.settle()
    seen = {row["key"]: home.state(row["key"]).state != "unavailable" for row in SAID["rows"]}
    assert seen == dict.fromkeys(seen, available)


async def test_everything_is_away_while_the_broker_is(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.bridge.states(usb="ON")
    home.broker.lose()
    await home.settle()
    assert home.state("usb").state == "unavailable"
    assert home.state("status", "status").state == "unavailable"
    assert caplog.text.count("The bridge cellar is not there") == 1
    await home.broker.regain()
    await home.settle()
    assert home.state("usb").state == "on"
    assert caplog.text.count("The bridge cellar is back") == 1


@all_enabled
async def test_commands_go_out(more: Bridge, home: Home) -> None:
    long = 'Grüße "quoted" {{ 1 + 1 }} 日本\n' * 40
    for key, action, data, payload in (
        ("release_all", "press", {}, "PRESS"),
        ("armed", "turn_on", {}, "ON"),
        ("armed", "turn_off", {}, "OFF"),
        ("layout", "select_option", {"option": "de"}, "de"),
        ("media", "select_option", {"option": "mute"}, "mute"),
        ("type", "send_message", {"message": long}, long),
        ("keys", "send_message", {"message": "ctrl+alt+delete"}, "ctrl+alt+delete"),
        ("pace", "set_value", {"value": 12.5}, "12.5"),
        ("pace", "set_value", {"value": 12}, "12"),
    ):
        more.commands.clear()
        await home.act(key, action, **data)
        assert more.commands == [(f"kvm/{key}/set", payload.encode())], key


async def test_a_bridge_that_went_with_the_broker_is_away(home: Home) -> None:
    """What it said before the broker was lost is no word of today."""
    home.broker.lose()
    home.broker.retained.pop("chiplink/cellar/status")
    await home.broker.regain()
    await home.settle()
    assert home.node.connected
    assert home.state("usb").state == "unavailable"
    home.broker.say("chiplink/cellar/status", "online")
    await home.settle()
    assert home.state("usb").state != "unavailable"


async def test_a_switch_waits_for_the_chip(bridge: Bridge, home: Home) -> None:
    bridge.states(armed="OFF")
    await home.act("armed", "turn_on")
    assert home.state("armed").state == "off"


@all_enabled
async def test_a_choice_that_is_a_command_remembers_nothing(home: Home) -> None:
    await home.act("media", "select_option", option="mute")
    assert home.state("media").state == "unknown"


@all_enabled
async def test_a_failure_is_told(bridge: Bridge, home: Home) -> None:
    bridge.answer("kvm/armed/set", {"phase": "failed", "error": "not_allowed", "detail": "TLS"})
    with pytest.raises(HomeAssistantError, match="configuration forbids it: TLS"):
        await home.act("armed", "turn_on")
    bridge.answer("kvm/type/set", {"phase": "failed", "error": "bad_payload", "detail": "hunter2"})
    with pytest.raises(ServiceValidationError) as caught:
        await home.act("type", "send_message", message="hunter2")
    assert "hunter2" not in str(caught.value)


async def test_a_number_has_its_bounds(more: Bridge, home: Home) -> None:
    attributes = home.state("pace").attributes
    assert [attributes[name] for name in ("min", "max", "step", "mode")] == [1, 500, 0.5, "box"]


async def test_a_number_without_bounds_has_home_assistants(bridge: Bridge, home: Home) -> None:
    number = {"kind": "both", "platform": "number", "type": "int", "enabled": True}
    bridge.kvm["rows"] += [
        {**number, "key": "free", "name": "Free"},
        {**number, "key": "high", "name": "High", "min": 500},
    ]
    bridge.describe()
    await home.settle()
    free, high = (home.state(key).attributes for key in ("free", "high"))
    assert (free["min"], free["max"]) == (0, 100)
    assert (high["min"], high["max"]) == (500, 500)


# Links


async def test_a_link_is_a_state_and_a_switch(more: Bridge, home: Home) -> None:
    for said, shown in (
        ("open", "on"),
        ("listening", "on"),
        ("backoff", "on"),
        ("connecting", "on"),
        ("closed", "off"),
        ("broken", "unknown"),
    ):
        more.broker.say(f"{KVM}/link/plc/state", said)
        await home.settle()
        assert home.state("link-plc-state").state == (said if shown != "unknown" else "unknown")
        assert home.state("link-plc-set").state == shown
    assert home.state("link-plc-state").name == "Desk Link plc state"
    assert home.state("link-plc-set").name == "Desk Link plc"
    for action, payload in (("turn_on", b"OPEN"), ("turn_off", b"CLOSE")):
        await home.act("link-plc-set", action)
        assert more.commands[-1] == ("kvm/link/plc/set", payload)


async def test_a_button_beside_a_state(bridge: Bridge, home: Home) -> None:
    bridge.said = deepcopy(SAID["networked"])
    bridge.start()
    bridge.states("lan", dhcp="bound")
    await home.settle()
    assert home.state("dhcp", "lan").state == "bound"
    button = home.entity_id("dhcp_button", "lan")
    assert button == "button.annex_new_lease"
    await home.hass.services.async_call("button", "press", {"entity_id": button}, blocking=True)
    assert bridge.commands == [("lan/dhcp/set", b"PRESS")]


# What comes and goes


async def test_rows_and_devices_come_and_go(bridge: Bridge, home: Home) -> None:
    before = set(home.entities())
    bridge.kvm["rows"] += deepcopy(SAID["extra_rows"])
    attic = {**deepcopy(bridge.kvm), "id": "attic", "name": "Attic", "rows": SAID["rows"][:2]}
    bridge.said["devices"].append(attic)
    bridge.states(signal="-60")
    bridge.describe()
    await home.settle()
    assert home.state("signal").state == "-60"
    assert home.devices()["chiplink-cellar-attic"].name == "Attic"
    assert home.entity_id("usb", "attic") == "binary_sensor.attic_computer"

    bridge.said = deepcopy(SAID["descriptor"])
    bridge.describe()
    await home.settle()
    assert set(home.entities()) == before
    assert set(home.devices()) == {"chiplink-cellar", "chiplink-cellar-kvm"}
    assert home.hass.states.get("sensor.desk_signal") is None


async def test_a_changed_row_is_a_changed_entity(bridge: Bridge, home: Home) -> None:
    bridge.states(layout="de")
    before = home.entity_id("layout")
    bridge.row("layout")["options"] = ["de", "fr"]
    bridge.describe()
    await home.settle()
    assert home.entity_id("layout") == before
    assert home.state("layout").attributes["options"] == ["de", "fr"]
    assert home.state("layout").state == "de"


async def test_a_row_of_another_platform_replaces_the_old_one(bridge: Bridge, home: Home) -> None:
    row = bridge.row("usb")
    row.update(platform="sensor", type="text")
    del row["device_class"]
    bridge.describe()
    await home.settle()
    assert home.entity_id("usb") == "sensor.desk_computer"
    assert home.hass.states.get("binary_sensor.desk_computer") is None


async def test_what_went_while_nobody_looked_is_removed(
    hass: HomeAssistant, bridge: Bridge, home: Home
) -> None:
    await hass.config_entries.async_unload(home.entry.entry_id)
    bridge.kvm["rows"] = bridge.kvm["rows"][:3]
    bridge.describe()
    await home.set_up()
    assert len(home.entities()) == 3 + 2


async def test_another_title_keeps_the_entities(bridge: Bridge, home: Home) -> None:
    before = {key: entity.entity_id for key, entity in home.entities().items()}
    bridge.kvm["name"] = "Attic"
    bridge.describe()
    await home.settle()
    assert {key: entity.entity_id for key, entity in home.entities().items()} == before
    assert home.devices()["chiplink-cellar-kvm"].name == "Attic"


async def test_names_and_icons_we_have_no_words_for_are_the_rows(
    bridge: Bridge, home: Home
) -> None:
    row = {"kind": "state", "platform": "sensor", "type": "text", "enabled": True}
    bridge.kvm["rows"] += [
        {**row, "key": "later", "name": "Later", "translation_key": "later", "icon": "mdi:clock"},
        {**row, "key": "sly", "name": "Sly", "translation_key": "link_state"},
        {**row, "key": "odd", "name": "Odd", "device_class": "no_such_class"},
        {**row, "key": "date", "name": "Date", "device_class": "date"},
        {**row, "key": "state", "name": "State", "type": "float", "device_class": "timestamp"},
    ]
    bridge.describe()
    bridge.states(later="1", sly="2", odd="3", date="4", state="5.5")
    await home.settle()
    assert home.state("later").name == "Desk Later"
    assert home.state("later").attributes["icon"] == "mdi:clock"
    assert home.state("sly").name == "Desk Sly"
    for key, state in (("odd", "3"), ("date", "4"), ("state", "5.5")):
        assert home.state(key).state == state
        assert "device_class" not in home.state(key).attributes


async def test_a_bad_descriptor_changes_nothing_and_is_one_line(
    bridge: Bridge, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    before = set(home.entities())
    bridge.kvm["rows"] = [{**SAID["rows"][0], "key": f"k{number}"} for number in range(5000)]
    for _again in range(3):
        bridge.describe()
    home.broker.say("chiplink/cellar/descriptor", "")
    await home.settle()
    assert set(home.entities()) == before
    assert caplog.text.count("The descriptor of cellar is refused") == 1
    assert home.state("usb").state != "unavailable"


async def test_a_flood_of_topics_is_bounded(home: Home) -> None:
    for number in range(6000):
        home.broker.say(f"chiplink/cellar/kvm/flood{number}", "x", retain=False)
    home.broker.say("chiplink/cellar/status/usb", "ON")
    home.broker.say(f"{KVM}/firmware", "x" * 3000)
    await home.settle()
    assert len(home.node.states._known) <= 4096
    assert home.state("usb").state == "unknown"


# The entry


async def test_unloading_takes_everything_along_and_loading_brings_it_back(home: Home) -> None:
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    await home.settle()
    assert home.hass.states.get("switch.desk_armed").state == "unavailable"
    assert home.broker.retained["chiplink/cellar/homeassistant"]
    await home.set_up()
    assert home.state("armed").state == "unknown"


async def test_a_device_that_is_gone_may_be_deleted(home: Home, hass: HomeAssistant) -> None:
    import custom_components.chiplink as component  # noqa: PLC0415

    stranger = dr.async_get(hass).async_get_or_create(
        config_entry_id=home.entry.entry_id, identifiers={("chiplink", "chiplink-cellar-old")}
    )
    kvm = home.devices()["chiplink-cellar-kvm"]
    for device, may in ((stranger, True), (kvm, False), (home.devices()["chiplink-cellar"], False)):
        assert await component.async_remove_config_entry_device(hass, home.entry, device) is may


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "has not told the broker"),
        ("nonsense", "is refused: it is not JSON"),
        ('{"schema": 2}', "newer than the integration"),
    ],
)
async def test_without_a_descriptor_it_is_tried_again(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    payload: str | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.chiplink.node.DESCRIPTOR_DEADLINE", 0.05)
    broker.say("chiplink/cellar/descriptor", payload or "")
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_RETRY)
    assert reason in (home.entry.reason or "")
    assert home.entities() == {}
    bridge.describe()
    await hass.config_entries.async_reload(home.entry.entry_id)
    assert home.entry.state is ConfigEntryState.LOADED


async def test_without_a_broker_it_is_tried_again(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    broker.lose()
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_RETRY)
    assert "not connected" in (home.entry.reason or "")


async def test_a_defect_at_the_start_leaves_nothing_open(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_it(*_arguments: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("custom_components.chiplink.node.async_sync", break_it)
    home = Home(hass, broker, bridge)
    await home.set_up(ConfigEntryState.SETUP_ERROR)
    assert er.async_entries_for_config_entry(er.async_get(hass), home.entry.entry_id) == []
