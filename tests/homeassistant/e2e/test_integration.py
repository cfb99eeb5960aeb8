"""The bridge and its own integration in a real Home Assistant, from the first meeting on.

The tests share one house and come in order.
"""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from real_house import House
from real_programs import Simulator, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

BRIDGE = "binary_sensor.chiplink_cellar_connection"
USB = "binary_sensor.desk_computer"
CAPS = "binary_sensor.desk_caps_lock"
LAST_ERROR = "sensor.desk_last_error"
ARMED = "switch.desk_armed"
LAYOUT = "select.desk_keyboard_layout"
RELEASE = "button.desk_release_all_keys"

THERE = {BRIDGE: "on", USB: "on", CAPS: "off", ARMED: "on", LAYOUT: "us", LAST_ERROR: "none"}
GONE = {USB: "unavailable", ARMED: "unavailable", LAYOUT: "unavailable", RELEASE: "unavailable"}

SHIFT = 0xE1
"""HID usage of the left Shift."""

SECRET = "Sesame7"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with House(tmp_path_factory.mktemp("house"), integration=True) as one:
        yield one


async def call(house: House, action: str, **data: Any) -> dict[str, Any]:
    """Call an action of the integration on the keyboard."""
    kvm = (await house.hass.devices("chiplink"))["chiplink-cellar-kvm"]
    return await house.hass.call(f"chiplink.{action}", device_id=kvm["id"], **data)


async def test_it_is_offered_and_takes_the_place_of_discovery(house: House) -> None:
    await house.hass.shows({BRIDGE: "on", USB: "on"})
    before = await house.hass.entities()
    (flow,) = await until(lambda: house.hass.offered("chiplink"))
    entry = await house.hass.accept(flow)
    assert (entry["title"], entry["domain"]) == ("cellar", "chiplink")
    await house.hass.shows(THERE)
    after = await house.hass.entities("chiplink")
    assert await house.hass.entities() == {}
    assert {key: item["entity_id"] for key, item in after.items()} == {
        key: item["entity_id"] for key, item in before.items()
    }


async def test_devices_hang_together(house: House) -> None:
    devices = await house.hass.devices("chiplink")
    assert set(devices) == {"chiplink-cellar", "chiplink-cellar-kvm"}
    assert devices["chiplink-cellar-kvm"]["via_device_id"] == devices["chiplink-cellar"]["id"]
    assert devices["chiplink-cellar-kvm"]["name"] == "Desk"
    assert await house.hass.devices() == {}


async def test_text_is_typed_and_the_answer_says_so(house: House) -> None:
    before, text = house.sim.text, 'Hello, "world" {{ 1 + 1 }}!\n'
    answer = await call(house, "type_text", text=text)
    assert answer["results"][0]["value"] == {"characters": len(text)}
    assert house.sim.text == before + text


async def test_long_text_is_waited_for(house: House) -> None:
    before, text = house.sim.text, "abcdefghij" * 12
    answer = await call(house, "type_text", text=text)
    assert answer["results"][0]["ms"] > 1000
    assert house.sim.text == before + text


async def test_a_secret_is_typed_by_its_name(house: House) -> None:
    before = house.sim.text
    answer = await call(house, "type_secret", secret="door")
    assert "error" not in answer
    assert house.sim.text == before + SECRET


async def test_keys_and_lights(house: House) -> None:
    for state in ("on", "off"):
        await call(house, "press_keys", keys="caps_lock")
        await house.hass.shows({CAPS: state})
    await call(house, "press_keys", keys="+shift")
    assert house.sim.down() == {SHIFT}
    await call(house, "release_all")
    assert house.sim.down() == set()


async def test_the_other_keys(house: House) -> None:
    for action, data in (
        (
            "mouse",
            {
                "actions": [
                    {"to": [10, 20], "screen": [800, 600]},
                    {"click": "left"},
                    {"scroll": -1},
                ]
            },
        ),
        ("media_key", {"key": "mute"}),
        ("power_key", {"key": "wake"}),
        ("send_hid", {"data": "01ff2a"}),
        ("cancel", {}),
    ):
        answer = await call(house, action, **data)
        assert "error" not in answer, (action, answer)
        assert answer["results"][0]["ms"] >= 0, action


async def test_a_failure_says_why(house: House) -> None:
    await house.hass.act("switch.turn_off", ARMED)
    await house.hass.shows({ARMED: "off"})
    typed = house.sim.text
    answer = await call(house, "type_text", text="never")
    assert answer["error"]["translation_key"] == "result_disarmed"
    assert "Desk is not armed" in answer["error"]["message"]
    await house.hass.act("switch.turn_on", ARMED)
    await house.hass.shows({ARMED: "on"})
    answer = await call(house, "type_text", text="漢字-hunter2")
    assert answer["error"]["translation_key"] == "result_unsupported_characters"
    assert "漢" not in str(answer)
    await call(house, "release_all")
    assert house.sim.text == typed


async def test_a_computer_that_is_gone_shows(house: House) -> None:
    await house.sim.stop()
    await house.hass.shows(GONE | {BRIDGE: "on"})
    answer = await call(house, "press_keys", keys="a")
    assert answer["error"]["translation_key"] == "result_offline"
    house.sim.start()
    await house.hass.shows(THERE)


