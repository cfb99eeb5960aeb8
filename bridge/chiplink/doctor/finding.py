"""What a check has to say."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """One line of what is; `fix` is the line that changes it, a command where there is one."""

    level: Level
    text: str
    fix: str = ""


def ok(text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Level.OK, text)


def warn(text: str, fix: str) -> Finding:
    """Return that something may come to disturb."""
    return Finding(Level.WARN, text, fix)


def fail(text: str, fix: str) -> Finding:
    """Return that something cannot work."""
    return Finding(Level.FAIL, text, fix)
