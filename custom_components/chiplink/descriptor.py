"""From a payload to a Descriptor, or to the one reason why it is none.

A broker is open to others: whatever does not keep to the schema is refused as a whole,
before anything is registered. Unknown fields are ignored, and so are rows of a platform,
kind or type that only a newer bridge knows.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .model import Descriptor, Device, Link, Row
from .topics import NAME, is_name

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA: Final = 1

MAX_SIZE: Final = 64 * 1024
MAX_DEVICES: Final = 32
MAX_ROWS: Final = 64
MAX_LINKS: Final = 16
MAX_OPTIONS: Final = 128
MAX_EVENT_TYPES: Final = 64
MAX_LABEL: Final = 64
MAX_VERSION: Final = 32
MAX_UNIT: Final = 16
MAX_EXPIRY: Final = 86400
MAX_NUMBER: Final = 1e15

_ICON = re.compile(r"mdi:[a-z0-9-]{1,64}")
_LINK_KIND = re.compile(r"[a-z0-9-]{1,32}")
_TEMPLATES = ("{{", "{%", "{#")
_JOINER = "\u200d"
"""Zero-width joiner: the one invisible character that names of today contain, in emoji."""

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


class DescriptorError(ValueError):
    """The payload is no descriptor; str() says why and repeats nothing of it."""


class NewerSchemaError(DescriptorError):
    """The bridge speaks a newer schema than this version understands."""


def parse_descriptor(payload: bytes | bytearray | str, node: str) -> Descriptor:
    """Return what `payload` says of `node`; raises DescriptorError."""
    data = payload.encode("utf-8", "replace") if isinstance(payload, str) else bytes(payload)
    if len(data) > MAX_SIZE:
        _refuse(f"{len(data)} bytes; at most {MAX_SIZE}")
    content = _object(_decode(data), "the descriptor")
    schema = content.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        _refuse("schema is no number from 1 on")
    if schema > SCHEMA:
        raise NewerSchemaError("its schema is newer than this version of the integration")
    if content.get("node") != node:
        _refuse("node is not the node of its topic")
    devices = _list(content, "devices", MAX_DEVICES, _device)
    return Descriptor(
        node=node,
        version=_label(content, "version", MAX_VERSION),
        devices=_by_id(devices, "devices"),
    )


def _decode(data: bytes) -> object:
    try:
        content: object = json.loads(data, parse_constant=_constant)
    except (ValueError, RecursionError):
        _refuse("it is not JSON")
    return content


def _constant(_name: str) -> NoReturn:
    raise ValueError


def _refuse(reason: str) -> NoReturn:
    raise DescriptorError(reason)


def _device(content: dict[str, Any]) -> Device:
    rows = [row for row in _list(content, "rows", MAX_ROWS, _row) if row is not None]
    keys = {row.key: row for row in rows}
    if len(keys) != len(rows):
        _refuse("a key stands twice in a device")
    identifier = _name(content, "id")
    if not is_name(identifier):
        _refuse("a device has a reserved name")
    return Device(
        id=identifier,
        name=_label(content, "name"),
        chip=_name(content, "chip"),
        model=_label(content, "model"),
        manufacturer=_label(content, "manufacturer"),
        rows=keys,
        links=_by_id(_list(content, "links", MAX_LINKS, _link), "links"),
    )


def _link(content: dict[str, Any]) -> Link:
    kind = content.get("kind")
    if not isinstance(kind, str) or _LINK_KIND.fullmatch(kind) is None:
        _refuse("a link has no kind")
    identifier = _name(content, "id")
    if not is_name(identifier):
        _refuse("a link has a reserved name")
    several = content.get("several", False)
    if not isinstance(several, bool):
        _refuse("several is not true or false")
    return Link(identifier, kind, several)


def _row(content: dict[str, Any]) -> Row | None:
    """Return a row; None for one that only a newer bridge knows."""
    kind, platform, value_type = (_name(content, field) for field in ("kind", "platform", "type"))
    enabled = content.get("enabled")
    if not isinstance(enabled, bool):
        _refuse("enabled is not true or false")
    row = Row(
        key=_key(content),
        kind=kind,
        platform=platform,
        type=value_type,
        name=_label(content, "name"),
        translation_key=_name(content, "translation_key") if "translation_key" in content else "",
        icon=_icon(content),
        category=_one_of(content, "category", _CATEGORIES),
        device_class=_name(content, "device_class") if "device_class" in content else None,
        state_class=_one_of(content, "state_class", _STATE_CLASSES),
        unit=_label(content, "unit", MAX_UNIT) if "unit" in content else None,
        options=_labels(content, "options", MAX_OPTIONS),
        min=_number(content, "min"),
        max=_number(content, "max"),
        step=_number(content, "step"),
        event_types=_names(content, "event_types", MAX_EVENT_TYPES),
        button=_label(content, "button") if "button" in content else None,
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
        _refuse(f"a row of kind {row.kind} is no {row.platform}")
    if row.button is not None and row.kind != "both":
        _refuse("a button stands beside a state that takes commands")
    if (row.type == "enum" or row.platform == "select") and not row.options:
        _refuse("a choice has no options")
    if row.options and row.is_numeric:
        _refuse("a number has options")
    if row.platform == "number" and not row.is_numeric:
        _refuse("a number has no numbers")
    if row.platform == "event" and not row.event_types:
        _refuse("an event has no event_types")
    if row.category == "config" and row.platform in ("sensor", "binary_sensor"):
        _refuse("what only shows something is no configuration")
    if row.min is not None and row.max is not None and row.min > row.max:
        _refuse("min is above max")
    if row.step is not None and row.step <= 0:
        _refuse("step is not above 0")


# Fields


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{what} is no object")
    return value


def _list[T](
    content: dict[str, Any], field: str, limit: int, read: Callable[[dict[str, Any]], T]
) -> list[T]:
    value = content.get(field)
    if not isinstance(value, list):
        _refuse(f"{field} is no list")
    if len(value) > limit:
        _refuse(f"{len(value)} {field}; at most {limit}")
    return [read(_object(item, f"one of {field}")) for item in value]


def _by_id[T: (Device, Link)](items: list[T], field: str) -> dict[str, T]:
    found = {item.id: item for item in items}
    if len(found) != len(items):
        _refuse(f"one of {field} stands twice")
    return found


def _name(content: dict[str, Any], field: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or NAME.fullmatch(value) is None:
        _refuse(f"{field} is no name")
    return value


def _key(content: dict[str, Any]) -> str:
    key = _name(content, "key")
    if key in _OWN_WORDS:
        _refuse("a row has a reserved key")
    return key


def _label(content: dict[str, Any], field: str, limit: int = MAX_LABEL) -> str:
    return _check_label(content.get(field), field, limit)


def _check_label(value: object, field: str, limit: int) -> str:
    """Return text for people: short, visible, and nothing that a template would act on."""
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        _refuse(f"{field} is no text of 1 to {limit} characters")
    if any(not _is_visible(character) for character in value):
        _refuse(f"{field} holds what cannot be seen")
    if any(mark in value for mark in _TEMPLATES):
        _refuse(f"{field} holds a template")
    return value


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return character == _JOINER or not (category[0] == "C" or category in ("Zl", "Zp"))


def _labels(content: dict[str, Any], field: str, limit: int) -> tuple[str, ...]:
    return _several(content, field, limit, lambda item: _check_label(item, field, MAX_LABEL))


def _names(content: dict[str, Any], field: str, limit: int) -> tuple[str, ...]:
    return _several(content, field, limit, lambda item: _name({field: item}, field))


def _several(
    content: dict[str, Any], field: str, limit: int, read: Callable[[object], str]
) -> tuple[str, ...]:
    if field not in content:
        return ()
    value = content[field]
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        _refuse(f"{field} is no list of 1 to {limit}")
    items = tuple(read(item) for item in value)
    if len(set(items)) != len(items):
        _refuse(f"{field} names one twice")
    return items


def _one_of(content: dict[str, Any], field: str, known: frozenset[str]) -> str | None:
    if field not in content:
        return None
    value = content[field]
    if not isinstance(value, str) or value not in known:
        _refuse(f"{field} is none of {', '.join(sorted(known))}")
    return value


def _icon(content: dict[str, Any]) -> str | None:
    value = content.get("icon")
    if "icon" in content and (not isinstance(value, str) or _ICON.fullmatch(value) is None):
        _refuse("icon is no mdi: name")
    return value


def _number(content: dict[str, Any], field: str) -> float | None:
    if field not in content:
        return None
    value = content[field]
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{field} is no number")
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        _refuse(f"{field} is out of range")
    return value


def _expiry(content: dict[str, Any]) -> int | None:
    value = _number(content, "expiry")
    if value is None:
        return None
    if value != int(value) or not 1 <= value <= MAX_EXPIRY:
        _refuse(f"expiry is not 1 to {MAX_EXPIRY}")
    return int(value)
