"""Discovery or the integration, never both: what is published, and when."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.catalog import CHIPS, Chip, Row
from chiplink.mqtt import discovery as discovery_module
from chiplink.mqtt.discovery import Discovery
from chiplink.mqtt.homeassistant import HomeAssistant, Mode
from chiplink.mqtt.topics import Topics
from chiplink.state import StateFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chiplink.mqtt.message import Message
    from mqtt.mqtt_support import FakeLink

CLAIM = b'{"instance":"0123456789abcdef","version":"1.0.0"}'
OTHER_CLAIM = b'{"instance":"fedcba9876543210","version":"1.0.0"}'

STATUS = "homeassistant/device/chiplink-cellar/status/config"
KVM = "homeassistant/device/chiplink-cellar/kvm/config"
DESK = "homeassistant/device/chiplink-cellar/desk/config"


@dataclass
class FakeDevice:
    id: str = "kvm"
    title: str = "Desk"
    chip: Chip = CHIPS["ch9329"]
    rows: Mapping[str, Row] = field(
        default_factory=lambda: {row.key: row for row in CHIPS["ch9329"].rows}
    )
    links: Mapping[str, FakeLink] = field(default_factory=dict)

    def counters(self) -> Mapping[str, int]:
        return {}


@dataclass
class FakeNode:
    devices: dict[str, FakeDevice]
    states: dict[tuple[str, str], Any] = field(default_factory=dict)
    available: dict[str, bool] = field(default_factory=dict)
    link_states: dict[tuple[str, str], Any] = field(default_factory=dict)
    link_infos: dict[tuple[str, str], Any] = field(default_factory=dict)

    def submit(self, request: object) -> None: ...
    def unattended(self) -> None: ...
    def waiting(self) -> Mapping[str, int]:
        return {}


def node(*devices: FakeDevice) -> FakeNode:
    return FakeNode({device.id: device for device in devices or (FakeDevice(),)})


def home(
    mode: Mode = Mode.AUTO,
    *devices: FakeDevice,
    memory: Any = None,
    typing: bool = False,
) -> HomeAssistant:
    topics = Topics("cellar")
    made = Discovery("cellar", "homeassistant", topics, typing=typing)
    return HomeAssistant(mode, made, node(*devices), {} if memory is None else memory)


def told(messages: list[Message]) -> dict[str, str]:
    """What a reader ends up with: a name for each topic's last payload."""
    assert all(message.retain and message.qos == 1 for message in messages)
    return {message.topic: "shown" if message.payload else "cleared" for message in messages}


def broker(*messages: list[Message]) -> dict[str, bytes]:
    """What a broker holds after these messages."""
    held = {message.topic: message.payload for some in messages for message in some}
    return {topic: payload for topic, payload in held.items() if payload}


def components(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(message.payload)["components"]
    return made


SHOWN = {STATUS: "shown", KVM: "shown"}
CLEARED = {STATUS: "cleared", KVM: "cleared"}


# Beginning


def test_the_bridge_comes_before_its_devices() -> None:
    messages = home().surveyed(b"", {})
    assert [message.topic for message in messages] == [STATUS, KVM]


@pytest.mark.parametrize(
    ("mode", "claim", "outcome", "word"),
    [
        (Mode.AUTO, b"", SHOWN, "mqtt"),
        (Mode.AUTO, CLAIM, CLEARED, "component"),
        (Mode.MQTT, b"", SHOWN, "mqtt"),
        (Mode.MQTT, CLAIM, SHOWN, "mqtt"),
        (Mode.COMPONENT, b"", CLEARED, "component"),
        (Mode.COMPONENT, CLAIM, CLEARED, "component"),
        (Mode.OFF, b"", CLEARED, "off"),
        (Mode.OFF, CLAIM, CLEARED, "off"),
    ],
)
def test_modes(mode: Mode, claim: bytes, outcome: dict[str, str], word: str) -> None:
    there = home(mode)
    assert told(there.surveyed(claim, broker(home().surveyed(b"", {})))) == outcome
    assert there.shown == word


@pytest.mark.parametrize("mode", [Mode.COMPONENT, Mode.OFF])
def test_nothing_is_cleared_that_is_not_there(mode: Mode) -> None:
    assert home(mode).surveyed(b"", {}) == []


def test_a_device_that_is_gone_is_removed() -> None:
    old = broker(home().surveyed(b"", {}))
    messages = home(Mode.AUTO, FakeDevice("desk")).surveyed(b"", old)
    assert told(messages) == {KVM: "cleared", STATUS: "shown", DESK: "shown"}


def test_a_device_that_is_gone_is_removed_under_a_claim_too() -> None:
    old = broker(home().surveyed(b"", {}))
    messages = home(Mode.AUTO, FakeDevice("desk")).surveyed(CLAIM, old)
    assert told(messages) == CLEARED


def test_components_that_are_gone_are_named_once_with_their_platform_alone() -> None:
    old = broker(home().surveyed(b"", {}))
    rows = {row.key: row for row in CHIPS["ch9329"].rows if row.key not in ("media", "cancel")}
    messages = home(Mode.AUTO, FakeDevice(rows=rows)).surveyed(b"", old)
    assert [message.topic for message in messages] == [KVM, STATUS, KVM]
    stub, final = components(messages[0]), components(messages[2])
    assert stub["media"] == {"platform": "select"}
    assert stub["cancel"] == {"platform": "button"}
    assert {key: item for key, item in stub.items() if key in final} == final
    assert not {"media", "cancel"} & set(final)


def test_components_of_the_bridge_that_are_gone_are_named_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = broker(home().surveyed(b"", {}))
    rows = discovery_module.BRIDGE_ROWS[:1]
    monkeypatch.setattr(discovery_module, "BRIDGE_ROWS", rows)
    messages = home().surveyed(b"", old)
    assert [message.topic for message in messages] == [STATUS, STATUS, KVM]
    assert components(messages[0])["started"] == {"platform": "sensor"}
    assert set(components(messages[1])) == {"status"}


def test_a_component_of_another_platform_is_first_taken_away() -> None:
    old = broker(home().surveyed(b"", {}))
    rows = {row.key: row for row in CHIPS["ch9329"].rows}
    rows["usb"] = replace(rows["usb"], platform="sensor")
    messages = home(Mode.AUTO, FakeDevice(rows=rows)).surveyed(b"", old)
    assert [message.topic for message in messages] == [KVM, STATUS, KVM]
    assert components(messages[0])["usb"] == {"platform": "binary_sensor"}
    assert components(messages[2])["usb"]["platform"] == "sensor"


@pytest.mark.parametrize("claim", [CLAIM, b""])
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.OFF])
def test_nothing_shows_for_a_moment_where_nothing_shall_show(mode: Mode, claim: bytes) -> None:
    old = broker(home().surveyed(b"", {}))
    there = home(mode, FakeDevice(rows={}))
    messages = there.surveyed(claim, old)
    if there.shown != "mqtt":
        assert [message for message in messages if message.payload] == []


