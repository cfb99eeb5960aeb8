"""The bridge's own discovery messages, and a Home Assistant that must take them without a word."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import PropertyMock, patch

import pytest
from fake_broker import Bridge, Broker
from fake_home import Home
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message
from said import SAID

sys.path.insert(0, str(Path(__file__).parents[3]))
import custom_components  # noqa: F401 - before Home Assistant's tests bring their own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant, State


class House:
    """Home Assistant with MQTT, and the bridge's messages to it."""

    def __init__(self, hass: HomeAssistant, client: Any) -> None:
        self.hass = hass
        self.client = client
        (self.entry,) = hass.config_entries.async_entries("mqtt")

    async def says(self, topic: str, payload: str) -> None:
        """Let the bridge publish, and Home Assistant take it."""
        async_fire_mqtt_message(self.hass, topic, payload, 1, False)
        await self.hass.async_block_till_done()

    async def scene(self, name: str) -> None:
        """Play the discovery messages of a scene, in order."""
        for topic, payload in SAID["scenes"][name]:
            await self.says(topic, payload)

    async def online(self, device: str = "kvm") -> None:
        """Let bridge and chip be there."""
        await self.says("chiplink/cellar/status", "online")
        await self.says(f"chiplink/cellar/{device}/availability", "online")

    def devices(self) -> dict[str, dr.DeviceEntry]:
        """Return every device of ours by identifier."""
        found = dr.async_entries_for_config_entry(dr.async_get(self.hass), self.entry.entry_id)
        return {
            identifier[1]: device
            for device in found
            for identifier in device.identifiers
            if identifier[0] == "mqtt"
        }

    def entities(self) -> dict[str, er.RegistryEntry]:
        """Return every entity of ours by unique id."""
        found = er.async_entries_for_config_entry(er.async_get(self.hass), self.entry.entry_id)
        return {entity.unique_id: entity for entity in found}

    def entity(self, key: str, device: str = "kvm") -> er.RegistryEntry:
        return self.entities()[f"chiplink-cellar-{device}-{key}"]

    def state(self, key: str, device: str = "kvm") -> State:
        state = self.hass.states.get(self.entity(key, device).entity_id)
        assert state is not None
        return state

    async def acts(self, key: str, action: str, **data: Any) -> list[tuple[Any, ...]]:
        """Call an action of an entity; return what was published: topic, payload, qos, retain."""
        entity = self.entity(key)
        self.client.async_publish.reset_mock()
        await self.hass.services.async_call(
            entity.domain, action, {"entity_id": entity.entity_id, **data}, blocking=True
        )
        return [call.args[:4] for call in self.client.async_publish.call_args_list]

    def expiry(self) -> Any:
        """Return the expiry of the last message, where this release knows one."""
        return self.client.async_publish.call_args.kwargs.get("message_expiry_interval")


@pytest.fixture
async def house(hass: HomeAssistant, mqtt_mock: Any) -> House:
    return House(hass, mqtt_mock)


@pytest.fixture
def quick() -> Iterator[None]:
    """Let Home Assistant's MQTT not gather subscriptions for a while."""
    client = "homeassistant.components.mqtt.client"
    names = ("INITIAL_SUBSCRIBE_COOLDOWN", "SUBSCRIBE_COOLDOWN", "UNSUBSCRIBE_COOLDOWN")
    with ExitStack() as stack:
        for name in (*names, "DISCOVERY_COOLDOWN"):
            stack.enter_context(patch(f"{client}.{name}", 0.0))
        yield


@pytest.fixture
async def broker(
    hass: HomeAssistant,
    mqtt_client_mock: Any,
    mock_hass_config: None,
    quick: None,
    enable_custom_integrations: None,
) -> Broker:
    """A broker that Home Assistant is connected to."""
    broker = Broker(hass, mqtt_client_mock)
    await broker.connect()
    return broker


@pytest.fixture
def bridge(broker: Broker) -> Bridge:
    """A bridge that has told the broker what it has."""
    bridge = Bridge(broker)
    bridge.start()
    return bridge


@pytest.fixture
async def home(hass: HomeAssistant, broker: Broker, bridge: Bridge) -> Home:
    """Home Assistant with the bridge set up."""
    home = Home(hass, broker, bridge)
    await home.set_up()
    return home


@pytest.fixture
def all_enabled() -> Iterator[None]:
    """Let Home Assistant enable every entity, whatever discovery says."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
def expected_lingering_timers() -> bool:
    """MQTT's own keepalive timer runs on after a test."""
    return True


ECHO = "homeassistant.components.mqtt.discovery: No device components to cleanup"
"""Home Assistant clears the topic of a disabled entity too, and hears itself do so."""


@pytest.fixture(autouse=True)
def _nothing_to_complain_about(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail on any warning of Home Assistant's components."""
    yield
    said = [
        f"{record.name}: {record.getMessage()}"
        for record in caplog.get_records("call")
        if record.levelno >= logging.WARNING and record.name.startswith("homeassistant.components")
    ]
    assert [line for line in said if not line.startswith(ECHO)] == []
