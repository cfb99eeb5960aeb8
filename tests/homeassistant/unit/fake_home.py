"""Home Assistant with the integration, and short ways to what tests look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

if TYPE_CHECKING:
    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant, State

DOMAIN = "chiplink"


class Home:
    """One entry of the node `cellar`."""

    def __init__(self, hass: HomeAssistant, broker: Broker, bridge: Bridge) -> None:
        self.hass = hass
        self.broker = broker
        self.bridge = bridge
        self.entry = MockConfigEntry(
            domain=DOMAIN, title="cellar", data={"node": "cellar"}, unique_id="cellar"
        )
        self.entry.add_to_hass(hass)

    async def set_up(self, state: ConfigEntryState = ConfigEntryState.LOADED) -> None:
        """Set the entry up, or try to."""
        await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()
        assert self.entry.state is state, self.entry.reason

    async def settle(self) -> None:
        """Let everything come to rest."""
        await self.hass.async_block_till_done()

    @property
    def node(self) -> Any:
        return self.entry.runtime_data

    def entities(self, platform: str = DOMAIN) -> dict[str, er.RegistryEntry]:
        """Return the entities of our node that a way registered, by unique id."""
        return {
            entity.unique_id: entity
            for entry in self.hass.config_entries.async_entries(platform)
            for entity in er.async_entries_for_config_entry(er.async_get(self.hass), entry.entry_id)
        }

    def devices(self, domain: str = DOMAIN) -> dict[str, dr.DeviceEntry]:
        """Return the devices that a way registered, by identifier."""
        return {
            known[1]: device
            for entry in self.hass.config_entries.async_entries(domain)
            for device in dr.async_entries_for_config_entry(dr.async_get(self.hass), entry.entry_id)
            for known in device.identifiers
            if known[0] == domain
        }

    def device_id(self, device: str = "kvm") -> str:
        return self.devices()[f"chiplink-cellar-{device}"].id

    def entity_id(self, key: str, device: str = "kvm") -> str:
        return self.entities()[f"chiplink-cellar-{device}-{key}"].entity_id

    def state(self, key: str, device: str = "kvm") -> State:
        state = self.hass.states.get(self.entity_id(key, device))
        assert state is not None
        return state

    def issues(self) -> dict[str, ir.IssueEntry]:
        """Return our issues by their kind."""
        found = ir.async_get(self.hass).issues.items()
        return {
            issue.translation_key or name: issue
            for (domain, name), issue in found
            if domain == DOMAIN and issue.active
        }

    async def act(self, key: str, action: str, **data: Any) -> None:
        """Call an action of an entity."""
        entity_id = self.entity_id(key)
        await self.hass.services.async_call(
            entity_id.partition(".")[0], action, {"entity_id": entity_id, **data}, blocking=True
        )

    async def call(self, action: str, **data: Any) -> Any:
        """Call an action of the integration on the keyboard, and return its answer."""
        data.setdefault("device_id", self.device_id())
        context = data.pop("context", None)
        return await self.hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True, context=context
        )
