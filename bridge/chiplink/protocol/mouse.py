"""The JSON of `mouse` (SPEC.md, "mouse"): checked, one action or a list of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.exceptions import BadPayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.model import CommandValue, Json

BUTTONS = {"left": 1, "right": 2, "middle": 4, "back": 8, "forward": 16}
"""Button bits; back and forward work though the document does not name them."""

MAX_ACTIONS = 256
MAX_MOVE = 32_767
MAX_SCROLL = 1000
MAX_EXTENT = 65_535
"""Bounds of one command."""


@dataclass(frozen=True, slots=True)
class Move:
    """By this many pixels; down is positive."""

    dx: int
    dy: int


@dataclass(frozen=True, slots=True)
class MoveTo:
    """To this pixel of a screen."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Button:
    """A button goes down, up, or both."""

    bit: int
    down: bool
    up: bool


@dataclass(frozen=True, slots=True)
class Scroll:
    """The wheel turns; up is positive."""

    notches: int


Action = Move | MoveTo | Button | Scroll


def parse_mouse(value: CommandValue, screen: tuple[int, int] | None) -> tuple[Action, ...]:
    """Return the actions; `screen` stands in where `to` names none. Raises BadPayloadError."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise BadPayloadError('no action; write for example {"click": "left"}')
    if len(items) > MAX_ACTIONS:
        raise BadPayloadError(f"{len(items)} actions; at most {MAX_ACTIONS} at once")
    return tuple(_action(item, screen) for item in items)


def _action(item: object, screen: tuple[int, int] | None) -> Action:
    if not isinstance(item, dict):
        raise BadPayloadError('an action is an object, for example {"move": [10, -5]}')
    names = [name for name in item if name != "screen"]
    if len(names) != 1:
        raise BadPayloadError(f"one action an object, of: {', '.join(_READERS)}")
    reader = _READERS.get(names[0])
    if reader is None:
        near = difflib.get_close_matches(names[0], _READERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_READERS)}"
        raise BadPayloadError(
            f"unknown action {names[0][:32]!r}; {hint}", public=f"unknown action; {hint}"
        )
    if "screen" in item and names[0] != "to":
        raise BadPayloadError('"screen" belongs to "to"')
    if names[0] == "to":
        return _to(item["to"], item.get("screen"), screen)
    return reader(item[names[0]])


def _pair(value: Json, what: str, low: int, high: int) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - two coordinates
        raise BadPayloadError(f"{what} is two whole numbers, for example [100, 50]")
    first, second = (_number(part, what, low, high) for part in value)
    return first, second


def _number(value: Json, what: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadPayloadError(f"{what} takes whole numbers")
    if not low <= value <= high:
        raise BadPayloadError(f"{what}: {value} is out of range, {low} to {high}")
    return value


def _move(value: Json) -> Action:
    return Move(*_pair(value, '"move"', -MAX_MOVE, MAX_MOVE))


def _to(value: Json, extent: Json, screen: tuple[int, int] | None) -> Action:
    if extent is not None:
        screen = _pair(extent, '"screen"', 1, MAX_EXTENT)
    if screen is None:
        raise BadPayloadError(
            '"to" needs "screen": [width, height], or `screen` in the configuration'
        )
    x, y = _pair(value, '"to"', 0, MAX_EXTENT)
    if x >= screen[0] or y >= screen[1]:
        raise BadPayloadError(f'"to": {x},{y} is outside the screen of {screen[0]}x{screen[1]}')
    return MoveTo(x, y, *screen)


def _button(value: Json, *, down: bool, up: bool) -> Action:
    if not isinstance(value, str) or value not in BUTTONS:
        raise BadPayloadError(f"unknown button; one of: {', '.join(BUTTONS)}")
    return Button(BUTTONS[value], down, up)


def _scroll(value: Json) -> Action:
    return Scroll(_number(value, '"scroll"', -MAX_SCROLL, MAX_SCROLL))


_READERS: dict[str, Callable[[Json], Action]] = {
    "move": _move,
    "to": lambda value: _to(value, None, None),
    "click": lambda value: _button(value, down=True, up=True),
    "press": lambda value: _button(value, down=True, up=False),
    "release": lambda value: _button(value, down=False, up=True),
    "scroll": _scroll,
}