@pytest.mark.parametrize(
    "old",
    [
        b"\xff",
        b"[]",
        b"{",
        b'"x"',
        b"[" * 60_000,
        b"{}",
        b'{"components":[]}',
        b'{"components":{"a":1,"b":{},"c":{"platform":7}}}',
    ],
)
def test_what_others_left_on_our_topics_does_no_harm(old: bytes) -> None:
    messages = home().surveyed(b"", {KVM: old, STATUS: old})
    assert [message.topic for message in messages] == [STATUS, KVM]


# The claim


def test_a_claim_clears_discovery() -> None:
    there = home()
    there.surveyed(b"", {})
    assert told(there.claimed(CLAIM)) == CLEARED
    assert there.shown == "component"


def test_a_claim_again_changes_nothing() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    assert told(there.claimed(CLAIM)) == CLEARED
    assert there.shown == "component"


def test_the_end_of_a_claim_brings_discovery_back() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    assert told(there.claimed(b"")) == SHOWN
    assert there.shown == "mqtt"


@pytest.mark.parametrize(
    "payload",
    [
        b"x",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b'"claim"',
        b'{"instance":""}',
        b'{"instance":7}',
        b'{"instance":null,"version":"1"}',
        b"[" * 1024,
        b'{"instance":"' + b"a" * 1100 + b'"}',
    ],
)
def test_what_is_no_claim(payload: bytes) -> None:
    there = home()
    assert told(there.surveyed(payload, {})) == SHOWN
    there.claimed(CLAIM)
    assert told(there.claimed(payload)) == SHOWN


def test_a_claim_of_the_largest_size() -> None:
    payload = b'{"instance":"' + b"a" * (1024 - 15) + b'"}'
    assert len(payload) == 1024
    assert home().surveyed(payload, {}) == []


@pytest.mark.parametrize("mode", [Mode.MQTT, Mode.COMPONENT, Mode.OFF])
def test_a_claim_decides_only_in_auto(mode: Mode) -> None:
    there = home(mode)
    there.surveyed(b"", {})
    before = there.shown
    there.claimed(CLAIM)
    assert there.shown == before
    there.claimed(b"")
    assert there.shown == before


# Birth


def test_discovery_again() -> None:
    there = home()
    there.surveyed(b"", {})
    assert told(there.again()) == SHOWN


def test_nothing_again_under_a_claim() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(100.0)
    assert there.again() == []


def test_a_claim_not_repeated_within_ten_minutes_of_a_birth_is_stale() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(100.0)
    assert there.tick(699.9) == []
    assert there.shown == "component"
    assert told(there.tick(700.0)) == SHOWN
    assert there.shown == "mqtt, the integration's claim is stale"
    assert there.tick(1400.0) == []


def test_a_claim_repeated_in_time_is_not_stale() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(100.0)
    there.claimed(CLAIM)
    assert there.tick(10_000.0) == []
    assert there.shown == "component"


