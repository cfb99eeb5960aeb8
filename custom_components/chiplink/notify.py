"""Text to send: disabled unless somebody wants it, the actions are the better way."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.notify import NotifyEntity
from homeassistant.const import Platform

from .entity import ChiplinkEntity, add_items

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .node import ChiplinkConfigEntry

PARALLEL_UPDATES = 0
"""The bridge queues commands itself."""


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: ChiplinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up notify entities."""
    add_items(entry, async_add_entities, Platform.NOTIFY, ChiplinkNotify)


class ChiplinkNotify(ChiplinkEntity, NotifyEntity):
    """A command whose payload is the message; its state is the time of the last."""

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Send the message; there is no place for a title."""
        await self.async_command(message)
