"""What happened once: custom HID from the computer, an IP conflict, a modem's URC."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.event import EventDeviceClass, EventEntity
from homeassistant.const import Platform
from homeassistant.core import callback

from .entity import ChiplinkEntity, add_items, known_class
from .values import event_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .node import ChiplinkConfigEntry, Node

PARALLEL_UPDATES = 0
"""Events are pushed."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up event entities."""
    add_items(entry, async_add_entities, Platform.EVENT, ChiplinkEvent)


class ChiplinkEvent(ChiplinkEntity, EventEntity):
    """An event with its data as attributes."""

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        self._attr_event_types = list(item.row.event_types)
        self._attr_device_class = known_class(EventDeviceClass, item.row)

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Fire an event of a known type; anything else is none."""
        event = event_of(self.item.row, payload)
        if event is not None:
            self._trigger_event(*event)