async def test_the_broker_is_killed_and_comes_back(house: House) -> None:
    await house.broker.stop(signal.SIGKILL)
    await house.hass.shows(GONE | {BRIDGE: "unavailable"})
    answer = await call(house, "press_keys", keys="a")
    assert answer["error"]["translation_key"] == "bridge_offline"
    house.broker.start()
    await house.hass.shows(THERE)
    before = house.sim.text
    await call(house, "type_text", text="again")
    assert house.sim.text == before + "again"


async def test_the_bridge_is_killed_and_comes_back(house: House) -> None:
    await house.bridge.stop(signal.SIGKILL)
    await house.hass.shows(GONE | {BRIDGE: "off"})
    house.bridge.start()
    await house.hass.shows(THERE)
    assert await house.hass.entities() == {}


async def test_home_assistant_ends_and_comes_back(house: House) -> None:
    before = await house.hass.entities("chiplink")
    await house.hass.stop()
    await house.hass.start()
    await house.hass.shows(THERE)
    after = await house.hass.entities("chiplink")
    assert {key: item["entity_id"] for key, item in after.items()} == {
        key: item["entity_id"] for key, item in before.items()
    }
    assert await house.hass.entities() == {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets; return its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(house: House, echo: int) -> AsyncIterator[Simulator]:
    """A chip with a network, and a link in the bridge's configuration."""
    chip = Simulator(house.folder, "ch392", "lan")
    chip.options = ["--map", "203.0.113.5=127.0.0.1"]
    chip.start()
    await chip.says("ready")
    house.bridge.more = f"""
[device.lan]
chip = "ch392"
port = "serial://{chip.port}?baud=921600"
name = "Annex"
[device.lan.link.plc]
kind = "tcp-client"
remote = "203.0.113.5:{echo}"
"""
    yield chip
    await chip.stop()


PLC, PLC_SWITCH = "sensor.annex_link_plc_state", "switch.annex_link_plc"


async def test_a_chip_with_links_comes_while_it_runs(house: House, network: Simulator) -> None:
    await house.bridge.stop()
    house.bridge.start()
    await house.hass.shows({PLC: "open", PLC_SWITCH: "on", "binary_sensor.annex_cable": "on"})
    await house.hass.shows({"sensor.annex_dhcp": "bound"})


async def test_links_send_close_and_open(house: House, network: Simulator) -> None:
    lan = (await house.hass.devices("chiplink"))["chiplink-cellar-lan"]["id"]
    answer = await house.hass.call(
        "chiplink.link_send", device_id=lan, link="plc", text="Hello, plc"
    )
    assert answer["results"][0]["value"]["bytes"] == 10
    await house.hass.call("chiplink.link_close", device_id=lan, link="plc")
    await house.hass.shows({PLC: "closed", PLC_SWITCH: "off"})
    answer = await house.hass.call("chiplink.link_send", device_id=lan, link="plc", text="a")
    assert answer["error"]["translation_key"] == "result_closed"
    await house.hass.act("switch.turn_on", PLC_SWITCH)
    await house.hass.shows({PLC: "open", PLC_SWITCH: "on"})


async def test_a_button_beside_a_state_acts(house: House, network: Simulator) -> None:
    await house.hass.act("button.press", "button.annex_new_lease")
    await house.hass.shows({"sensor.annex_dhcp": "bound", PLC: "open"})
    await house.hass.act("button.press", "button.annex_restart")
    await house.hass.shows({"sensor.annex_dhcp": "bound", PLC: "open"})


async def test_a_chip_that_goes_leaves_nothing_behind(house: House) -> None:
    house.bridge.more = ""
    await house.bridge.stop()
    house.bridge.start()
    await house.hass.shows(THERE | {PLC: None, PLC_SWITCH: None})
    assert set(await house.hass.devices("chiplink")) == {"chiplink-cellar", "chiplink-cellar-kvm"}


async def test_another_configuration_is_followed(house: House) -> None:
    await house.bridge.stop()
    house.bridge.name, house.bridge.device = "Attic", "attic"
    house.bridge.start()
    await house.hass.shows({"switch.attic_armed": "on", ARMED: None})
    assert set(await house.hass.devices("chiplink")) == {"chiplink-cellar", "chiplink-cellar-attic"}
    await house.bridge.stop()
    house.bridge.name, house.bridge.device = "Desk", "kvm"
    house.bridge.start()
    await house.hass.shows(THERE | {"switch.attic_armed": None})


async def test_removed_it_leaves_the_house_to_discovery(house: House) -> None:
    before = await house.hass.entities("chiplink")
    entries = await house.hass.ask("config_entries/get", domain="chiplink")
    await house.hass.remove(entries[0]["entry_id"])
    await house.hass.shows({BRIDGE: "on", USB: "on", ARMED: "on"})
    assert await house.hass.entities("chiplink") == {}
    after = await house.hass.entities()
    assert {key: item["entity_id"] for key, item in after.items()} == {
        key: item["entity_id"] for key, item in before.items()
    }
    (flow,) = await until(lambda: house.hass.offered("chiplink"))
    assert flow["context"]["title_placeholders"] == {"name": "cellar"}


EXPECTED = (
    "No device components to cleanup",  # what it cleared itself comes back to it
    "homeassistant.components.mqtt.client",  # the broker was stopped
    "paho.mqtt.client",  # and may have hung up in the middle of it
    "which has not been tested by Home Assistant",  # of every custom integration
    "Error during service call",  # the tests provoke them
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


async def test_nothing_that_was_typed_is_in_a_log(house: House) -> None:
    for words in ("hunter2", SECRET, "abcdefghij", "Hello"):
        assert words not in house.hass.program.said
        assert words not in house.bridge.said
