"""Write the layout files: `python -m chiplink.layouts.generate [NAME…]`; a developer's script."""

from __future__ import annotations

import json
import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chiplink.layouts.recipes import ALTGR, RECIPES, SHIFT, Recipe
from chiplink.layouts.xkb import Compose, Keymap, Symbol, version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# HID usages of page 07 and the evdev codes that Linux gives them. The key beside Enter has
# two usages, 31H and 32H, which hosts take as one; 31H is the one written.
LETTERS = "30 48 46 32 18 33 34 35 23 36 37 38 50 49 24 25 16 19 31 20 22 47 17 45 21 44"
PUNCTUATION = {0x2C: 57, 0x2D: 12, 0x2E: 13, 0x2F: 26, 0x30: 27, 0x31: 43}  # space - = [ ] \
PUNCTUATION |= {0x33: 39, 0x34: 40, 0x35: 41, 0x36: 51, 0x37: 52, 0x38: 53}  # ; ' ` , . /
KEYPAD = {0x54: 98, 0x55: 55, 0x56: 74, 0x57: 78, 0x85: 121}  # / * - + and br's point
EXTRA = {0x64: 86, 0x87: 89, 0x89: 124}  # the ISO key, jp's and br's beside right Shift, yen
EVDEV = {
    **{0x04 + place: int(code) for place, code in enumerate(LETTERS.split())},
    **{0x1E + place: 2 + place for place in range(10)},  # 1 to 0
    **PUNCTUATION,
    **KEYPAD,
    **EXTRA,
}
USAGES = {code: usage for usage, code in EVDEV.items()}
SPACE, ISO_KEY = 0x2C, 0x64
HELD = {0: (), SHIFT: (42,), ALTGR: (100,), SHIFT | ALTGR: (42, 100)}

# Enter and Tab type no character of their own in XKB; every host agrees on them.
CONTROLS = {"\t": ((0x2B, 0),), "\n": ((0x28, 0),)}
MAX_STROKES = 3
NEVER_TYPED = frozenset(("Cc", "Cn", "Co", "Cs"))

Stroke = tuple[int, int]
Strokes = tuple[Stroke, ...]
Levels = dict[Stroke, Symbol]


class Way(NamedTuple):
    """One way to type a character; the least one is the best.

    Few strokes and few modifiers, tempered so that hosts other than XKB agree:
    - the keypad only serves what the main block cannot type: a shortcut, and a terminal in
      application keypad mode, see its keys as others;
    - a dead key and space come before AltGr: Windows lacks many of XKB's AltGr levels, but has
      the dead keys in the same places;
    - the ISO key comes after others: layouts without it leave it to the host's fancy;
    - with AltGr, what a nation's own file says comes before what it takes over from XKB's
      common Latin file.
    """

    keypad: int
    unusual: int
    strokes: int
    iso: int
    common: int
    modifiers: int
    unspaced: int
    keys: Strokes


def way(keys: Strokes, common: Collection[Stroke] = ()) -> Way:
    """Rank the strokes that type one character."""
    keypad = sum(usage in KEYPAD for usage, _ in keys)
    iso = sum(usage == ISO_KEY and not held & ALTGR for usage, held in keys)
    modifiers = sum(held.bit_count() for _, held in keys)
    taken_over = sum(key in common for key in keys if key[1] & ALTGR)
    spaced = len(keys) > 1 and keys[-1] == (SPACE, 0)
    altgr = any(held & ALTGR for _, held in keys)
    unusual = altgr or (len(keys) > 1 and not spaced)
    return Way(keypad, unusual, len(keys), iso, taken_over, modifiers, not spaced, keys)


def levels(keymap: Keymap, lock: str = "") -> Levels:
    """Tell what every key yields with every combination of Shift and AltGr."""
    return {
        (USAGES[code], held): symbol
        for held, codes in HELD.items()
        for code, symbol in keymap.symbols(codes, USAGES, lock).items()
    }


@cache
def latin() -> Levels:
    """Tell what XKB's common Latin file gives to every layout that includes it."""
    return levels(Keymap("pc105", "latin", "", "en_US.UTF-8", "lv3:ralt_switch"))


def best_keys(keymap: Keymap, preferred: Collection[Stroke]) -> dict[Symbol, Stroke]:
    """Choose the best stroke for each keysym, leaving out what Num Lock changes."""
    plain, num_lock = levels(keymap), levels(keymap, "NumLock")
    common = {stroke for stroke, symbol in plain.items() if latin().get(stroke) == symbol}
    best: dict[Symbol, Stroke] = {}
    order = sorted(plain, key=lambda key: (key not in preferred, way((key,), common)))
    for stroke in order:
        if num_lock.get(stroke) == plain[stroke]:
            best.setdefault(plain[stroke], stroke)
    return best


