"""What may go with a bug report: figures and choices, no text that anybody wrote."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from homeassistant.components.diagnostics import REDACTED

from .broker import is_connected
from .topics import NAME

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .model import Device, Row
    from .node import ChiplinkConfigEntry, Node

_SAFE_TEXT = frozenset({"firmware"})
"""Texts that a chip says of itself alone."""

_HARMLESS = frozenset({"bool", "int", "float", "enum"})

_NUMBERS = re.compile(r"\+?[0-9a-fA-F]*(?:[.:][0-9a-fA-F]*){2,}|\+?[0-9]{5,}")
"""Addresses, phone numbers, IMEI: whatever is long enough to be somebody's."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: ChiplinkConfigEntry
) -> dict[str, Any]:
    """Return the node's descriptor and states without what is anybody's own."""
    node = entry.runtime_data
    descriptor = node.descriptor
    devices = descriptor.devices.values() if descriptor else ()
    return {
        "options": dict(entry.options),
        "connected": is_connected(hass),
        "online": node.online,
        "version": descriptor.version if descriptor else None,
        "refused": str(node.problem) if node.problem else None,
        "claim": {"stolen": node.claim.stolen, "shown": node.claim.shown},
        "commands_under_way": len(node.commands.results),
        "entities": len(node.entities),
        "devices": [_device(node, device) for device in devices],
    }


def _device(node: Node, device: Device) -> dict[str, Any]:
    available = node.states.get(f"{device.id}/availability")
    return {
        "chip": device.chip,
        "available": None if available is None else available == b"online",
        "rows": {key: _row(node, device, row) for key, row in device.rows.items()},
        "links": [
            {
                "kind": link.kind,
                "state": _short(node.states.get(f"{device.id}/link/{link.id}/state")),
                "info": _figures(node.states.get(f"{device.id}/link/{link.id}/info")),
            }
            for link in device.links.values()
        ],
    }


def _row(node: Node, device: Device, row: Row) -> dict[str, Any]:
    shown = {"platform": row.platform, "kind": row.kind, "type": row.type, "enabled": row.enabled}
    if row.has_state:
        shown["state"] = _state(row, node.states.get(f"{device.id}/{row.key}"))
    return shown


def _state(row: Row, payload: bytes | None) -> str | None:
    text = _short(payload)
    if text is None or row.type in _HARMLESS or row.key in _SAFE_TEXT:
        return text
    if row.key == "last_error":
        return _NUMBERS.sub(REDACTED, text)
    return REDACTED


def _short(payload: bytes | None) -> str | None:
    return None if payload is None else payload.decode("utf-8", "replace")[:255]


def _figures(payload: bytes | None) -> dict[str, float]:
    """Return the numbers of a link's info; peers and errors are somebody's own."""
    try:
        content = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        return {}
    pairs = content.items() if isinstance(content, dict) else ()
    return {
        key: item
        for key, item in pairs
        if isinstance(item, int | float) and NAME.fullmatch(key) is not None
    }
