"""The little language of `keys` (SPEC.md, "keys"): from text to keyboard states."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chiplink.exceptions import BadPayloadError
from chiplink.protocol.key_names import (
    CHARACTER_NAMES,
    KEY_ALIASES,
    KEYS,
    LOCK_USAGES,
    MODIFIER_ALIASES,
    MODIFIERS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.layouts import Layout

MAX_KEYS = 6
"""Ordinary keys a report can hold (section 2.2.2)."""

MAX_CHORDS = 256
"""Chords of one command."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A set of keys: modifier bits and usages."""

    modifiers: int = 0
    usages: tuple[int, ...] = ()

    def __or__(self, other: Keys) -> Keys:
        """Return both sets together, in the order they were pressed."""
        more = tuple(usage for usage in other.usages if usage not in self.usages)
        return Keys(self.modifiers | other.modifiers, self.usages + more)

    def __sub__(self, other: Keys) -> Keys:
        """Return this set without `other`."""
        left = tuple(usage for usage in self.usages if usage not in other.usages)
        return Keys(self.modifiers & ~other.modifiers, left)

    def __bool__(self) -> bool:
        """Whether any key is in the set."""
        return bool(self.modifiers or self.usages)


@dataclass(frozen=True, slots=True)
class KeyState:
    """One report: what is down from now on; `lock` asks for a longer hold."""

    keys: Keys
    lock: bool = False


@dataclass(frozen=True, slots=True)
class KeySequence:
    """The reports of one command, and what is held when it is over."""

    states: tuple[KeyState, ...]
    held: Keys = field(default_factory=Keys)


def parse_keys(text: str, layout: Layout, held: Keys) -> KeySequence:
    """Parse chords separated by spaces; raises BadPayloadError naming the word at fault."""
    try:
        return _parse(text.split(), layout, held)
    except BadPayloadError as error:
        raise BadPayloadError(str(error), public="the keys could not be read") from None


def _parse(words: list[str], layout: Layout, held: Keys) -> KeySequence:
    if not words:
        raise BadPayloadError("no keys; write for example ctrl+alt+delete")
    if len(words) > MAX_CHORDS:
        raise BadPayloadError(f"{len(words)} chords; at most {MAX_CHORDS} at once")
    states: list[KeyState] = []
    for word in words:
        held = _play(word, layout, held, states.append)
    return KeySequence(tuple(states), held)


def _play(word: str, layout: Layout, held: Keys, add: Callable[[KeyState], None]) -> Keys:
    """Add the reports of one word and return what is held after it."""
    if len(word) > 1 and word[0] in "+-":
        keys = _chord(word[1:], layout)
        held = held | keys if word[0] == "+" else held - keys
        _check(held, word)
        add(KeyState(held, lock=_has_lock(keys)))
        return held
    keys = _chord(word, layout)
    _check(held | keys, word)
    add(KeyState(held | keys, lock=_has_lock(keys)))
    add(KeyState(held))
    return held


def _check(keys: Keys, word: str) -> None:
    if len(keys.usages) > MAX_KEYS:
        raise BadPayloadError(f"{word!r}: {len(keys.usages)} keys; a keyboard holds {MAX_KEYS}")


def _has_lock(keys: Keys) -> bool:
    return not LOCK_USAGES.isdisjoint(keys.usages)


def _chord(text: str, layout: Layout) -> Keys:
    keys = Keys()
    for name in text.split("+"):
        if not name:
            raise BadPayloadError(f"{text!r}: empty key name; the plus key is called plus")
        keys |= _key(name, layout)
    return keys


def _key(name: str, layout: Layout) -> Keys:
    lowered = name.lower() if len(name) > 1 else name
    modifier = MODIFIERS.get(MODIFIER_ALIASES.get(lowered, lowered))
    if modifier is not None:
        return Keys(modifiers=modifier)
    usage = KEYS.get(KEY_ALIASES.get(lowered, lowered))
    if usage is not None:
        return Keys(usages=(usage,))
    character = CHARACTER_NAMES.get(lowered, name)
    if len(character) == 1:
        return _character(character, layout)
    raise BadPayloadError(f"no key is called {name!r}{_nearest(lowered)}")


def _character(character: str, layout: Layout) -> Keys:
    """A letter names its key whatever its case; other characters bring their modifiers."""
    if character.isalpha() and character.lower() in layout.characters:
        character = character.lower()
    if character not in layout.characters:
        raise BadPayloadError(f"no key types {character!r} on the layout {layout.name}")
    strokes = layout.strokes(character)
    if len(strokes) > 1:
        raise BadPayloadError(f"{character!r} takes several keys on the layout {layout.name}")
    usage, modifiers = strokes[0]
    return Keys(modifiers, (usage,))


def _nearest(name: str) -> str:
    known = [*MODIFIERS, *MODIFIER_ALIASES, *KEYS, *KEY_ALIASES, *CHARACTER_NAMES]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
