"""What Home Assistant's own MQTT integration makes of the bridge's discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.components import mqtt
from homeassistant.const import MAJOR_VERSION, MINOR_VERSION
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from conftest import SAID

if TYPE_CHECKING:
    from conftest import House

KVM = "chiplink/cellar/kvm"
STATUS = "chiplink/cellar/status"

KNOWS_EXPIRY = (MAJOR_VERSION, MINOR_VERSION) >= (2026, 6)
"""Whether this release passes an expiry on to the broker."""

all_enabled = pytest.mark.usefixtures("all_enabled")


def of(rows: list[dict[str, Any]], *, typing: bool = False) -> list[tuple[Any, ...]]:
    """What Home Assistant should have registered, as the rows say."""
    return sorted(
        (
            row["key"],
            row["platform"],
            row["name"],
            row.get("category"),
            row.get("device_class"),
            row.get("unit"),
            row.get("icon"),
            row["enabled"] or (typing and row["key"] == "type"),
        )
        for row in rows
    )


def registered(house: House, device: str) -> list[tuple[Any, ...]]:
    """What Home Assistant has registered for a device."""
    prefix = f"chiplink-cellar-{device}-"
    return sorted(
        (
            unique_id.removeprefix(prefix),
            entity.domain,
            entity.original_name,
            entity.entity_category and entity.entity_category.value,
            entity.original_device_class,
            entity.unit_of_measurement,
            entity.original_icon,
            entity.disabled_by is None,
        )
        for unique_id, entity in house.entities().items()
        if unique_id.startswith(prefix)
    )


# Registering


async def test_every_row_is_an_entity(house: House) -> None:
    await house.scene("first")
    assert registered(house, "kvm") == of(SAID["rows"])
    assert registered(house, "status") == of(SAID["bridge_rows"])
    assert len(house.entities()) == len(SAID["rows"]) + len(SAID["bridge_rows"])


async def test_typing_is_shown_where_the_configuration_says_so(house: House) -> None:
    await house.scene("typing")
    assert registered(house, "kvm") == of(SAID["rows"], typing=True)


@all_enabled
async def test_forms_that_other_chips_need(house: House) -> None:
    await house.scene("more")
    expected = [{**row, "enabled": True} for row in SAID["rows"] + SAID["extra_rows"]]
    assert registered(house, "kvm") == of(expected)


async def test_devices_and_how_they_hang_together(house: House) -> None:
    await house.scene("first")
    devices = house.devices()
    bridge, kvm = devices["chiplink-cellar"], devices["chiplink-cellar-kvm"]
    assert set(devices) == {"chiplink-cellar", "chiplink-cellar-kvm"}
    assert kvm.via_device_id == bridge.id
    assert (bridge.name, bridge.manufacturer, bridge.model, bridge.sw_version) == (
        "chiplink cellar",
        "chiplink",
        "Bridge",
        SAID["version"],
    )
    assert (kvm.name, kvm.model) == ("Desk", "CH9329")
    owners = {unique_id: entity.device_id for unique_id, entity in house.entities().items()}
    assert {owner for unique_id, owner in owners.items() if "-kvm-" in unique_id} == {kvm.id}
    assert {owner for unique_id, owner in owners.items() if "-status-" in unique_id} == {bridge.id}


async def test_the_chip_may_come_before_its_bridge(house: House) -> None:
    for topic, payload in reversed(SAID["scenes"]["first"]):
        await house.says(topic, payload)
    devices = house.devices()
    assert devices["chiplink-cellar-kvm"].via_device_id == devices["chiplink-cellar"].id
    assert devices["chiplink-cellar"].name == "chiplink cellar"
    assert registered(house, "status") == of(SAID["bridge_rows"])


async def test_names_do_not_repeat_the_device(house: House) -> None:
    await house.scene("first")
    await house.online()
    assert house.entity("armed").entity_id == "switch.desk_armed"
    assert house.entity("usb").entity_id == "binary_sensor.desk_computer"
    assert house.entity("status", "status").entity_id == "binary_sensor.chiplink_cellar_connection"
    assert house.state("armed").name == "Desk Armed"


async def test_the_same_again_changes_nothing(house: House) -> None:
    await house.scene("first")
    await house.online()
    await house.says(f"{KVM}/armed", "ON")
    before = house.entities()
    await house.scene("first")
    assert house.entities() == before
    assert house.state("armed").state == "on"


# States


@all_enabled
async def test_states_show(house: House) -> None:
    await house.scene("more")
    await house.online()
    for key, payload, state in (
        ("usb", "ON", "on"),
        ("usb", "OFF", "off"),
        ("num_lock", "ON", "on"),
        ("firmware", "V1.3", "V1.3"),
        ("armed", "ON", "on"),
        ("layout", "de", "de"),
        ("last_error", "usb: no computer", "usb: no computer"),
        ("last_error", "", "none"),
        ("last_error", "x" * 255, "x" * 255),
        ("signal", "-71", "-71"),
        ("registration", "roaming", "roaming"),
        ("pace", "12.5", "12.5"),
    ):
        await house.says(f"{KVM}/{key}", payload)
        assert house.state(key).state == state, key


async def test_the_bridge_shows_its_health(house: House) -> None:
    await house.scene("first")
    await house.online()
    await house.says(
        "chiplink/cellar/health",
        '{"started":"2026-11-20T10:18:00+00:00","version":"0.1.0","homeassistant":"mqtt"}',
    )
    assert house.state("status", "status").state == "on"
    assert house.state("started", "status").state == "2026-11-20T10:18:00+00:00"


@all_enabled
async def test_an_event_shows_its_data(house: House) -> None:
    await house.scene("first")
    await house.online()
    assert house.state("hid_in").state == "unknown"
    await house.says(f"{KVM}/hid_in", '{"event_type":"report","data":"c0ffee"}')
    state = house.state("hid_in")
    assert state.state != "unknown"
    assert (state.attributes["event_type"], state.attributes["data"]) == ("report", "c0ffee")
    assert state.attributes["event_types"] == ["report"]


@all_enabled
async def test_a_replayed_event_is_none(house: House) -> None:
    await house.scene("first")
    await house.online()
    async_fire_mqtt_message(house.hass, f"{KVM}/hid_in", '{"event_type":"report"}', 1, True)
    await house.hass.async_block_till_done()
    assert house.state("hid_in").state == "unknown"


@all_enabled
async def test_choices_are_the_rows_own(house: House) -> None:
    await house.scene("first")
    await house.online()
    rows = {row["key"]: row for row in SAID["rows"]}
    for key in ("layout", "media", "power", "type_secret"):
        assert house.state(key).attributes["options"] == rows[key]["options"], key


@all_enabled
async def test_a_number_has_its_bounds(house: House) -> None:
    await house.scene("more")
    await house.online()
    attributes = house.state("pace").attributes
    assert [attributes[name] for name in ("min", "max", "step", "mode")] == [1, 500, 0.5, "box"]


# Availability


@pytest.mark.parametrize(
    ("bridge", "chip", "available"),
    [
        ("online", "online", True),
        ("online", "offline", False),
        ("offline", "online", False),
        ("offline", "offline", False),
        ("online", "", False),
        ("", "online", False),
    ],
)
@all_enabled
async def test_a_chip_is_there_if_it_and_its_bridge_are(
    house: House,
    bridge: str,
    chip: str,
    available: bool,  # noqa: FBT001 - of a table
) -> None:
    await house.scene("first")
    if bridge:
        await house.says(STATUS, bridge)
    if chip:
        await house.says(f"{KVM}/availability", chip)
    seen = {row["key"]: house.state(row["key"]).state != "unavailable" for row in SAID["rows"]}
    assert seen == dict.fromkeys(seen, available)


async def test_availability_comes_and_goes(house: House) -> None:
    await house.scene("first")
    await house.online()
    await house.says(f"{KVM}/usb", "ON")
    await house.says(STATUS, "offline")
    assert house.state("usb").state == "unavailable"
    assert house.state("status", "status").state == "off"
    assert house.state("started", "status").state == "unavailable"
    await house.says(STATUS, "online")
    assert house.state("usb").state == "on"


# Commands


@all_enabled
async def test_commands_go_out(house: House) -> None:
    await house.scene("more")
    await house.online()
    long = 'Grüße "quoted" {{ 1 + 1 }} 日本\n' * 40
    for key, action, data, payload in (
        ("release_all", "press", {}, "PRESS"),
        ("cancel", "press", {}, "PRESS"),
        ("armed", "turn_on", {}, "ON"),
        ("armed", "turn_off", {}, "OFF"),
        ("layout", "select_option", {"option": "de"}, "de"),
        ("media", "select_option", {"option": "mute"}, "mute"),
        ("media", "select_option", {"option": "mute"}, "mute"),
        ("power", "select_option", {"option": "sleep"}, "sleep"),
        ("type", "send_message", {"message": long}, long),
        ("keys", "send_message", {"message": "ctrl+alt+delete"}, "ctrl+alt+delete"),
        ("mouse", "send_message", {"message": '{"click":"left"}'}, '{"click":"left"}'),
        ("hid_out", "send_message", {"message": "01ff2a"}, "01ff2a"),
        ("pace", "set_value", {"value": 12.5}, "12.5"),
    ):
        sent = await house.acts(key, action, **data)
        assert [(topic, str(text), *more) for topic, text, *more in sent] == [
            (f"{KVM}/{key}/set", payload, 1, False)
        ], key


@all_enabled
@pytest.mark.skipif(not KNOWS_EXPIRY, reason="this release knows no expiry")
async def test_commands_expire(house: House) -> None:
    await house.scene("more")
    await house.online()
    rows = {row["key"]: row for row in SAID["rows"] + SAID["extra_rows"]}
    for key, action, data in (
        ("release_all", "press", {}),
        ("armed", "turn_on", {}),
        ("media", "select_option", {"option": "mute"}),
        ("type", "send_message", {"message": "a"}),
        ("pace", "set_value", {"value": 2}),
        ("layout", "select_option", {"option": "de"}),
    ):
        await house.acts(key, action, **data)
        assert house.expiry() == rows[key].get("expiry"), key


async def test_a_switch_waits_for_the_chip(house: House) -> None:
    await house.scene("first")
    await house.online()
    await house.says(f"{KVM}/armed", "OFF")
    await house.acts("armed", "turn_on")
    assert house.state("armed").state == "off"
    await house.says(f"{KVM}/armed", "ON")
    assert house.state("armed").state == "on"


# Going


@all_enabled
async def test_components_that_are_gone_take_their_entities_along(house: House) -> None:
    await house.scene("more")
    await house.scene("fewer")
    expected = [{**row, "enabled": True} for row in SAID["rows"]]
    assert registered(house, "kvm") == of(expected)
    assert house.hass.states.get("number.desk_pace") is None


async def test_a_component_of_another_platform_replaces_the_old_one(house: House) -> None:
    await house.scene("first")
    await house.scene("platform")
    assert house.entity("usb").domain == "sensor"
    assert house.hass.states.get("binary_sensor.desk_computer") is None
    assert len(house.entities()) == len(SAID["rows"]) + len(SAID["bridge_rows"])


async def test_a_renamed_device_leaves_nothing_behind(house: House) -> None:
    await house.scene("first")
    await house.scene("renamed")
    assert set(house.devices()) == {"chiplink-cellar", "chiplink-cellar-desk"}
    assert registered(house, "kvm") == []
    assert registered(house, "desk") == of(SAID["rows"])
    assert house.entity("armed", "desk").entity_id == "switch.desk_armed"


async def test_another_title_keeps_the_entities(house: House) -> None:
    await house.scene("first")
    before = {unique_id: entity.entity_id for unique_id, entity in house.entities().items()}
    await house.scene("retitled")
    assert {item: entity.entity_id for item, entity in house.entities().items()} == before
    assert house.devices()["chiplink-cellar-kvm"].name == "Attic"


@pytest.mark.parametrize("scene", ["claimed", "off"])
async def test_nothing_is_left_when_discovery_ends(house: House, scene: str) -> None:
    await house.scene("first")
    await house.scene(scene)
    assert house.devices() == {}
    assert house.entities() == {}


async def test_after_a_claim_everything_returns_under_its_old_name(house: House) -> None:
    await house.scene("first")
    before = {unique_id: entity.entity_id for unique_id, entity in house.entities().items()}
    await house.scene("claimed")
    await house.scene("first")
    assert {item: entity.entity_id for item, entity in house.entities().items()} == before


async def test_a_device_deleted_in_home_assistant_clears_its_topic(house: House) -> None:
    await house.scene("first")
    house.client.async_publish.reset_mock()
    kvm = house.devices()["chiplink-cellar-kvm"]
    assert await mqtt.async_remove_config_entry_device(house.hass, house.entry, kvm)
    dr.async_get(house.hass).async_remove_device(kvm.id)
    await house.hass.async_block_till_done()
    cleared = [call.args[:2] for call in house.client.async_publish.call_args_list]
    assert {(topic, text or "") for topic, text in cleared} == {
        ("homeassistant/device/chiplink-cellar/kvm/config", "")
    }
    assert set(house.devices()) == {"chiplink-cellar"}
