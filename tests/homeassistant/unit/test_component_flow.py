"""How a bridge comes in, and what can be changed later."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from custom_components.chiplink import config_flow
from fake_home import DOMAIN, Home
from homeassistant.config_entries import SOURCE_MQTT, SOURCE_USER, ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_flow, "DEADLINE", 0.05)
    monkeypatch.setattr("custom_components.chiplink.claim.LOOK", 0.05)


async def discover(
    hass: HomeAssistant, payload: str, topic: str = "chiplink/cellar/descriptor"
) -> Any:
    info = MqttServiceInfo(
        topic=topic,
        payload=payload,
        qos=1,
        retain=True,
        subscribed_topic="chiplink/+/descriptor",
        timestamp=0.0,
    )
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_MQTT}, data=info
    )


def said(node: str = "cellar", **changes: Any) -> str:
    return json.dumps(deepcopy(SAID["descriptor"]) | {"node": node} | changes)


# Found


async def test_a_retained_descriptor_is_offered(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    """The manifest's topic, through Home Assistant's own MQTT."""
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["title_placeholders"] == {"name": "cellar"}
    shown = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert shown["step_id"] == "confirm"
    assert shown["description_placeholders"] == {
        "node": "cellar",
        "version": SAID["version"],
        "chips": "CH9329",
    }
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert (done["type"], done["title"], done["data"]) == (
        FlowResultType.CREATE_ENTRY,
        "cellar",
        {"node": "cellar"},
    )
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert (entry.unique_id, entry.state) == ("cellar", ConfigEntryState.LOADED)


async def test_a_node_is_offered_once(hass: HomeAssistant, broker: Broker) -> None:
    first = await discover(hass, said())
    again = await discover(hass, said(version="0.2.0"))
    assert (first["type"], again["reason"]) == (FlowResultType.FORM, "already_in_progress")


async def test_a_configured_node_is_not_offered(home: Home, hass: HomeAssistant) -> None:
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        hass.config_entries.flow.async_abort(flow["flow_id"])
    result = await discover(hass, said(version="0.2.0"))
    assert result["reason"] == "already_configured"


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("chiplink/cellar/descriptor", "", "no_descriptor"),
        ("chiplink/Cellar!/descriptor", "{}", "no_descriptor"),
        ("chiplink/status/descriptor", "{}", "no_descriptor"),
        ("chiplink/cellar/descriptor", "nonsense", "bad_descriptor"),
        ("chiplink/attic/descriptor", None, "bad_descriptor"),
        ("chiplink/cellar/descriptor", '{"schema": 2}', "newer_schema"),
    ],
)
async def test_what_is_not_offered(
    hass: HomeAssistant, broker: Broker, topic: str, payload: str | None, reason: str
) -> None:
    result = await discover(hass, said() if payload is None else payload, topic)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, reason)


async def test_a_flood_of_nodes_is_no_flood_of_flows(
    hass: HomeAssistant, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(200):
        await discover(hass, said(f"n{number}"), f"chiplink/n{number}/descriptor")
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert len(flows) == config_flow.MAX_FLOWS
    assert caplog.text.count("no more are offered") == 1


async def test_a_flood_of_lies_is_no_flood_of_lines(
    hass: HomeAssistant, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(200):
        for _again in range(2):
            await discover(hass, "lies", f"chiplink/n{number}/descriptor")
    assert caplog.text.count("is refused: it is not JSON") == config_flow.MAX_REFUSALS
    assert caplog.text.count("no more lines about them") == 1
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


async def test_what_a_bridge_calls_itself_is_shown_as_it_is(
    hass: HomeAssistant, broker: Broker
) -> None:
    shown = await discover(hass, said(version="[x](http://y)<b>"))
    assert shown["description_placeholders"]["version"] == ("\\[x\\]\\(http://y\\)&lt;b\\>")


async def test_a_node_without_chips_is_offered(hass: HomeAssistant, broker: Broker) -> None:
    shown = await discover(hass, said(devices=[]))
    assert shown["description_placeholders"]["chips"] == "-"


async def test_a_confirmation_of_nothing_ends(hass: HomeAssistant, broker: Broker) -> None:
    flow = config_flow.ChiplinkConfigFlow()
    flow.hass = hass
    flow.context = {}
    assert (await flow.async_step_confirm({}))["reason"] == "no_descriptor"


# By hand


async def by_hand(hass: HomeAssistant, node: str) -> Any:
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert flow["step_id"] == "user"
    return await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": node})


async def test_a_node_can_be_named(hass: HomeAssistant, broker: Broker, bridge: Bridge) -> None:
    """Also while it is offered, and however it is spelled."""
    await hass.async_block_till_done()
    result = await by_hand(hass, " Cellar ")
    assert (result["type"], result["data"]) == (FlowResultType.CREATE_ENTRY, {"node": "cellar"})
    await hass.async_block_till_done()
    assert hass.config_entries.async_entries(DOMAIN)[0].unique_id == "cellar"
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


@pytest.mark.parametrize(
    ("node", "payload", "errors"),
    [
        ("a b", "", {"node": "invalid_name"}),
        ("result", "", {"node": "invalid_name"}),
        ("attic", "", {"node": "no_descriptor"}),
        ("attic", "nonsense", {"base": "bad_descriptor"}),
        ("attic", '{"schema": 7}', {"base": "newer_schema"}),
    ],
)
async def test_a_node_is_tried_before_it_is_taken(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    node: str,
    payload: str,
    errors: dict[str, str],
) -> None:
    broker.say(f"chiplink/{node}/descriptor", payload)
    result = await by_hand(hass, node)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    good = await hass.config_entries.flow.async_configure(result["flow_id"], {"node": "cellar"})
    assert good["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


async def test_without_a_broker_a_node_cannot_be_tried(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    broker.lose()
    assert (await by_hand(hass, "cellar"))["errors"] == {"base": "broker_offline"}


async def test_a_broker_that_fails_meanwhile(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any) -> None:
        raise HomeAssistantError("gone")

    monkeypatch.setattr(config_flow, "async_read_retained", fail)
    assert (await by_hand(hass, "cellar"))["errors"] == {"base": "broker_offline"}


async def test_a_node_cannot_be_named_twice(home: Home, hass: HomeAssistant) -> None:
    assert (await by_hand(hass, "cellar"))["reason"] == "already_configured"


async def test_without_mqtt_there_is_nothing_to_do(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    home = Home(hass, broker, bridge)
    await home.set_up()
    (mqtt_entry,) = hass.config_entries.async_entries("mqtt")
    await hass.config_entries.async_remove(mqtt_entry.entry_id)
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert flow["reason"] == "mqtt_missing"
    assert (await home.entry.start_reconfigure_flow(hass))["reason"] == "mqtt_missing"


# Later


async def test_a_renamed_bridge_keeps_its_entities(home: Home, hass: HomeAssistant) -> None:
    home.bridge.states(usb="ON")
    before = {key: entity.entity_id for key, entity in home.entities().items()}
    devices = {device.id for device in home.devices().values()}
    home.broker.say("chiplink/attic/descriptor", said("attic"))
    home.broker.say("chiplink/attic/status", "online")

    flow = await home.entry.start_reconfigure_flow(hass)
    assert flow["step_id"] == "reconfigure"
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": "attic"})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert (home.entry.unique_id, home.entry.title, home.entry.data) == (
        "attic",
        "attic",
        {"node": "attic"},
    )
    after = {key: entity.entity_id for key, entity in home.entities().items()}
    assert after == {key.replace("-cellar-", "-attic-"): name for key, name in before.items()}
    assert {device.id for device in home.devices().values()} == devices
    assert "chiplink/cellar/homeassistant" not in home.broker.retained
    assert "chiplink/attic/homeassistant" in home.broker.retained


async def test_the_same_name_again_changes_nothing(home: Home, hass: HomeAssistant) -> None:
    before = {key: entity.entity_id for key, entity in home.entities().items()}
    hass.config_entries.async_update_entry(home.entry, title="Mine")
    flow = await home.entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": "cellar"})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert {key: entity.entity_id for key, entity in home.entities().items()} == before
    assert home.entry.title == "Mine"


async def test_a_name_that_is_another_entrys(home: Home, hass: HomeAssistant) -> None:
    home.broker.say("chiplink/attic/descriptor", said("attic"))
    await by_hand(hass, "attic")
    await hass.async_block_till_done()
    flow = await home.entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": "attic"})
    assert result["reason"] == "already_configured"


async def test_a_name_that_is_nobodys(home: Home, hass: HomeAssistant) -> None:
    flow = await home.entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": "roof"})
    assert result["errors"] == {"node": "no_descriptor"}


async def test_an_entry_that_is_not_loaded_can_follow_too(home: Home, hass: HomeAssistant) -> None:
    await hass.config_entries.async_unload(home.entry.entry_id)
    home.broker.say("chiplink/attic/descriptor", said("attic"))
    flow = await home.entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {"node": "attic"})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert "chiplink-attic-kvm-armed" in home.entities()


async def test_options_say_who_may(home: Home, hass: HomeAssistant) -> None:
    flow = await hass.config_entries.options.async_init(home.entry.entry_id)
    assert flow["step_id"] == "init"
    result = await hass.config_entries.options.async_configure(
        flow["flow_id"], {"allow_users": True}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert home.entry.options == {"allow_users": True}
