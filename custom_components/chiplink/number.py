"""Settings that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberMode
from homeassistant.components.number.const import DEFAULT_MAX_VALUE, DEFAULT_MIN_VALUE
from homeassistant.const import Platform
from homeassistant.core import callback

from .entity import ChiplinkEntity, add_items, known_class
from .values import number_of

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
    """Set up numbers."""
    add_items(entry, async_add_entities, Platform.NUMBER, ChiplinkNumber)


class ChiplinkNumber(ChiplinkEntity, NumberEntity):
    """A number within the row's bounds."""

    _attr_mode = NumberMode.BOX

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        row = item.row
        self._attr_device_class = known_class(NumberDeviceClass, row)
        self._attr_native_unit_of_measurement = row.unit
        low = DEFAULT_MIN_VALUE if row.min is None else row.min
        high = max(DEFAULT_MAX_VALUE, low) if row.max is None else row.max
        self._attr_native_min_value, self._attr_native_max_value = min(low, high), high
        if row.step is not None:
            self._attr_native_step = row.step

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take a number."""
        self._attr_native_value = number_of(self.item.row, payload)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Send a number, a whole one without a point."""
        await self.async_command(str(int(value) if value == int(value) else value))
