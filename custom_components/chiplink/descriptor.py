"""From a payload to a Descriptor, or to the one reason why it is none.

A broker is open to others: whatever does not keep to the schema is refused as a whole,
before anything is registered. Unknown fields are ignored, and so are rows of a platform,
kind or type that only a newer bridge knows.
"""

from __future__ import annotations

import re
from typing import Any, Final

from . import fields
from .fields import DescriptorError
from .model import Descriptor, Device, Link, Row
from .topics import is_name

SCHEMA: Final = 1

MAX_SIZE: Final = 64 * 1024
MAX_DEVICES: Final = 32
MAX_ROWS: Final = 64
MAX_LINKS: Final = 16
MAX_OPTIONS: Final = 128
MAX_EVENT_TYPES: Final = 64
MAX_VERSION: Final = 32
MAX_UNIT: Final = 16
MAX_EXPIRY: Final = 86400

_ICON = re.compile(r"mdi:[a-z0-9-]{1,64}")
_LINK_KIND = re.compile(r"[a-z0-9-]{1,32}")

_KINDS = frozenset({"state", "command", "both", "event"})
_TYPES = frozenset({"bool", "int", "float", "enum", "text", "bytes", "json"})
_CATEGORIES = frozenset({"config", "diagnostic"})
_STATE_CLASSES = frozenset({"measurement", "total", "total_increasing"})

_OWN_WORDS = frozenset({"availability", "result", "link"})
"""What stands in a key's place in the topics of a device."""

_FITTING: Final = {
    "binary_sensor": ("state", "both"),
    "button": ("command",),
    "event": ("event",),
    "notify": ("command",),
    "number": ("command", "both"),
    "select": ("command", "both"),
    "sensor": ("state", "both"),
    "switch": ("command", "both"),
}
"""The kinds that each platform can show."""


class NewerSchemaError(DescriptorError):
    """The bridge speaks a newer schema than this version understands."""


def parse_descriptor(payload: bytes | bytearray | str, node: str) -> Descriptor:
    """Return what `payload` says of `node`; raises DescriptorError."""
    data = payload.encode("utf-8", "replace") if isinstance(payload, str) else bytes(payload)
    if len(data) > MAX_SIZE:
        fields.refuse(f"{len(data)} bytes; at most {MAX_SIZE}")
    content = fields.as_object(fields.decode(data), "the descriptor")
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        fields.refuse("schema is no number from 1 on")
    if schema > SCHEMA:
        raise NewerSchemaError("its schema is newer than this version of the integration")
    if content.get("node") != node:
        fields.refuse("node is not the node of its topic")
    devices = fields.objects(content, "devices", MAX_DEVICES, _device)
    return Descriptor(
        node=node,
        version=fields.label(content, "version", MAX_VERSION),
        devices=fields.by_id(devices, "devices"),
    )


def _device(content: dict[str, Any]) -> Device:
    rows = [row for row in fields.objects(content, "rows", MAX_ROWS, _row) if row is not None]
    keys = {row.key: row for row in rows}
    if len(keys) != len(rows):
        fields.refuse("a key stands twice in a device")
    identifier = fields.name(content, "id")
    if not is_name(identifier):
        fields.refuse("a device has a reserved name")
    return Device(
        id=identifier,
        name=fields.label(content, "name"),
        chip=fields.name(content, "chip"),
        model=fields.label(content, "model"),
        manufacturer=fields.label(content, "manufacturer"),
        rows=keys,
        links=fields.by_id(fields.objects(content, "links", MAX_LINKS, _link), "links"),
    )


def _link(content: dict[str, Any]) -> Link:
    kind = content.get("kind")
    if not isinstance(kind, str) or _LINK_KIND.fullmatch(kind) is None:
        fields.refuse("a link has no kind")
    identifier = fields.name(content, "id")
    if not is_name(identifier):
        fields.refuse("a link has a reserved name")
    several = content.get("several", False)
    if not isinstance(several, bool):
        fields.refuse("several is not true or false")
    return Link(identifier, kind, several)


def _row(content: dict[str, Any]) -> Row | None:
    """Return a row; None for one that only a newer bridge knows."""
    kind, platform, value_type = (
        fields.name(content, field) for field in ("kind", "platform", "type")
    )
    enabled = content.get("enabled")
    if not isinstance(enabled, bool):
        fields.refuse("enabled is not true or false")
    row = Row(
        key=_key(content),
        kind=kind,
        platform=platform,
        type=value_type,
        name=fields.label(content, "name"),
        translation_key=fields.name(content, "translation_key")
        if "translation_key" in content
        else "",
        icon=_icon(content),
        category=fields.one_of(content, "category", _CATEGORIES),
        device_class=fields.name(content, "device_class") if "device_class" in content else None,
        state_class=fields.one_of(content, "state_class", _STATE_CLASSES),
        unit=fields.label(content, "unit", MAX_UNIT) if "unit" in content else None,
        options=fields.labels(content, "options", MAX_OPTIONS),
        min=fields.number(content, "min"),
        max=fields.number(content, "max"),
        step=fields.number(content, "step"),
        event_types=fields.names(content, "event_types", MAX_EVENT_TYPES),
        button=fields.label(content, "button") if "button" in content else None,
        enabled=enabled,
        expiry=_expiry(content),
    )
    if kind not in _KINDS or value_type not in _TYPES or platform not in _FITTING:
        return None
    _check_row(row)
    return row


def _check_row(row: Row) -> None:
    """Refuse what no platform could show."""
    if row.kind not in _FITTING[row.platform]:
        fields.refuse(f"a row of kind {row.kind} is no {row.platform}")
    if row.button is not None and row.kind != "both":
        fields.refuse("a button stands beside a state that takes commands")
    if (row.type == "enum" or row.platform == "select") and not row.options:
        fields.refuse("a choice has no options")
    if row.options and row.is_numeric:
        fields.refuse("a number has options")
    if row.platform == "number" and not row.is_numeric:
        fields.refuse("a number has no numbers")
    if row.platform == "event" and not row.event_types:
        fields.refuse("an event has no event_types")
    if row.category == "config" and row.platform in ("sensor", "binary_sensor"):
        fields.refuse("what only shows something is no configuration")
    if row.min is not None and row.max is not None and row.min > row.max:
        fields.refuse("min is above max")
    if row.step is not None and row.step <= 0:
        fields.refuse("step is not above 0")


def _key(content: dict[str, Any]) -> str:
    key = fields.name(content, "key")
    if key in _OWN_WORDS:
        fields.refuse("a row has a reserved key")
    return key


def _icon(content: dict[str, Any]) -> str | None:
    value = content.get("icon")
    if "icon" in content and (not isinstance(value, str) or _ICON.fullmatch(value) is None):
        fields.refuse("icon is no mdi: name")
    return value


def _expiry(content: dict[str, Any]) -> int | None:
    value = fields.number(content, "expiry")
    if value is None:
        return None
    if value != int(value) or not 1 <= value <= MAX_EXPIRY:
        fields.refuse(f"expiry is not 1 to {MAX_EXPIRY}")
    return int(value)
