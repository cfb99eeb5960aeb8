"""What goes out with a bug report, and what must not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from custom_components.chiplink import system_health
from custom_components.chiplink.diagnostics import async_get_config_entry_diagnostics
from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.setup import async_setup_component

if TYPE_CHECKING:
    from fake_broker import Bridge
    from fake_home import Home
    from homeassistant.core import HomeAssistant

PRIVATE = {
    "ip": "192.168.7.31",
    "imei": "490154203237518",
    "operator": "Example Mobile",
    "phone": "+4915112345678",
    "last_error": "link plc: 10.0.0.9:502 and fe80::1:2 refused +4915112345678",
}


@pytest.fixture
def telling(bridge: Bridge) -> Bridge:
    """A bridge with everything that is somebody's own."""
    row = {"kind": "state", "platform": "sensor", "type": "text", "enabled": True}
    bridge.kvm["rows"] += [
        {**row, "key": key, "name": key} for key in PRIVATE if key != "last_error"
    ]
    bridge.kvm["links"] = [{"id": "plc", "kind": "udp"}, {"id": "odd", "kind": "udp"}]
    bridge.describe()
    bridge.states(firmware="V1.3", armed="ON", layout="de", **PRIVATE)
    info = {"reconnects": 3, "peers": ["10.0.0.9:502"], "error": "secret", "10.0.0.9:5": 1}
    bridge.broker.say("chiplink/cellar/kvm/link/plc/info", json.dumps(info))
    bridge.broker.say("chiplink/cellar/kvm/link/plc/state", "open")
    bridge.broker.say("chiplink/cellar/kvm/link/odd/info", "nonsense")
    return bridge


async def test_diagnostics_tell_what_helps_and_nothing_private(
    telling: Bridge, home: Home, hass: HomeAssistant
) -> None:
    await home.call("type_text", text="hunter2")
    told = await async_get_config_entry_diagnostics(hass, home.entry)
    text = json.dumps(told)
    for secret in (*PRIVATE.values(), "10.0.0.9", "4915112345678", "hunter2", "door", "fe80"):
        assert secret not in text, secret
    (device,) = told["devices"]
    assert (told["connected"], told["online"], told["version"]) == (True, True, "0.1.0")
    assert (device["chip"], device["available"]) == ("ch9329", True)
    assert device["rows"]["armed"]["state"] == "ON"
    assert device["rows"]["layout"]["state"] == "de"
    assert device["rows"]["firmware"]["state"] == "V1.3"
    assert device["rows"]["last_error"]["state"].startswith("link plc: **REDACTED**")
    assert "state" not in device["rows"]["type"]
    assert device["links"] == [
        {"kind": "udp", "state": "open", "info": {"reconnects": 3}},
        {"kind": "udp", "state": None, "info": {}},
    ]


async def test_diagnostics_of_a_refused_descriptor(home: Home, hass: HomeAssistant) -> None:
    home.broker.say("chiplink/cellar/descriptor", "nonsense")
    await home.settle()
    told = await async_get_config_entry_diagnostics(hass, home.entry)
    assert told["refused"] == "it is not JSON"


async def test_system_health_counts(home: Home, hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "system_health", {})
    registration = SystemHealthRegistration(hass, "chiplink")
    system_health.async_register(hass, registration)
    assert registration.info_callback is not None
    assert await registration.info_callback(hass) == {
        "broker": True,
        "bridges": 1,
        "bridges_online": 1,
        "devices": 1,
    }
    home.broker.say("chiplink/cellar/status", "offline")
    await home.settle()
    told = await registration.info_callback(hass)
    assert (told["bridges"], told["bridges_online"]) == (1, 0)
