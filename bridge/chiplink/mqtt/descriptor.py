"""The descriptor: what this node has, for readers that hold no table of their own."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink import __version__
from chiplink.catalog import Row
from chiplink.exceptions import LocalMisuseError

if TYPE_CHECKING:
    from chiplink.mqtt.view import DeviceView, LinkView, NodeView

SCHEMA = 1
"""Rises only when an old reader would do harm."""

MAX_SIZE = 64 * 1024
MAX_DEVICES = 32
MAX_ROWS = 64
MAX_LINKS = 16
"""The descriptor's bounds; readers refuse more."""

_OWN = frozenset({"gated", "urgent", "urgent_value"})
"""Fields of a row that are the bridge's own business."""


def is_enabled(row: Row, *, typing: bool) -> bool:
    """Whether a row's entity is enabled at first; text to type only where `typing` asks for it."""
    return row.enabled or (typing and row.key == "type")


def descriptor(node: str, view: NodeView, *, typing: bool = False) -> bytes:
    """Return the descriptor as JSON; raises LocalMisuseError beyond its bounds."""
    devices = [_device(device, typing=typing) for device in view.devices.values()]
    if any(len(device["rows"]) > MAX_ROWS for device in devices):
        raise LocalMisuseError(f"a device has more than {MAX_ROWS} rows")
    if any(len(device["links"]) > MAX_LINKS for device in devices):
        raise LocalMisuseError(f"a device has more than {MAX_LINKS} links")
    payload = msgspec.json.encode(
        {"schema": SCHEMA, "node": node, "version": __version__, "devices": devices}
    )
    if len(payload) > MAX_SIZE or len(devices) > MAX_DEVICES:
        raise LocalMisuseError(
            f"{len(devices)} devices make a descriptor of {len(payload)} bytes; at most"
            f" {MAX_DEVICES} devices and {MAX_SIZE} bytes: divide them among several nodes"
        )
    return payload


def row_fields(row: Row) -> dict[str, Any]:
    """Return what of a row goes over the wire: fields that say nothing are left out."""
    values = {field.name: getattr(row, field.name) for field in fields(Row)}
    return {
        name: value
        for name, value in values.items()
        if name not in _OWN and value is not None and value != ""
    }


def _device(device: DeviceView, *, typing: bool) -> dict[str, Any]:
    rows = [replace(row, enabled=is_enabled(row, typing=typing)) for row in device.rows.values()]
    return {
        "id": device.id,
        "name": device.title,
        "chip": device.chip.id,
        "model": device.chip.title,
        "manufacturer": device.chip.manufacturer,
        "rows": [row_fields(row) for row in rows],
        "links": [_link(link) for link in device.links.values()],
    }


def _link(link: LinkView) -> dict[str, Any]:
    several = {"several": True} if link.several else {}
    return {"id": link.id, "kind": link.kind} | several
