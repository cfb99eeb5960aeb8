"""What can be on and off: being armed, a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.switch import SwitchDeviceClass, SwitchEntity
from homeassistant.const import Platform
from homeassistant.core import callback

from .const import LINK_STATES
from .entity import ChiplinkEntity, add_items, known_class
from .values import bool_of, text_of

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
    """Set up switches."""
    add_items(entry, async_add_entities, Platform.SWITCH, _switch)


def _switch(node: Node, item: Item) -> ChiplinkSwitch:
    return ChiplinkSwitch(node, item) if item.link is None else LinkSwitch(node, item)


class ChiplinkSwitch(ChiplinkEntity, SwitchEntity):
    """A state that can be set; it shows what the chip says, not what was asked."""

    _on = "ON"
    _off = "OFF"

    def __init__(self, node: Node, item: Item) -> None:
        super().__init__(node, item)
        self._attr_device_class = known_class(SwitchDeviceClass, item.row)

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take ON or OFF."""
        self._attr_is_on = bool_of(payload)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Switch it on."""
        await self.async_command(self._on)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Switch it off."""
        await self.async_command(self._off)


class LinkSwitch(ChiplinkSwitch):
    """Opens and closes a link; on is whatever is not closed, retries included."""

    _on = "OPEN"
    _off = "CLOSE"

    @callback
    @override
    def take(self, payload: bytes) -> None:
        """Take one of the states of links."""
        state = text_of(payload)
        self._attr_is_on = state != LINK_STATES[0] if state in LINK_STATES else None
