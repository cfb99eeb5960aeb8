"""Text to be typed: normalised and checked before the first key goes down."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from chiplink.exceptions import (
    BadPayloadError,
    RefusedError,
    TooLargeError,
    UnsupportedCharactersError,
)

if TYPE_CHECKING:
    from chiplink.layouts import Layout

_SHOWN = 20


def prepare(text: str, layout: Layout, limit: int, *, caps_lit: bool = False) -> str:
    """Return `text` in NFC with one newline a line end.

    Raises TooLargeError beyond `limit` characters, UnsupportedCharactersError naming what
    `layout` cannot type, RefusedError for what it cannot type while Caps Lock is lit,
    BadPayloadError when there is nothing to type.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise BadPayloadError("nothing to type")
    if len(text) > limit:
        raise TooLargeError(f"{len(text)} characters; at most {limit} at once")
    if not layout.characters.issuperset(text):
        missing = layout.missing(text)
        shown = " ".join(_show(character) for character in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise UnsupportedCharactersError(
            f"the layout {layout.name} cannot type: {shown}{more}",
            public=f"the layout {layout.name} cannot type {len(missing)} of the characters",
        )
    if caps_lit and not layout.spoiled.isdisjoint(text):
        raise RefusedError("Caps Lock is lit: some of the characters cannot be typed; put it out")
    return text


def _show(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
