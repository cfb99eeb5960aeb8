"""The actions: whom they are for, what they send, and what they say came of it."""

from __future__ import annotations

import asyncio
import inspect
import json
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import voluptuous as vol
from custom_components.chiplink.actions import ACTIONS
from custom_components.chiplink.errors import CODES
from custom_components.chiplink.results import parse_result
from fake_home import DOMAIN, Home
from homeassistant.components import mqtt
from homeassistant.core import Context, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockUser, async_fire_time_changed
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge
    from homeassistant.core import HomeAssistant

SECRET = "hunter2-Grüße"

OTHER_ROWS = (
    {
        "key": "at",
        "kind": "command",
        "platform": "notify",
        "type": "text",
        "name": "AT command",
        "enabled": False,
        "expiry": 10,
    },
)


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """A keyboard with everything that any chip has."""
    bridge.kvm["rows"] += deepcopy(OTHER_ROWS)
    bridge.kvm["links"] = [
        {"id": "plc", "kind": "tcp-client"},
        {"id": "door", "kind": "udp-server", "several": True},
    ]
    bridge.describe()
    return bridge


CALLS: list[tuple[str, dict[str, Any], str, str]] = [
    ("type_text", {"text": 'Hi "{{ 1 }}"\n日本'}, "type/set", 'Hi "{{ 1 }}"\n日本'),
    ("type_secret", {"secret": "door"}, "type_secret/set", "door"),
    ("press_keys", {"keys": "ctrl+alt+delete"}, "keys/set", "ctrl+alt+delete"),
    ("press_keys", {"keys": ["gui+r", "enter"]}, "keys/set", "gui+r enter"),
    ("mouse", {"actions": {"click": "left"}}, "mouse/set", '[{"click":"left"}]'),
    (
        "mouse",
        {"actions": [{"to": [1, 2], "screen": [800, 600]}, {"move": [-5, 5]}, {"scroll": -3}]},
        "mouse/set",
        '[{"to":[1,2],"screen":[800,600]},{"move":[-5,5]},{"scroll":-3}]',
    ),
    ("media_key", {"key": "mute"}, "media/set", "mute"),
    ("power_key", {"key": "wake"}, "power/set", "wake"),
    ("release_all", {}, "release_all/set", "PRESS"),
    ("cancel", {}, "cancel/set", "PRESS"),
    ("send_hid", {"data": "01 FF 2a"}, "hid_out/set", "01ff2a"),
    ("link_send", {"link": "plc", "text": "Hallo"}, "link/plc/tx", "Hallo"),
    ("link_send", {"link": "plc", "hex": "4142"}, "link/plc/tx", "AB"),
    (
        "link_send",
        {"link": "door", "text": "x", "peer": "192.168.1.5:502"},
        "link/door/tx/192.168.1.5:502",
        "x",
    ),
    (
        "link_send",
        {"link": "door", "text": "x", "peer": "[fe80::1]:502"},
        "link/door/tx/[fe80::1]:502",
        "x",
    ),
    ("link_open", {"link": "plc"}, "link/plc/set", "OPEN"),
    ("link_close", {"link": "plc"}, "link/plc/set", "CLOSE"),
    ("at_command", {"command": "AT+CSQ"}, "at/set", "AT+CSQ"),
]


@pytest.mark.parametrize(("action", "data", "path", "payload"), CALLS)
async def test_an_action_sends_and_returns(
    home: Home, bridge: Bridge, action: str, data: dict[str, Any], path: str, payload: str
) -> None:
    bridge.answer(f"kvm/{path}", {"phase": "done", "value": {"characters": 2}, "ms": 40})
    answer = await home.call(action, **data)
    assert bridge.commands == [(f"kvm/{path}", payload.encode())]
    assert answer == {
        "results": [{"device_id": home.device_id(), "value": {"characters": 2}, "ms": 40}]
    }


def test_every_action_was_called() -> None:
    assert {call[0] for call in CALLS} == {action.name for action in ACTIONS}


async def test_an_answer_is_optional(home: Home, hass: HomeAssistant, bridge: Bridge) -> None:
    for action in ACTIONS:
        assert hass.services.supports_response(DOMAIN, action.name) is SupportsResponse.OPTIONAL
    data = {"device_id": home.device_id()}
    assert await hass.services.async_call(DOMAIN, "cancel", data, blocking=True) is None
    assert len(bridge.commands) == 1


async def test_a_command_has_an_id_and_expires(home: Home) -> None:
    await home.call("type_text", text="a")
    ((topic, _payload),) = home.broker.sent("/type/set/")
    name = topic.rpartition("/")[2]
    assert 1 <= len(name) <= 36
    assert name.isalnum()
    if "message_expiry_interval" in _publish_parameters():
        assert home.broker.expiries[topic] == 30


