"""Commands without a value: release all keys, cancel, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.button import ButtonDeviceClass, ButtonEntity
from homeassistant.const import Platform

from .entity import ChiplinkEntity, add_items, known_class

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .node import ChiplinkConfigEntry, Node

PARALLEL_UPDATES = 0
"""The bridge queues commands itself, and lets what releases keys overtake."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up buttons."""
    add_items(entry, async_add_entities, Platform.BUTTON, ChiplinkButton)


class ChiplinkButton(ChiplinkEntity, ButtonEntity):
    """A command whose payload is always the same."""

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        self._attr_device_class = known_class(ButtonDeviceClass, item.row)

    @override
    async def async_press(self) -> None:
        """Send it."""
        await self.async_command((self.item.row.options or ("PRESS",))[0])
