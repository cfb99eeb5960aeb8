"""Figures for Home Assistant's page of system information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from .broker import is_connected
from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.components.system_health import SystemHealthRegistration
    from homeassistant.core import HomeAssistant

    from .node import ChiplinkConfigEntry


@callback
def async_register(_hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register what is shown."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[ChiplinkConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    nodes = [entry.runtime_data for entry in entries]
    devices = [node.descriptor.devices for node in nodes if node.descriptor is not None]
    return {
        "broker": is_connected(hass),
        "bridges": len(nodes),
        "bridges_online": sum(node.online for node in nodes),
        "devices": sum(map(len, devices)),
    }
