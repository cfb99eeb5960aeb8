"""The form of a capability row (SPEC.md, "Descriptor")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

PRESS = "PRESS"
"""A button's payload."""

BUTTON = "button"
"""Behind a row's key: the button beside its state."""


class Kind(StrEnum):
    """Which way a row's values go."""

    STATE = "state"
    COMMAND = "command"
    BOTH = "both"
    EVENT = "event"


class ValueType(StrEnum):
    """What a row's payload is."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    ENUM = "enum"
    TEXT = "text"
    BYTES = "bytes"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capability; all but the last three fields go over the wire.

    `max` and `min` bound numbers, and the length of text (characters) and bytes.
    `button` names a button beside a state: it sends PRESS, which is then all that the row
    takes. `expiry` is how long a command may wait, in seconds. `gated` needs `armed`;
    `urgent` overtakes what waits and runs (with `urgent_value`: only that value).
    """

    key: str
    kind: Kind
    platform: str
    type: ValueType
    name: str
    translation_key: str = ""
    icon: str | None = None
    category: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    unit: str | None = None
    options: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    event_types: tuple[str, ...] | None = None
    button: str | None = None
    enabled: bool = True
    expiry: int | None = None
    gated: bool = False
    urgent: bool = False
    urgent_value: bool | None = None

    def __post_init__(self) -> None:
        """Take the key for the translation key where none is given."""
        object.__setattr__(self, "translation_key", self.translation_key or self.key)

    @property
    def takes_commands(self) -> bool:
        """Whether anything may be sent to this row."""
        return self.kind in (Kind.COMMAND, Kind.BOTH)

    @property
    def entities(self) -> tuple[Row, ...]:
        """The rows that show this one: a state and the button beside it are two."""
        if self.button is None:
            return (self,)
        press = replace(
            self,
            key=f"{self.key}_{BUTTON}",
            kind=Kind.COMMAND,
            platform="button",
            name=self.button,
            translation_key="",
            options=(PRESS,),
            device_class=None,
            button=None,
        )
        return replace(self, kind=Kind.STATE, expiry=None, button=None), press

    @property
    def has_state(self) -> bool:
        """Whether the row has a retained value."""
        return self.kind in (Kind.STATE, Kind.BOTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A kind of chip and its rows."""

    id: str
    title: str
    manufacturer: str
    rows: tuple[Row, ...]

    def row(self, key: str) -> Row | None:
        """Return the row of `key`, or None."""
        return next((row for row in self.rows if row.key == key), None)


def text_state(key: str, name: str, icon: str, *, enabled: bool = True) -> Row:
    """Return a state in words for those who look closer."""
    return Row(
        key=key,
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name=name,
        icon=icon,
        category="diagnostic",
        enabled=enabled,
    )


def button(key: str, name: str, *, icon: str | None = None, expiry: int) -> Row:
    """Return an urgent button."""
    return Row(
        key=key,
        kind=Kind.COMMAND,
        platform="button",
        type=ValueType.ENUM,
        options=(PRESS,),
        name=name,
        icon=icon,
        expiry=expiry,
        urgent=True,
    )


def restart(expiry: int) -> Row:
    """Return the button that resets a chip."""
    plain = button("reset", "Restart", expiry=expiry)
    return replace(plain, category="config", device_class="restart")


LAST_ERROR = text_state("last_error", "Last error", "mdi:alert-circle-outline")
"""Every chip's: empty after the next success."""
