"""chiplink: serial HID, Ethernet and modem chips behind a bridge on MQTT."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import instance_id
from homeassistant.loader import async_get_integration

from .broker import async_is_set_up, is_connected
from .claim import ClaimError, async_release
from .const import CONF_NODE, DOMAIN, PLATFORMS
from .descriptor import NewerSchemaError
from .issues import Issues
from .items import identifier
from .node import ChiplinkConfigEntry, Node
from .registry import async_clear, own_identifiers
from .services import async_setup_services
from .texts import async_load_texts

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.device_registry import DeviceEntry
    from homeassistant.helpers.typing import ConfigType

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ChiplinkConfigEntry) -> bool:
    """Claim the node, wait until MQTT discovery has left, then set up its entities."""
    if not await async_is_set_up(hass) or not is_connected(hass):
        _not_ready("broker_offline")
    integration = await async_get_integration(hass, DOMAIN)
    identity = (await instance_id.async_get(hass), str(integration.version))
    node = Node(hass, entry, await async_load_texts(hass), identity)
    try:
        await node.async_start()
    except ClaimError as error:
        node.stop()
        _not_ready(str(error), node=node.name)
    except TimeoutError:
        node.stop()
        _tell_why(node)
    except BaseException:
        node.stop()
        raise
    entry.runtime_data = node
    entry.async_on_unload(node.stop)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


def _tell_why(node: Node) -> NoReturn:
    """Say why there is no descriptor to begin with."""
    if node.problem is None:
        _not_ready("no_descriptor", node=node.name)
    if isinstance(node.problem, NewerSchemaError):
        _not_ready("newer_schema", node=node.name)
    _not_ready("bad_descriptor", node=node.name, reason=str(node.problem))


def _not_ready(key: str, **placeholders: str) -> NoReturn:
    raise ConfigEntryNotReady(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


async def async_unload_entry(hass: HomeAssistant, entry: ChiplinkConfigEntry) -> bool:
    """Take the entities away; the claim stands."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    entry.runtime_data.issues.close()
    return True


async def async_remove_entry(hass: HomeAssistant, entry: ChiplinkConfigEntry) -> None:
    """Give the node back to MQTT discovery: first our entities go, then the claim."""
    node = entry.data[CONF_NODE]
    Issues(hass, entry.entry_id, node).clear("schema_newer")
    async_clear(hass, entry)
    try:
        await async_release(hass, node, await instance_id.async_get(hass))
    except HomeAssistantError:
        return  # without MQTT nothing can be said; the bridge finds the claim stale


async def async_remove_config_entry_device(
    _hass: HomeAssistant, entry: ChiplinkConfigEntry, device: DeviceEntry
) -> bool:
    """Let a device be deleted by hand if the node does not have it any more."""
    node = entry.runtime_data
    known = {identifier(node.name)}
    if node.descriptor is not None:
        known |= {identifier(node.name, name) for name in node.descriptor.devices}
    return not known & own_identifiers(device)
