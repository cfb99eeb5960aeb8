"""Yes-or-no states: the computer on the USB side, lock lights, a cable."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import Platform
from homeassistant.core import callback

from .entity import ChiplinkEntity, add_items, known_class
from .values import bool_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .node import ChiplinkConfigEntry, Node

PARALLEL_UPDATES = 0
"""Values are pushed."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up binary sensors."""
    add_items(entry, async_add_entities, Platform.BINARY_SENSOR, ChiplinkBinarySensor)


class ChiplinkBinarySensor(ChiplinkEntity, BinarySensorEntity):
    """A state that is ON or OFF."""

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        self._attr_device_class = known_class(BinarySensorDeviceClass, item.row)

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take ON or OFF."""
        self._attr_is_on = bool_of(payload)
