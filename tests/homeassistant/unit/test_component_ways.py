"""MQTT discovery and the integration register the same, and never at the same time."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from fake_home import Home
from homeassistant.helpers.icon import async_get_icons
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge, Broker
    from homeassistant.core import HomeAssistant


def shown(home: Home, way: str, icons: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """What a way registered, as a user meets it."""
    return {
        unique_id: (
            entity.entity_id,
            entity.original_name,
            entity.entity_category,
            entity.original_device_class,
            entity.unit_of_measurement,
            entity.original_icon or _icon(icons, entity.domain, entity.translation_key),
            entity.disabled_by is None,
            entity.capabilities,
        )
        for unique_id, entity in home.entities(way).items()
    }


def _icon(icons: dict[str, Any], domain: str, key: str | None) -> str | None:
    return icons.get(domain, {}).get(key or "", {}).get("default")


def hung(home: Home, way: str) -> dict[str, tuple[Any, ...]]:
    """How devices are called, and on which they hang."""
    devices = home.devices(way)
    names = {device.id: name for name, device in devices.items()}
    return {
        name: (
            device.name,
            device.manufacturer,
            device.model,
            device.sw_version,
            names.get(device.via_device_id or ""),
        )
        for name, device in devices.items()
    }


async def both(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, scene: str = "first"
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Let discovery register everything, then the integration; return what each did."""
    home = Home(hass, broker, bridge)
    bridge.discover(scene)
    await home.settle()
    icons = (await async_get_icons(hass, "entity", {"chiplink"})).get("chiplink", {})
    discovered = shown(home, "mqtt", icons), hung(home, "mqtt")
    assert len(discovered[0]) >= len(SAID["rows"]) + len(SAID["bridge_rows"])
    await home.set_up()
    assert home.entities("mqtt") == {}
    assert home.devices("mqtt") == {}
    return discovered, (shown(home, "chiplink", icons), hung(home, "chiplink"))


async def test_both_ways_register_the_same(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    discovered, registered = await both(hass, broker, bridge)
    assert registered == discovered


@pytest.mark.usefixtures("all_enabled")
async def test_both_ways_register_the_same_when_all_is_enabled(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    discovered, registered = await both(hass, broker, bridge)
    assert registered == discovered


@pytest.mark.parametrize("enabled", [False, True])
async def test_both_ways_register_the_same_of_a_chip_with_links(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    request: pytest.FixtureRequest,
    enabled: bool,  # noqa: FBT001 - of a table
) -> None:
    if enabled:
        request.getfixturevalue("all_enabled")
    bridge.said = deepcopy(SAID["networked"])
    bridge.start()
    discovered, registered = await both(hass, broker, bridge, "networked")
    assert registered == discovered
    assert "chiplink-cellar-lan-link-plc-set" in registered[0]
    assert "chiplink-cellar-lan-dhcp_button" in registered[0]