def test_births_do_not_put_the_end_off() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    for now in range(100, 700, 50):
        there.born(float(now))
    assert told(there.tick(700.0)) == SHOWN


def test_without_a_birth_no_claim_is_stale() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    assert there.tick(1e9) == []


def test_a_stale_claim_that_is_repeated_holds_again() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(0.0)
    there.tick(600.0)
    assert told(there.claimed(CLAIM)) == CLEARED
    assert there.shown == "component"


def test_a_stale_claim_stays_stale_over_a_lost_connection() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(0.0)
    there.tick(600.0)
    assert told(there.surveyed(CLAIM, {})) == SHOWN
    assert there.stale


def test_a_claim_withdrawn_while_we_were_away_is_not_stale() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(0.0)
    assert told(there.surveyed(b"", {})) == SHOWN
    assert there.tick(600.0) == []
    assert there.shown == "mqtt"


@pytest.mark.parametrize(("mode", "word"), [(Mode.OFF, "off"), (Mode.COMPONENT, "component")])
def test_a_stale_claim_shows_nothing_where_nothing_shall_show(mode: Mode, word: str) -> None:
    there = home(mode)
    there.surveyed(CLAIM, {})
    there.born(0.0)
    assert there.tick(600.0) == []
    assert there.shown == f"{word}, the integration's claim is stale"


# Two Home Assistants


def test_the_claim_of_either_is_enough() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    assert told(there.claimed(OTHER_CLAIM)) == CLEARED
    assert told(there.claimed(b"")) == SHOWN
    assert told(there.claimed(CLAIM)) == CLEARED


def test_the_birth_of_one_and_the_claim_of_the_other() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.born(0.0)
    there.claimed(OTHER_CLAIM)
    assert there.tick(600.0) == []


# Deleted in Home Assistant


def test_a_deleted_device_stays_away() -> None:
    there = home()
    there.surveyed(b"", {})
    there.emptied(KVM)
    assert told(there.again()) == {STATUS: "shown"}
    assert told(there.claimed(CLAIM)) == CLEARED
    assert told(there.claimed(b"")) == {STATUS: "shown"}


def test_a_deleted_device_stays_away_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cellar.json"
    there = home(memory=StateFile(path).section("homeassistant"))
    there.surveyed(b"", {})
    for _ in range(3):
        there.emptied(KVM)
    again = home(memory=StateFile(path).section("homeassistant"))
    assert told(again.surveyed(b"", {})) == {STATUS: "shown"}


@pytest.mark.parametrize("change", ["title", "typing", "rows"])
def test_a_deleted_device_returns_when_its_configuration_changes(change: str) -> None:
    memory: dict[str, Any] = {}
    there = home(memory=memory)
    there.surveyed(b"", {})
    there.emptied(KVM)
    device = FakeDevice()
    if change == "title":
        device.title = "Attic"
    elif change == "rows":
        device.rows = {key: row for key, row in device.rows.items() if key != "type_secret"}
    again = home(Mode.AUTO, device, memory=memory, typing=change == "typing")
    assert told(again.surveyed(b"", {})) == SHOWN
    assert memory == {}
    assert told(again.again()) == SHOWN


def test_a_deleted_device_does_not_return_with_another_version_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory: dict[str, Any] = {}
    there = home(memory=memory)
    there.surveyed(b"", {})
    there.emptied(STATUS)
    there.emptied(KVM)
    monkeypatch.setattr(discovery_module, "__version__", "99.0.0")
    assert home(memory=memory).surveyed(b"", {}) == []


def test_a_deleted_device_that_was_taken_out_and_put_in_again_returns() -> None:
    memory: dict[str, Any] = {}
    there = home(memory=memory)
    there.surveyed(b"", {})
    there.emptied(KVM)
    home(Mode.AUTO, FakeDevice("desk"), memory=memory).surveyed(b"", {})
    assert memory == {}
    assert told(home(memory=memory).surveyed(b"", {})) == SHOWN


def test_what_is_cleared_under_a_claim_is_not_deleted() -> None:
    there = home()
    there.surveyed(CLAIM, {})
    there.emptied(KVM)
    assert told(there.claimed(b"")) == SHOWN


def test_others_topics_are_not_ours() -> None:
    memory: dict[str, Any] = {}
    there = home(memory=memory)
    there.surveyed(b"", {})
    for topic in ("homeassistant/device/chiplink-attic/kvm/config", DESK, "x"):
        there.emptied(topic)
    assert memory == {}
    assert there.owns(KVM)
    assert there.owns(DESK)
    assert not there.owns("homeassistant/device/chiplink-attic/kvm/config")


def test_what_the_integration_clears_was_not_deleted_by_anybody() -> None:
    there = home(Mode.MQTT)
    there.surveyed(b"", {})
    there.claimed(CLAIM)
    there.emptied(KVM)
    assert told(there.claimed(b"")) == SHOWN
