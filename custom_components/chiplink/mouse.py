"""What the mouse action takes (SPEC.md, "mouse"), checked before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ACTIONS: Final = 256
MAX_MOVE: Final = 32767
MAX_SCROLL: Final = 1000

BUTTONS: Final = ("left", "right", "middle", "back", "forward")


def mouse_actions(value: object) -> list[dict[str, Any]]:
    """Return a list of actions; raises vol.Invalid with the first mistake."""
    actions = value if isinstance(value, list) else [value]
    if not 1 <= len(actions) <= MAX_ACTIONS:
        raise vol.Invalid(f"1 to {MAX_ACTIONS} mouse actions")
    return [_action(action) for action in actions]


def _action(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise vol.Invalid("a mouse action looks like {click: left}")
    names = set(value) - ({"screen"} if "to" in value else set())
    name = names.pop() if len(names) == 1 else None
    check = _CHECKS.get(name) if isinstance(name, str) else None
    if check is None:
        raise vol.Invalid(f"a mouse action is one of {', '.join(_CHECKS)}")
    if not check(value[name]) or not _is_screen(value.get("screen", [1, 1])):
        raise vol.Invalid(f"{name} does not take that")
    return value


def _is_int(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_pair(value: object, low: int, high: int) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(_is_int(n, low, high) for n in value)  # noqa: PLR2004 - a pair
    )


def _is_screen(value: object) -> bool:
    return _is_pair(value, 1, MAX_MOVE)


def _is_button(value: object) -> bool:
    return isinstance(value, str) and value in BUTTONS


_CHECKS: Final[dict[str, Callable[[object], bool]]] = {
    "move": lambda value: _is_pair(value, -MAX_MOVE, MAX_MOVE),
    "to": lambda value: _is_pair(value, 0, MAX_MOVE),
    "click": _is_button,
    "press": _is_button,
    "release": _is_button,
    "scroll": lambda value: _is_int(value, -MAX_SCROLL, MAX_SCROLL),
}
