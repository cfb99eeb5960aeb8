"""Devices and entities in Home Assistant's registries, as the descriptor wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .items import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .items import Item
    from .model import Descriptor


@callback
def async_sync(
    hass: HomeAssistant,
    entry: ConfigEntry,
    descriptor: Descriptor,
    items: Mapping[str, Item],
) -> None:
    """Register every device; remove devices and entities that are no more."""
    _register_devices(hass, entry, descriptor)
    entities = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        item = items.get(entity.unique_id)
        if item is None or item.row.platform != entity.domain:
            entities.async_remove(entity.entity_id)
    wanted = {identifier(descriptor.node)}
    wanted |= {identifier(descriptor.node, device) for device in descriptor.devices}
    devices = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        if not wanted & own_identifiers(device):
            devices.async_remove_device(device.id)


def _register_devices(hass: HomeAssistant, entry: ConfigEntry, descriptor: Descriptor) -> None:
    devices = dr.async_get(hass)
    node = descriptor.node
    bridge = devices.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, identifier(node))},
        name=f"chiplink {node}",
        manufacturer="chiplink",
        model="Bridge",
        sw_version=descriptor.version,
    )
    for device in descriptor.devices.values():
        registered = devices.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, identifier(node, device.id))},
            name=device.name,
            manufacturer=device.manufacturer,
            model=device.model,
        )
        # `via_device` of the creation is on its way out, its successor is too new.
        devices.async_update_device(registered.id, via_device_id=bridge.id)


def own_identifiers(device: dr.DeviceEntry) -> set[str]:
    """Return what we know a device by."""
    return {item[1] for item in device.identifiers if item[0] == DOMAIN}


@callback
def async_rename(hass: HomeAssistant, entry: ConfigEntry, old: str, new: str) -> None:
    """Let everything of the node `old` be the node `new`'s: names and history stay."""
    entities = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        unique_id = identifier(new) + entity.unique_id.removeprefix(identifier(old))
        entities.async_update_entity(entity.entity_id, new_unique_id=unique_id)
    devices = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        renamed = {
            (DOMAIN, identifier(new) + known.removeprefix(identifier(old)))
            for known in own_identifiers(device)
        }
        devices.async_update_device(device.id, new_identifiers=renamed)


@callback
def async_clear(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove every device and entity of the entry."""
    er.async_get(hass).async_clear_config_entry(entry.entry_id)
    devices = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        devices.async_remove_device(device.id)