def sequences(keymap: Keymap, best: dict[Symbol, Stroke]) -> Iterator[tuple[str, Strokes]]:
    """Yield every text that up to three strokes type, with the strokes."""
    prefixes: list[tuple[Symbol, ...]] = [()]
    for length in range(1, MAX_STROKES + 1):
        longer = []
        for symbols in ((*prefix, symbol) for prefix in prefixes for symbol in best):
            status, text = keymap.compose([symbol.keysym for symbol in symbols])
            if status is Compose.COMPOSING:
                longer.append(symbols)
            elif status is Compose.COMPOSED or length == 1:
                yield text or symbols[0].text, tuple(best[symbol] for symbol in symbols)
        prefixes = longer


def typable(text: str) -> bool:
    """Whether `text` is one character that text in NFC can hold; control characters are not."""
    return (
        len(text) == 1
        and unicodedata.category(text) not in NEVER_TYPED
        and unicodedata.is_normalized("NFC", text)
    )


def ways(keymap: Keymap, prefer: dict[str, Stroke]) -> dict[str, Strokes]:
    """Choose the best strokes for every character, sorted by code point."""
    found: dict[str, Way] = {}
    for char, keys in sequences(keymap, best_keys(keymap, prefer.values())):
        if typable(char):
            found[char] = min(found.get(char, way(keys)), way(keys))
    chosen = {char: best.keys for char, best in found.items()}
    for char, stroke in prefer.items():
        if chosen[char] != (stroke,):
            raise ValueError(f"the preferred stroke does not type {char!r}")
    return dict(sorted((chosen | CONTROLS).items()))


def typed(keymap: Keymap, lit: Levels, keys: Strokes) -> str:
    """Tell what strokes type on a host whose lights are those of `lit`."""
    symbols = [lit[stroke] for stroke in keys if stroke in lit]
    status, text = keymap.compose([symbol.keysym for symbol in symbols])
    if len(symbols) == 1 and status is Compose.NOTHING:
        return symbols[0].text
    return text


def caps(keymap: Keymap, chosen: dict[str, Strokes]) -> tuple[str, str]:
    """Tell which characters Caps Lock inverts the Shift of, and which it spoils altogether."""
    lit = levels(keymap, "Lock")
    inverted, spoiled = "", ""
    for char, keys in chosen.items():
        if char in CONTROLS or typed(keymap, lit, keys) == char:
            continue
        usage, held = keys[-1]
        if typed(keymap, lit, (*keys[:-1], (usage, held ^ SHIFT))) == char:
            inverted += char
        else:
            spoiled += char
    return inverted, spoiled


def quoted(text: str) -> str:
    """Quote for JSON, escaping what cannot be seen standing alone."""
    return "".join(
        json.dumps(char, ensure_ascii=unicodedata.category(char)[0] in "CMZ")[1:-1] for char in text
    ).join('""')


def document(recipe: Recipe) -> str:
    """Compile one layout into the text of its file."""
    keymap = Keymap(recipe.model, recipe.layout, recipe.variant, recipe.compose)
    chosen = ways(keymap, recipe.prefer)
    inverted, spoiled = caps(keymap, chosen)
    head = {
        "title": recipe.title,
        "source": version(),
        "model": recipe.model,
        "layout": recipe.layout,
        "variant": recipe.variant,
        "compose": recipe.compose,
        "caps_inverts": inverted,
        "caps_spoils": spoiled,
    }
    lines = [f"{quoted(key)}: {quoted(value)}," for key, value in head.items()]
    rows = [
        f'{quoted(char)}: "{bytes(byte for stroke in keys for byte in stroke).hex()}"'
        for char, keys in chosen.items()
    ]
    return "\n".join(("{", *lines, '"keys": {', ",\n".join(rows), "}", "}", ""))


def main(arguments: list[str]) -> int:
    """Write the named layouts, or all; 2 if a name is unknown."""
    unknown = [name for name in arguments if name not in RECIPES]
    if unknown:
        sys.stderr.write(f"no such layout: {' '.join(unknown)}; there are {' '.join(RECIPES)}\n")
        return 2
    for name in arguments or RECIPES:
        path = Path(__file__).with_name(f"{name}.json")
        path.write_text(document(RECIPES[name]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
