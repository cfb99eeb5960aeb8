"""What a click can mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .node import ChiplinkConfigEntry, Node

type IssueData = dict[str, str | int | float | None]


class FixFlow(RepairsFlow):
    """Asks, and then takes the claim back or arms the device."""

    def __init__(self, data: IssueData) -> None:
        self._entry_id = str(data.get("entry_id"))
        self._kind = str(data.get("kind"))
        self._device = str(data.get("device"))

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> Any:
        """Begin with the question."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> Any:
        """Ask, then mend."""
        if user_input is None:
            nothing: Any = vol.Schema({})
            return self.async_show_form(
                step_id="confirm",
                data_schema=nothing,
                description_placeholders=self._placeholders(),
            )
        node = self._node()
        if node is None:
            return self.async_abort(reason="not_loaded")
        try:
            await self._mend(node)
        except HomeAssistantError:
            return self.async_abort(reason="failed")
        return self.async_create_entry(data={})

    async def _mend(self, node: Node) -> None:
        if self._kind == "claim_stolen":
            await node.claim.async_publish()
        else:
            await node.commands.async_send(self._device, "armed/set", b"ON")

    def _node(self) -> Node | None:
        entry: ChiplinkConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        loaded = entry is not None and entry.state is ConfigEntryState.LOADED
        return entry.runtime_data if entry is not None and loaded else None

    def _placeholders(self) -> dict[str, str]:
        node = self._node()
        return {
            "node": node.name if node else "",
            "device": node.title(self._device) if node else "",
            "detail": "",
        }


async def async_create_fix_flow(
    _hass: HomeAssistant, _issue_id: str, data: IssueData | None
) -> RepairsFlow:
    """Return the flow of an issue."""
    return FixFlow(data or {})
