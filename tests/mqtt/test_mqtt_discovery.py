"""The discovery payloads of Home Assistant, made from rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from chiplink import __version__
from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.catalog.link import LINK_STATE
from chiplink.model import LinkPhase
from chiplink.mqtt.discovery import Discovery
from chiplink.mqtt.topics import Topics
from chiplink.mqtt.tree import MAX_PAYLOAD
from mqtt.mqtt_support import FakeLink

ORIGIN = {
    "name": "chiplink",
    "sw_version": __version__,
    "support_url": "https://github.com/chiplink/chiplink",
}

AVAILABILITY = [
    {"topic": "chiplink/cellar/status"},
    {"topic": "chiplink/cellar/kvm/availability"},
]

SIGNAL = Row(
    key="signal",
    kind=Kind.STATE,
    platform="sensor",
    type=ValueType.INT,
    name="Signal",
    category="diagnostic",
    device_class="signal_strength",
    state_class="measurement",
    unit="dBm",
)

REGISTRATION = Row(
    key="registration",
    kind=Kind.STATE,
    platform="sensor",
    type=ValueType.ENUM,
    name="Registration",
    device_class="enum",
    options=("home", "roaming"),
)

PACE = Row(
    key="pace",
    kind=Kind.BOTH,
    platform="number",
    type=ValueType.FLOAT,
    name="Pace",
    category="config",
    min=1,
    max=500,
    step=0.5,
    expiry=10,
)

TOP_KEYS = {"device", "origin", "components"}
"""Of a payload: Home Assistant drops a device with any key that it does not know."""

DEVICE_KEYS = {
    "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version",
    "serial_number", "sw_version", "via_device", "suggested_area", "configuration_url",
}  # fmt: skip

COMPONENT_KEYS = {
    "platform", "unique_id", "name", "qos", "enabled_by_default", "icon", "entity_category",
    "device_class", "state_class", "unit_of_measurement", "availability", "availability_mode",
    "state_topic", "command_topic", "message_expiry_interval", "payload_on", "payload_off",
    "payload_press", "options", "min", "max", "step", "mode", "event_types", "value_template",
}  # fmt: skip

PLATFORM_KEYS = {
    "binary_sensor": {"state_topic", "payload_on", "payload_off"},
    "sensor": {"state_topic", "options", "value_template"},
    "switch": {"state_topic", "command_topic", "payload_on", "payload_off", "value_template"},
    "button": {"command_topic", "payload_press"},
    "select": {"state_topic", "command_topic", "options"},
    "notify": {"command_topic"},
    "event": {"state_topic", "event_types"},
    "number": {"state_topic", "command_topic", "min", "max", "step", "mode"},
}
COMMON_KEYS = {
    "platform", "unique_id", "name", "qos", "enabled_by_default", "icon", "entity_category",
    "device_class", "state_class", "unit_of_measurement", "availability", "availability_mode",
    "message_expiry_interval",
}  # fmt: skip


@dataclass
class FakeDevice:
    id: str = "kvm"
    title: str = "Desk"
    chip: Chip = CHIPS["ch9329"]
    extra: tuple[Row, ...] = ()
    links: dict[str, FakeLink] = field(default_factory=dict)
    rows: dict[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {row.key: row for row in (*self.chip.rows, *self.extra)}

    def counters(self) -> dict[str, int]:
        return {}


def discovery(*, typing: bool = False, prefix: str = "homeassistant") -> Discovery:
    return Discovery("cellar", prefix, Topics("cellar"), typing=typing)


def payload(*extra: Row, typing: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(discovery(typing=typing).device(FakeDevice(extra=extra)))
    return made


def component(key: str, *extra: Row, typing: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = payload(*extra, typing=typing)["components"][key]
    return made


def common(platform: str, key: str, name: str, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "platform": platform,
        "unique_id": f"chiplink-cellar-kvm-{key}",
        "name": name,
        "qos": 1,
        "enabled_by_default": enabled,
        "availability": AVAILABILITY,
        "availability_mode": "all",
    }


# One row of each platform


def test_a_binary_sensor() -> None:
    assert component("usb") == common("binary_sensor", "usb", "Computer") | {
        "device_class": "connectivity",
        "state_topic": "chiplink/cellar/kvm/usb",
        "payload_on": "ON",
        "payload_off": "OFF",
    }


def test_a_sensor_of_text() -> None:
    assert component("firmware") == common("sensor", "firmware", "Firmware") | {
        "icon": "mdi:chip",
        "entity_category": "diagnostic",
        "state_topic": "chiplink/cellar/kvm/firmware",
        "value_template": "{{ value or 'none' }}",
    }


def test_a_sensor_of_a_measurement() -> None:
    assert component("signal", SIGNAL) == common("sensor", "signal", "Signal") | {
        "entity_category": "diagnostic",
        "device_class": "signal_strength",
        "state_class": "measurement",
        "unit_of_measurement": "dBm",
        "state_topic": "chiplink/cellar/kvm/signal",
    }


def test_a_sensor_of_few_words() -> None:
    expected = common("sensor", "registration", "Registration") | {
        "device_class": "enum",
        "state_topic": "chiplink/cellar/kvm/registration",
        "options": ["home", "roaming"],
    }
    assert component("registration", REGISTRATION) == expected


def test_a_notify() -> None:
    assert component("keys") == common("notify", "keys", "Press keys", enabled=False) | {
        "icon": "mdi:keyboard-settings",
        "command_topic": "chiplink/cellar/kvm/keys/set",
        "message_expiry_interval": 30,
    }


def test_a_button() -> None:
    assert component("release_all") == common("button", "release_all", "Release all keys") | {
        "icon": "mdi:keyboard-off",
        "command_topic": "chiplink/cellar/kvm/release_all/set",
        "message_expiry_interval": 30,
        "payload_press": "PRESS",
    }


def test_a_switch() -> None:
    assert component("armed") == common("switch", "armed", "Armed") | {
        "icon": "mdi:shield-key",
        "state_topic": "chiplink/cellar/kvm/armed",
        "command_topic": "chiplink/cellar/kvm/armed/set",
        "message_expiry_interval": 30,
        "payload_on": "ON",
        "payload_off": "OFF",
    }


def test_a_select_without_a_state() -> None:
    assert component("power") == common("select", "power", "Power key", enabled=False) | {
        "icon": "mdi:power",
        "command_topic": "chiplink/cellar/kvm/power/set",
        "message_expiry_interval": 30,
        "options": ["power", "sleep", "wake"],
    }


def test_a_select_with_a_state_and_no_hurry() -> None:
    assert component("layout") == common("select", "layout", "Keyboard layout") | {
        "icon": "mdi:keyboard-variant",
        "entity_category": "config",
        "state_topic": "chiplink/cellar/kvm/layout",
        "command_topic": "chiplink/cellar/kvm/layout/set",
        "options": ["us"],
    }


def test_a_state_with_a_button_beside_it() -> None:
    row = CHIPS["ch392"].row("dhcp")
    assert row is not None
    shown = {"icon": "mdi:ip-network-outline", "entity_category": "diagnostic"}
    assert component("dhcp", row) == common("sensor", "dhcp", "DHCP") | shown | {
        "device_class": "enum",
        "state_topic": "chiplink/cellar/kvm/dhcp",
        "options": ["off", "asking", "bound", "failed"],
    }
    assert component("dhcp_button", row) == common("button", "dhcp_button", "New lease") | shown | {
        "command_topic": "chiplink/cellar/kvm/dhcp/set",
        "message_expiry_interval": 30,
        "payload_press": "PRESS",
    }


def test_an_event() -> None:
    assert component("hid_in") == common(
        "event", "hid_in", "Custom HID received", enabled=False
    ) | {
        "icon": "mdi:usb",
        "state_topic": "chiplink/cellar/kvm/hid_in",
        "event_types": ["report"],
    }


def test_a_number() -> None:
    assert component("pace", PACE) == common("number", "pace", "Pace") | {
        "entity_category": "config",
        "state_topic": "chiplink/cellar/kvm/pace",
        "command_topic": "chiplink/cellar/kvm/pace/set",
        "message_expiry_interval": 10,
        "min": 1,
        "max": 500,
        "step": 0.5,
        "mode": "box",
    }


# Links


def with_links(*links: FakeLink) -> dict[str, Any]:
    device = FakeDevice(links={link.id: link for link in links})
    made: dict[str, Any] = json.loads(discovery().device(device))
    return made


def test_a_link_s_state() -> None:
    made = with_links(FakeLink("plc"))["components"]["link-plc-state"]
    assert made == common("sensor", "link-plc-state", "Link plc state") | {
        "icon": "mdi:lan",
        "entity_category": "diagnostic",
        "device_class": "enum",
        "state_topic": "chiplink/cellar/kvm/link/plc/state",
        "options": ["closed", "connecting", "open", "listening", "backoff"],
    }


def test_a_link_s_switch() -> None:
    made = with_links(FakeLink("plc"))["components"]["link-plc-set"]
    assert made == common("switch", "link-plc-set", "Link plc") | {
        "icon": "mdi:lan-connect",
        "entity_category": "config",
        "state_topic": "chiplink/cellar/kvm/link/plc/state",
        "value_template": "{{ 'CLOSE' if value == 'closed' else 'OPEN' }}",
        "command_topic": "chiplink/cellar/kvm/link/plc/set",
        "payload_on": "OPEN",
        "payload_off": "CLOSE",
    }


def test_the_phases_are_those_of_the_model() -> None:
    assert list(LINK_STATE.options or ()) == [str(phase) for phase in LinkPhase]


def test_links_come_after_the_rows_and_are_known_to_home_assistant() -> None:
    made = with_links(FakeLink("plc"), FakeLink("srv", "tcp-server", several=True))["components"]
    rows = [row.key for row in CHIPS["ch9329"].rows]
    assert list(made) == [
        *rows, "link-plc-state", "link-plc-set", "link-srv-state", "link-srv-set",
    ]  # fmt: skip
    for item in made.values():
        assert set(item) <= COMMON_KEYS | PLATFORM_KEYS[item["platform"]]


def test_twice_the_rows_of_today_and_all_links_can_be_read_back_whole() -> None:
    rows = tuple(
        Row(
            key=f"row_{number}".ljust(32, "x"),
            kind=Kind.BOTH,
            platform="number",
            type=ValueType.FLOAT,
            name="n" * 24,
            icon="mdi:alert-circle-outline",
            unit="dBm",
            category="config",
            min=0,
            max=100_000,
            step=0.5,
            expiry=30,
        )
        for number in range(max(len(chip.rows) for chip in CHIPS.values()))
    )
    links = {f"link_{number}".ljust(32, "x"): number for number in range(16)}
    device = FakeDevice(
        id="d" * 32, title="t" * 64, extra=rows, links={name: FakeLink(name) for name in links}
    )
    made = Discovery("n" * 32, "homeassistant", Topics("n" * 32), typing=True).device(device)
    assert len(made) <= MAX_PAYLOAD


# Whole payloads


def test_the_bridge() -> None:
    assert json.loads(discovery().bridge()) == {
        "device": {
            "identifiers": ["chiplink-cellar"],
            "name": "chiplink cellar",
            "manufacturer": "chiplink",
            "model": "Bridge",
            "sw_version": __version__,
        },
        "origin": ORIGIN,
        "components": {
            "status": {
                "platform": "binary_sensor",
                "unique_id": "chiplink-cellar-status-status",
                "name": "Connection",
                "qos": 1,
                "enabled_by_default": True,
                "entity_category": "diagnostic",
                "device_class": "connectivity",
                "state_topic": "chiplink/cellar/status",
                "payload_on": "online",
                "payload_off": "offline",
            },
            "started": {
                "platform": "sensor",
                "unique_id": "chiplink-cellar-status-started",
                "name": "Started",
                "qos": 1,
                "enabled_by_default": True,
                "entity_category": "diagnostic",
                "device_class": "timestamp",
                "state_topic": "chiplink/cellar/health",
                "value_template": "{{ value_json.started }}",
                "availability": [{"topic": "chiplink/cellar/status"}],
            },
        },
    }


def test_a_device() -> None:
    made = payload()
    assert made["device"] == {
        "identifiers": ["chiplink-cellar-kvm"],
        "name": "Desk",
        "manufacturer": "WCH",
        "model": "CH9329",
        "via_device": "chiplink-cellar",
    }
    assert made["origin"] == ORIGIN
    assert list(made["components"]) == [row.key for row in CHIPS["ch9329"].rows]


ROWS = [
    pytest.param(chip, row, id=f"{chip.id}-{row.key}")
    for chip in CHIPS.values()
    for row in (*(each for row in chip.rows for each in row.entities), SIGNAL, REGISTRATION, PACE)
]


@pytest.mark.parametrize(("chip", "row"), ROWS)
def test_every_row(chip: Chip, row: Row) -> None:
    device = FakeDevice(chip=chip, extra=(SIGNAL, REGISTRATION, PACE))
    made = json.loads(discovery().device(device))["components"][row.key]
    assert made["platform"] == row.platform
    assert made["unique_id"] == f"chiplink-cellar-kvm-{row.key}"
    assert made["qos"] == 1
    assert made["enabled_by_default"] is row.enabled
    assert made["availability"] == AVAILABILITY
    assert made["availability_mode"] == "all"
    assert set(made) <= COMMON_KEYS | PLATFORM_KEYS[row.platform]
    assert ("command_topic" in made) is row.takes_commands
    assert ("message_expiry_interval" in made) is (row.takes_commands and row.expiry is not None)
    assert ("state_topic" in made) is (row.has_state or row.kind is Kind.EVENT)
    if row.platform in ("sensor", "binary_sensor"):
        assert made.get("entity_category") in (None, "diagnostic")


@pytest.mark.parametrize("made", [payload(PACE, SIGNAL), json.loads(discovery().bridge())])
def test_nothing_that_home_assistant_does_not_know(made: dict[str, Any]) -> None:
    assert set(made) == TOP_KEYS
    assert set(made["device"]) <= DEVICE_KEYS
    assert set(made["origin"]) == {"name", "sw_version", "support_url"}
    for item in made["components"].values():
        assert set(item) <= COMPONENT_KEYS
        assert {"platform", "unique_id"} <= set(item)


def test_unique_ids_are_unique() -> None:
    ids = [item["unique_id"] for item in payload(PACE)["components"].values()]
    ids += [item["unique_id"] for item in json.loads(discovery().bridge())["components"].values()]
    assert len(ids) == len(set(ids))


def test_typing_shows_the_entity_to_type_with_and_no_other() -> None:
    before, after = payload()["components"], payload(typing=True)["components"]
    assert before["type"]["enabled_by_default"] is False
    assert after["type"]["enabled_by_default"] is True
    assert {key for key in after if after[key] != before[key]} == {"type"}


# Topics


def test_topics() -> None:
    assert discovery().topic("kvm") == "homeassistant/device/chiplink-cellar/kvm/config"
    assert discovery(prefix="ha/x").topic("kvm") == "ha/x/device/chiplink-cellar/kvm/config"
    assert discovery().filter == "homeassistant/device/chiplink-cellar/+/config"


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("homeassistant/device/chiplink-cellar/kvm/config", "kvm"),
        ("homeassistant/device/chiplink-cellar/status/config", "status"),
        ("homeassistant/device/chiplink-cellar2/kvm/config", None),
        ("homeassistant/device/chiplink-cellar/kvm/state", None),
        ("homeassistant/device/chiplink-cellar/config", None),
        ("other/device/chiplink-cellar/kvm/config", None),
        ("chiplink/cellar/kvm/config", None),
    ],
)
def test_whose_topic_it_is(topic: str, device: str | None) -> None:
    assert discovery().device_of(topic) == device
