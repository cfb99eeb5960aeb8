"""States that are text, numbers, choices or times; and the state of each link."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.components.sensor.const import NON_NUMERIC_DEVICE_CLASSES
from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .entity import ChiplinkEntity, add_items, known_class
from .values import choice_of, number_of, text_of

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .model import Row
    from .node import ChiplinkConfigEntry, Node

PARALLEL_UPDATES = 0
"""Values are pushed."""

NOTHING = "none"
"""What an empty text shows as: a blank would look like a fault."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up sensors."""
    add_items(entry, async_add_entities, Platform.SENSOR, ChiplinkSensor)


class ChiplinkSensor(ChiplinkEntity, SensorEntity):
    """A state; its device class is the row's where it fits the row's type."""

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        row = item.row
        self._attr_device_class = _device_class(row)
        if row.options:
            self._attr_options = list(row.options)
        if row.is_numeric:
            self._attr_native_unit_of_measurement = row.unit
            if row.state_class is not None:
                self._attr_state_class = SensorStateClass(row.state_class)

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take a value of the row's type."""
        self._attr_native_value = self._value(payload)

    def _value(self, payload: bytes) -> str | float | datetime | None:
        row = self.item.row
        if row.is_numeric:
            return number_of(row, payload)
        if row.options:
            return choice_of(row, payload)
        text = text_of(payload)
        if self._attr_device_class is SensorDeviceClass.TIMESTAMP:
            moment = dt_util.parse_datetime(text or "")
            return moment if moment is not None and moment.tzinfo is not None else None
        return NOTHING if text == "" else text


def _device_class(row: Row) -> SensorDeviceClass | None:
    if row.options:
        return SensorDeviceClass.ENUM
    found = known_class(SensorDeviceClass, row)
    if row.is_numeric:
        return None if found in NON_NUMERIC_DEVICE_CLASSES else found
    return found if found is SensorDeviceClass.TIMESTAMP else None
