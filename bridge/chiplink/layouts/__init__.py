"""Keyboard layouts: which keys type which character on a host set to that layout."""

from __future__ import annotations

import struct
from bisect import bisect_left
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import msgspec

__all__ = ["CAPS_INVERTS", "CAPS_SPOILS", "ROW", "Layout", "load", "names"]

FOLDER = Path(__file__).parent

ROW = struct.Struct("<IB3s3sB")
"""A row of Layout.table: code point, strokes (1-3), usages, modifiers, flags."""

CAPS_INVERTS = 0x01
"""While Caps Lock is lit, the last stroke needs Shift inverted."""

CAPS_SPOILS = 0x02
"""While Caps Lock is lit, these strokes type something else, with Shift or without."""


class _File(msgspec.Struct):
    """What a layout file holds beyond its origin; strokes are hexadecimal usage, modifiers."""

    title: str
    caps_inverts: str
    caps_spoils: str
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """One national layout; `table` is 12-byte rows (ROW) sorted by code point."""

    name: str
    title: str
    table: bytes = field(repr=False)
    characters: frozenset[str] = field(repr=False)
    spoiled: frozenset[str] = field(repr=False)
    """What no key types rightly while Caps Lock is lit."""

    def strokes(self, char: str) -> tuple[tuple[int, int], ...]:
        """(usage, modifier bits) of each stroke that types `char`; KeyError if none do."""
        if char not in self.characters:
            raise KeyError(char)
        rows = range(len(self.table) // ROW.size)
        _, count, usages, modifiers, _ = self._row(bisect_left(rows, ord(char), key=self._code))
        return tuple(zip(usages[:count], modifiers[:count], strict=True))

    def missing(self, text: str) -> str:
        """List the distinct characters of `text` that cannot be typed, as they first appear."""
        return "".join(char for char in dict.fromkeys(text) if char not in self.characters)

    def _code(self, index: int) -> int:
        return self._row(index)[0]

    def _row(self, index: int) -> tuple[int, int, bytes, bytes, int]:
        row: tuple[int, int, bytes, bytes, int] = ROW.unpack_from(self.table, index * ROW.size)
        return row


@cache
def names() -> tuple[str, ...]:
    """Every layout's name, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def load(name: str) -> Layout:
    """Load one layout, once; ValueError with the nearest name if there is none such."""
    if name not in names():
        near = get_close_matches(name.lower(), names(), n=1, cutoff=0.0)
        raise ValueError(f"{name[:32]!r} is no keyboard layout; the nearest is {near[0]!r}")
    data = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=_File)
    flags = dict.fromkeys(data.caps_inverts, CAPS_INVERTS)
    flags |= dict.fromkeys(data.caps_spoils, CAPS_SPOILS)
    return Layout(
        name,
        data.title,
        _table(data.keys, flags),
        frozenset(data.keys),
        frozenset(data.caps_spoils),
    )


def _table(keys: dict[str, str], flags: dict[str, int]) -> bytes:
    rows = []
    for char, text in keys.items():
        strokes = bytes.fromhex(text)
        count = len(strokes) // 2
        row = ROW.pack(ord(char), count, strokes[::2], strokes[1::2], flags.get(char, 0))
        rows.append(row)
    return b"".join(rows)
