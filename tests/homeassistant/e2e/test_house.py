"""The bridge and Home Assistant, from the first meeting on.

The tests share one house and come in order.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from real_hass import quiet
from real_programs import until

if TYPE_CHECKING:
    from real_house import House

SHIFT = 0xE1
"""HID usage of the left Shift."""

BRIDGE = "binary_sensor.chiplink_cellar_connection"
STARTED = "sensor.chiplink_cellar_started"
USB = "binary_sensor.desk_computer"
CAPS = "binary_sensor.desk_caps_lock"
FIRMWARE = "sensor.desk_firmware"
LAST_ERROR = "sensor.desk_last_error"
ARMED = "switch.desk_armed"
LAYOUT = "select.desk_keyboard_layout"
RELEASE = "button.desk_release_all_keys"
TYPE = "notify.desk_type_text"
KEYS = "notify.desk_press_keys"

THERE = {BRIDGE: "on", USB: "on", CAPS: "off", ARMED: "on", LAYOUT: "us"}
GONE = {USB: "unavailable", ARMED: "unavailable", LAYOUT: "unavailable", RELEASE: "unavailable"}
NONE = dict.fromkeys((BRIDGE, STARTED, USB, CAPS, FIRMWARE, ARMED, LAYOUT, RELEASE))


async def test_entities_appear_by_themselves(house: House) -> None:
    await house.hass.shows(THERE)
    states = await house.hass.states()
    entities = await house.hass.entities()
    assert len(entities) == 18 + 2
    for unique_id, entity in entities.items():
        assert unique_id.startswith("chiplink-cellar-")
        assert (entity["entity_id"] in states) is (entity["disabled_by"] is None), entity
    assert entities["chiplink-cellar-kvm-type"]["disabled_by"] is None
    assert entities["chiplink-cellar-kvm-keys"]["disabled_by"] == "integration"


async def test_devices_hang_together(house: House) -> None:
    devices = await house.hass.devices()
    assert set(devices) == {"chiplink-cellar", "chiplink-cellar-kvm"}
    assert devices["chiplink-cellar-kvm"]["via_device_id"] == devices["chiplink-cellar"]["id"]
    assert devices["chiplink-cellar-kvm"]["name"] == "Desk"


async def test_values_of_the_chip_show(house: House) -> None:
    states = await house.hass.states()
    assert re.fullmatch(r"\d\.\d", states[FIRMWARE])
    await house.hass.shows({LAST_ERROR: "none"})


async def test_lights_follow_the_computer(house: House) -> None:
    for state in ("on", "off"):
        await house.keys("caps_lock")
        await house.hass.shows({CAPS: state})


async def test_a_computer_that_is_gone_shows(house: House) -> None:
    await house.sim.stop()
    await house.hass.shows(GONE | {BRIDGE: "on"})
    house.sim.fault = ["unplugged"]
    house.sim.start()
    await house.hass.shows({USB: "off", ARMED: "on"})
    await house.sim.stop()
    house.sim.fault = []
    house.sim.start()
    await house.hass.shows(THERE)


async def test_a_button_acts(house: House) -> None:
    await house.keys("+shift")
    await until(lambda: house.sim.down() == {SHIFT})
    await house.hass.act("button.press", RELEASE)
    await until(lambda: house.sim.down() == set())


async def test_a_switch_acts(house: House) -> None:
    await house.hass.act("switch.turn_off", ARMED)
    await house.hass.shows({ARMED: "off"})
    typed = house.sim.text
    await house.hass.act("notify.send_message", TYPE, message="never")
    await until(lambda: _is_said(house, "armed"))
    await house.hass.act("switch.turn_on", ARMED)
    await house.hass.shows({ARMED: "on", LAST_ERROR: "none"})
    assert house.sim.text == typed


async def _is_said(house: House, word: str) -> bool:
    return word in (await house.hass.states())[LAST_ERROR]


async def test_a_select_acts(house: House) -> None:
    assert "de" in (await house.hass.attributes(LAYOUT))["options"]
    for layout in ("de", "us"):
        await house.hass.act("select.select_option", LAYOUT, option=layout)
        await house.hass.shows({LAYOUT: layout})


async def test_text_is_typed(house: House) -> None:
    before = house.sim.text
    await house.hass.act("notify.send_message", TYPE, message='Hello, "world" {{ 1 + 1 }}!\n')
    await until(
        lambda: house.sim.text == before + 'Hello, "world" {{ 1 + 1 }}!\n',
        lambda: f"typed: {house.sim.text!r}",
    )


async def test_an_entity_enabled_by_hand_acts(house: House) -> None:
    await house.hass.ask("config/entity_registry/update", entity_id=KEYS, disabled_by=None)
    await until(lambda: _has_state(house, KEYS))
    await house.hass.act("notify.send_message", KEYS, message="caps_lock")
    await house.hass.shows({CAPS: "on"})
    await house.hass.act("notify.send_message", KEYS, message="caps_lock")
    await house.hass.shows({CAPS: "off"})


async def _has_state(house: House, entity: str) -> bool:
    return (await house.hass.states()).get(entity, "unavailable") != "unavailable"


async def test_the_bridge_ends_and_comes_back(house: House) -> None:
    await house.bridge.stop()
    await house.hass.shows(GONE | {BRIDGE: "off", STARTED: "unavailable"})
    house.bridge.start()
    await house.hass.shows(THERE)


async def test_the_bridge_is_killed_and_comes_back(house: House) -> None:
    await house.bridge.stop(signal.SIGKILL)
    await house.hass.shows(GONE | {BRIDGE: "off"})
    house.bridge.start()
    await house.hass.shows(THERE)


async def test_the_broker_ends_and_comes_back(house: House) -> None:
    await house.broker.stop()
    await house.hass.shows(GONE)
    house.broker.start()
    await house.hass.shows(THERE | {LAST_ERROR: "none"})
    await house.keys("caps_lock caps_lock")


async def test_home_assistant_ends_and_comes_back(house: House) -> None:
    before = await house.hass.entities()
    await house.hass.stop()
    await house.hass.start()
    await house.hass.shows(THERE | {LAST_ERROR: "none"})
    after = await house.hass.entities()
    assert {key: item["entity_id"] for key, item in after.items()} == {
        key: item["entity_id"] for key, item in before.items()
    }


async def test_a_claim_empties_discovery_and_its_end_brings_it_back(house: House) -> None:
    before = {key: item["entity_id"] for key, item in (await house.hass.entities()).items()}
    await house.hass.publish("chiplink/cellar/homeassistant", '{"instance":"a","version":"1"}')
    await house.hass.shows(NONE)
    assert await house.hass.entities() == {}
    assert await house.hass.devices() == {}
    await house.hass.publish("chiplink/cellar/homeassistant", "")
    await house.hass.shows(THERE)
    after = {key: item["entity_id"] for key, item in (await house.hass.entities()).items()}
    assert after == before


async def test_a_device_deleted_in_home_assistant_stays_away(house: House) -> None:
    kvm = (await house.hass.devices())["chiplink-cellar-kvm"]
    await house.hass.delete(kvm)
    await house.hass.shows({USB: None, ARMED: None, BRIDGE: "on"})
    await house.bridge.stop()
    house.bridge.start()
    await house.hass.shows({BRIDGE: "on"})
    await house.hass.publish("homeassistant/status", "online", retain=False)
    await quiet(6)
    assert set(await house.hass.devices()) == {"chiplink-cellar"}


async def test_it_returns_with_another_configuration(house: House) -> None:
    await house.bridge.stop()
    house.bridge.name = "Attic"
    house.bridge.start()
    await house.hass.shows({USB: "on"})
    assert (await house.hass.devices())["chiplink-cellar-kvm"]["name"] == "Attic"


async def test_a_device_of_another_name_leaves_nothing_behind(house: House) -> None:
    await house.bridge.stop()
    house.bridge.device = "desk"
    house.bridge.name = "Cellar"
    house.bridge.start()
    await house.hass.shows({"switch.cellar_armed": "on", ARMED: None})
    assert set(await house.hass.devices()) == {"chiplink-cellar", "chiplink-cellar-desk"}
    left = [key for key in await house.hass.entities() if "-kvm-" in key]
    assert left == []


EXPECTED = (
    "No device components to cleanup",  # what it cleared itself comes back to it
    "homeassistant.components.mqtt.client",  # the broker was stopped
    "paho.mqtt.client",  # and may have hung up in the middle of it
)


async def test_home_assistant_had_nothing_to_complain_about(house: House) -> None:
    lines = [
        line
        for line in house.hass.program.said.splitlines()
        if re.search(r" (WARNING|ERROR|CRITICAL) ", line)
        and ("mqtt" in line or "chiplink" in line)
        and not any(word in line for word in EXPECTED)
    ]
    assert lines == []
    assert "Traceback" not in house.bridge.said