def _publish_parameters() -> set[str]:
    return set(inspect.signature(mqtt.async_publish).parameters)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("type_text", {}),
        ("type_text", {"text": ""}),
        ("type_text", {"text": "x" * 10_001}),
        ("press_keys", {"keys": " "}),
        ("press_keys", {"keys": ["a" * 2001]}),
        ("mouse", {"actions": []}),
        ("mouse", {"actions": "left"}),
        ("mouse", {"actions": [{}] * 257}),
        ("mouse", {"actions": {"click": "left", "scroll": 1}}),
        ("mouse", {"actions": {"jump": 1}}),
        ("mouse", {"actions": {1: 1}}),
        ("mouse", {"actions": {"click": "nose"}}),
        ("mouse", {"actions": {"click": ["left"]}}),
        ("mouse", {"actions": {"move": [1]}}),
        ("mouse", {"actions": {"move": [1, 40_000]}}),
        ("mouse", {"actions": {"move": [1, True]}}),
        ("mouse", {"actions": {"to": [-1, 1]}}),
        ("mouse", {"actions": {"to": [1, 1], "screen": [0, 0]}}),
        ("mouse", {"actions": {"move": [1, 1], "screen": [9, 9]}}),
        ("mouse", {"actions": {"scroll": 1001}}),
        ("media_key", {}),
        ("send_hid", {"data": "xyz"}),
        ("send_hid", {"data": ""}),
        ("send_hid", {"data": "00" * 65}),
        ("link_send", {"link": "plc"}),
        ("link_send", {"link": "plc", "text": "a", "hex": "00"}),
        ("link_send", {"link": "plc", "text": "é" * 40_000}),
        ("link_send", {"link": "../x", "text": "a"}),
        ("link_send", {"link": "plc", "text": "a", "peer": "+/#:1"}),
        ("at_command", {"command": "AT+CSQ\rAT+CPOF"}),
        ("at_command", {"command": "AT+CSQ;+CPOF"}),
        ("at_command", {"command": "AT\x1a"}),
        ("at_command", {"command": "ÄT"}),
        ("cancel", {"device_id": []}),
        ("cancel", {"device_id": [str(number) for number in range(65)]}),
    ],
)
async def test_what_cannot_be_right_is_not_sent(
    home: Home, bridge: Bridge, action: str, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await home.call(action, **data)
    assert bridge.commands == []


async def test_what_the_device_cannot_do_is_not_sent(home: Home, bridge: Bridge) -> None:
    bridge.row("type")["max"] = 5
    bridge.kvm["rows"] = [row for row in bridge.kvm["rows"] if row["key"] != "keys"]
    bridge.describe()
    await home.settle()
    for action, data, words in (
        ("press_keys", {"keys": "a"}, "cannot do press_keys"),
        ("media_key", {"key": "nonsense"}, "takes one of: volume_up"),
        ("type_secret", {"secret": "window"}, "takes one of: door"),
        ("type_text", {"text": "123456"}, "at most 5 characters"),
        ("link_open", {"link": "other"}, "no link other"),
        ("link_send", {"link": "door", "text": "a"}, "several peers; name one"),
        ("link_send", {"link": "plc", "text": "a", "peer": "10.0.0.1:2"}, "one peer; name none"),
        ("cancel", {"device_id": "no-such-device"}, "no device of chiplink"),
        ("cancel", {"device_id": home.devices()["chiplink-cellar"].id}, "not set up"),
    ):
        with pytest.raises(ServiceValidationError, match=words):
            await home.call(action, **data)
    assert bridge.commands == []


async def test_a_device_whose_entry_is_not_loaded(home: Home, hass: HomeAssistant) -> None:
    device = home.device_id()
    await hass.config_entries.async_unload(home.entry.entry_id)
    with pytest.raises(ServiceValidationError, match="not set up at the moment"):
        await home.call("cancel", device_id=device)


# What became of it


def test_codes_are_the_bridges() -> None:
    assert list(CODES) == SAID["codes"]


@pytest.mark.parametrize("code", [*CODES, "of-the-future", None])
async def test_every_failure_has_words_and_keeps_secrets(
    home: Home, bridge: Bridge, code: str | None
) -> None:
    failed = {"phase": "failed", "error": code, "detail": f"because of {SECRET}"}
    bridge.answer("kvm/type/set", failed)
    with pytest.raises(HomeAssistantError) as caught:
        await home.call("type_text", text=SECRET)
    known = code if code in CODES else "internal"
    assert caught.value.translation_key == f"result_{known}"
    assert str(caught.value).startswith("Desk")
    assert SECRET not in str(caught.value)
    bridge.answer("kvm/media/set", failed)
    with pytest.raises(HomeAssistantError, match=SECRET):
        await home.call("media_key", key="mute")


async def test_what_is_typed_is_in_no_log_and_no_state(
    home: Home, hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "custom_components")
    home.bridge.answer("kvm/type/set", {"phase": "failed", "error": "busy", "detail": SECRET})
    with pytest.raises(HomeAssistantError):
        await home.call("type_text", text=SECRET)
    ours = [record.getMessage() for record in caplog.records if "chiplink" in record.name]
    assert not any(SECRET in line for line in ours)
    assert not any(SECRET in str(state.as_dict()) for state in hass.states.async_all())
    assert not any(SECRET in str(issue) for issue in home.issues().values())


async def test_several_devices_at_once(home: Home, bridge: Bridge) -> None:
    attic = {**deepcopy(bridge.kvm), "id": "attic", "name": "Attic"}
    bridge.said["devices"].append(attic)
    bridge.start()
    await home.settle()
    both = [home.device_id(), home.device_id("attic"), home.device_id()]
    answer = await home.call("press_keys", device_id=both, keys="a")
    assert [result["device_id"] for result in answer["results"]] == both[:2]
    assert sorted(bridge.commands) == [("attic/keys/set", b"a"), ("kvm/keys/set", b"a")]
    bridge.answer("attic/keys/set", {"phase": "failed", "error": "disarmed"})
    with pytest.raises(HomeAssistantError, match="Attic is not armed"):
        await home.call("press_keys", device_id=both, keys="b")
    assert len(bridge.commands) == 4


async def test_without_bridge_or_broker_nothing_is_sent(home: Home, bridge: Bridge) -> None:
    home.broker.say("chiplink/cellar/status", "offline")
    await home.settle()
    with pytest.raises(HomeAssistantError, match="bridge cellar is not there"):
        await home.call("cancel")
    home.broker.say("chiplink/cellar/status", "online")
    home.broker.lose()
    with pytest.raises(HomeAssistantError, match="nothing was sent"):
        await home.call("cancel")
    assert bridge.commands == []


async def sent(home: Home, action: str, **data: Any) -> Any:
    """Begin an action, and return its task once the bridge has the command."""
    home.bridge.came.clear()
    task = home.hass.async_create_task(home.call(action, **data))
    async with asyncio.timeout(10):
        await home.bridge.came.wait()
    return task


def later(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))


