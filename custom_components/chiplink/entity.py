"""What all entities have in common: an Item of a Node."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.const import EntityCategory
from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

from .const import BRIDGE, DOMAIN, LINK_KEYS
from .items import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from enum import StrEnum

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .items import Item
    from .model import Row
    from .node import ChiplinkConfigEntry, Node

_PUBLIC = frozenset({"bool", "int", "float", "enum"})
"""Types whose values cannot be what somebody types."""


@callback
def add_items(
    entry: ChiplinkConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    platform: str,
    make: Callable[[Node, Item], Entity],
) -> None:
    """Add a platform's entities, and those that come later."""
    node = entry.runtime_data

    @callback
    def take(items: Iterable[Item]) -> None:
        add([make(node, item) for item in items if item.row.platform == platform])

    node.add_platform(take)


def known_class[C: StrEnum](classes: type[C], row: Row) -> C | None:
    """Return the row's device class where this release of Home Assistant has it."""
    return next((item for item in classes if item.value == row.device_class), None)


class ChiplinkEntity(Entity):
    """An entity made from a row of the descriptor."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, node: Node, item: Item) -> None:
        self.node = node
        self.item = item
        row = item.row
        device = None if item.device == BRIDGE else item.device
        self._attr_unique_id = item.unique_id(node.name)
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, identifier(node.name, device))})
        self._attr_entity_registry_enabled_default = row.enabled
        if row.category is not None:
            self._attr_entity_category = EntityCategory(row.category)
        self._name(row)

    def _name(self, row: Row) -> None:
        """Take name and icon from our texts, else from the row."""
        texts, key = self.node.texts, row.translation_key
        if key in LINK_KEYS and self.item.link is None:
            key = ""  # those texts have a gap that nothing would fill
        if key:
            self._attr_translation_key = key
        if self.item.link is not None:
            self._attr_translation_placeholders = {"link": self.item.link}
        if not key or not texts.has_name(row.platform, key):
            self._attr_name = row.name
        if row.icon is not None and not (key and texts.has_icon(row.platform, key)):
            self._attr_icon = row.icon

    @property
    @override
    def available(self) -> bool:
        """Whether bridge and chip are there."""
        return self.node.is_available(self.item)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen, and begin with what is known."""
        await super().async_added_to_hass()
        self.node.entities[self.item.unique_id(self.node.name)] = self
        if self.item.row.kind == "command":
            return
        self.async_on_remove(self.node.states.listen(self.item.state, self._heard))
        known = self.node.states.get(self.item.state)
        if known is not None and self.item.row.has_state:
            self.take(known)

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Be forgotten by the node."""
        await super().async_will_remove_from_hass()
        unique_id = self.item.unique_id(self.node.name)
        if self.node.entities.get(unique_id) is self:
            del self.node.entities[unique_id]

    @callback
    def _heard(self, payload: bytes) -> None:
        self.take(payload)
        self.async_write_ha_state()

    @callback
    def take(self, payload: bytes) -> None:
        """Take a new payload; what the row does not allow is no value."""

    async def async_command(self, payload: str) -> None:
        """Send a command and wait until it is done; raises HomeAssistantError."""
        row = self.item.row
        await self.node.commands.async_send(
            self.item.device,
            self.item.command.partition("/")[2],
            payload.encode(),
            expiry=row.expiry,
            private=row.type not in _PUBLIC,
            context=self._context,
        )
