"""Payloads of states to values, as their row says; what does not fit is no value."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Row

MAX_STATE = 255
"""Characters of a state: what Home Assistant takes."""

MAX_EVENT = 16 * 1024
"""Bytes of an event."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


def text_of(payload: bytes) -> str | None:
    """Return a state's text, None if it is no text that a state may be."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= MAX_STATE else None


def bool_of(payload: bytes) -> bool | None:
    """Return ON and OFF as truth values."""
    return {b"ON": True, b"OFF": False}.get(payload)


def number_of(row: Row, payload: bytes) -> float | None:
    """Return a number of the row's type."""
    text = text_of(payload) or ""
    if row.type == "int":
        return int(text) if _INTEGER.fullmatch(text) else None
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def choice_of(row: Row, payload: bytes) -> str | None:
    """Return one of the row's options."""
    text = text_of(payload)
    return text if text in row.options else None


def event_of(row: Row, payload: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return an event's type and its data."""
    content = object_of(payload, MAX_EVENT)
    kind = content.pop("event_type", None)
    return (kind, content) if isinstance(kind, str) and kind in row.event_types else None


def object_of(payload: bytes, limit: int) -> dict[str, Any]:
    """Return a JSON object; anything else, or longer than `limit` bytes, is an empty one."""
    try:
        content = json.loads(payload) if len(payload) <= limit else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
