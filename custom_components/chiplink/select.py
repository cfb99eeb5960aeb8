"""Choices: the keyboard layout, keys that are pressed by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.select import SelectEntity
from homeassistant.const import Platform
from homeassistant.core import callback

from .entity import ChiplinkEntity, add_items
from .values import choice_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .node import ChiplinkConfigEntry, Node

PARALLEL_UPDATES = 0
"""The bridge queues commands itself."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up selects."""
    add_items(entry, async_add_entities, Platform.SELECT, ChiplinkSelect)


class ChiplinkSelect(ChiplinkEntity, SelectEntity):
    """One of the row's options; a mere command remembers none."""

    _attr_current_option = None

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        self._attr_options = list(item.row.options)

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take an option."""
        self._attr_current_option = choice_of(self.item.row, payload)

    @override
    async def async_select_option(self, option: str) -> None:
        """Send an option."""
        await self.async_command(option)