async def test_silence_ends_after_the_time_that_is_said(home: Home, hass: HomeAssistant) -> None:
    home.bridge.answer("kvm/type/set")
    task = await sent(home, "type_text", text="a")
    later(hass, 30)
    assert not task.done()
    assert len(home.node.commands.results) == 1
    later(hass, 36)
    with pytest.raises(HomeAssistantError, match="within 35 seconds; it may have"):
        await task
    assert len(home.node.commands.results) == 0


async def test_an_announcement_puts_the_end_off(home: Home, hass: HomeAssistant) -> None:
    home.bridge.answer("kvm/type/set", {"phase": "accepted", "expect_ms": 120_000})
    task = await sent(home, "type_text", text="a")
    later(hass, 100)
    assert not task.done()
    topic, _payload = home.broker.sent("/type/set/")[-1]
    done = {"id": topic.rpartition("/")[2], "key": "type", "phase": "done", "ms": 119_000}
    home.broker.say("chiplink/cellar/kvm/result", json.dumps(done), retain=False)
    assert (await task)["results"][0]["ms"] == 119_000
    home.broker.say("chiplink/cellar/kvm/result", json.dumps(done), retain=False)


async def test_unloading_ends_what_waits(home: Home, hass: HomeAssistant) -> None:
    home.bridge.answer("kvm/type/set")
    task = await sent(home, "type_text", text="a")
    await hass.config_entries.async_unload(home.entry.entry_id)
    with pytest.raises(HomeAssistantError, match="it may have been carried out"):
        await task


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"phase":"done"}',
        b'{"id":1,"phase":"done"}',
        b'{"id":"a","phase":"maybe"}',
        b" " * (256 * 1024 + 1),
    ],
)
def test_what_is_no_result(payload: bytes) -> None:
    assert parse_result(payload) is None


def test_odd_fields_of_a_result_say_nothing() -> None:
    odd = {"id": "a", "phase": "done", "error": 1, "detail": [], "ms": -1, "expect_ms": True}
    result = parse_result(json.dumps(odd).encode())
    assert result is not None
    assert (result.error, result.detail, result.ms, result.expect_ms) == (None, "", None, None)


# Who may


@pytest.fixture
def user(hass: HomeAssistant) -> Context:
    """Somebody who is no administrator."""
    return Context(user_id=MockUser(is_owner=False, groups=[]).add_to_hass(hass).id)


@pytest.mark.parametrize(("action", "data"), [call[:2] for call in CALLS])
async def test_actions_are_for_administrators(
    home: Home,
    hass: HomeAssistant,
    bridge: Bridge,
    user: Context,
    action: str,
    data: dict[str, Any],
) -> None:
    if action in ("release_all", "cancel"):
        await home.call(action, context=user, **data)
    else:
        with pytest.raises(Unauthorized):
            await home.call(action, context=user, **data)
        with pytest.raises(Unauthorized):
            await home.call(action, context=Context(user_id="nobody"), **data)
        assert bridge.commands == []
    hass.config_entries.async_update_entry(home.entry, options={"allow_users": True})
    await home.call(action, context=user, **data)
    assert bridge.commands


async def test_administrators_may(home: Home, hass: HomeAssistant, bridge: Bridge) -> None:
    admin = MockUser(is_owner=True).add_to_hass(hass)
    await home.call("type_text", text="a", context=Context(user_id=admin.id))
    assert len(bridge.commands) == 1
