"""Fields of JSON that nobody vouches for: each is what is asked for, or refused."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .topics import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from .model import Device, Link

MAX_LABEL: Final = 64
MAX_NUMBER: Final = 1e15

_TEMPLATES = ("{{", "{%", "{#")
_JOINER = "\u200d"
"""Zero-width joiner: the one invisible character that names of today contain, in emoji."""


class DescriptorError(ValueError):
    """The payload is no descriptor; str() says why and repeats nothing of it."""


def refuse(reason: str) -> NoReturn:
    """Raise DescriptorError."""
    raise DescriptorError(reason)


def decode(data: bytes) -> object:
    """Return what is written as JSON."""
    try:
        content: object = json.loads(data, parse_constant=_constant)
    except (ValueError, RecursionError):
        refuse("it is not JSON")
    return content


def _constant(_name: str) -> NoReturn:
    raise ValueError


def as_object(value: object, what: str) -> dict[str, Any]:
    """Return an object; `what` names it."""
    if not isinstance(value, dict):
        refuse(f"{what} is no object")
    return value


def objects[T](
    content: dict[str, Any], field: str, limit: int, read: Callable[[dict[str, Any]], T]
) -> list[T]:
    """Return what `read` makes of each object of a list of at most `limit`."""
    value = content.get(field)
    if not isinstance(value, list):
        refuse(f"{field} is no list")
    if len(value) > limit:
        refuse(f"{len(value)} {field}; at most {limit}")
    return [read(as_object(item, f"one of {field}")) for item in value]


def by_id[T: (Device, Link)](items: list[T], field: str) -> dict[str, T]:
    """Return things by their ids, none of which comes twice."""
    found = {item.id: item for item in items}
    if len(found) != len(items):
        refuse(f"one of {field} stands twice")
    return found


def name(content: dict[str, Any], field: str) -> str:
    """Return a name of the contract."""
    value = content.get(field)
    if not isinstance(value, str) or NAME.fullmatch(value) is None:
        refuse(f"{field} is no name")
    return value


def label(content: dict[str, Any], field: str, limit: int = MAX_LABEL) -> str:
    """Return text for people: short, visible, and nothing that a template would act on."""
    return _check_label(content.get(field), field, limit)


def _check_label(value: object, field: str, limit: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        refuse(f"{field} is no text of 1 to {limit} characters")
    if any(not _is_visible(character) for character in value):
        refuse(f"{field} holds what cannot be seen")
    if any(mark in value for mark in _TEMPLATES):
        refuse(f"{field} holds a template")
    return value


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return character == _JOINER or not (category[0] == "C" or category in ("Zl", "Zp"))


def labels(content: dict[str, Any], field: str, limit: int) -> tuple[str, ...]:
    """Return labels, each once; none if there is no such field."""
    return _several(content, field, limit, lambda item: _check_label(item, field, MAX_LABEL))


def names(content: dict[str, Any], field: str, limit: int) -> tuple[str, ...]:
    """Return names, each once; none if there is no such field."""
    return _several(content, field, limit, lambda item: name({field: item}, field))


def _several(
    content: dict[str, Any], field: str, limit: int, read: Callable[[object], str]
) -> tuple[str, ...]:
    if field not in content:
        return ()
    value = content[field]
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        refuse(f"{field} is no list of 1 to {limit}")
    items = tuple(read(item) for item in value)
    if len(set(items)) != len(items):
        refuse(f"{field} names one twice")
    return items


def one_of(content: dict[str, Any], field: str, known: frozenset[str]) -> str | None:
    """Return one of `known`, None if there is no such field."""
    if field not in content:
        return None
    value = content[field]
    if not isinstance(value, str) or value not in known:
        refuse(f"{field} is none of {', '.join(sorted(known))}")
    return value


def number(content: dict[str, Any], field: str) -> float | None:
    """Return a finite number, None if there is no such field."""
    if field not in content:
        return None
    value = content[field]
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(f"{field} is no number")
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        refuse(f"{field} is out of range")
    return value
