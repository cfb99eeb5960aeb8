"""What the keys of a US keyboard mean to the simulated computer (usages of HID page 07)."""

from __future__ import annotations

from collections.abc import Callable

Keymap = Callable[[int, int], str | None]

ENTER, ENTER_KEYPAD, BACKSPACE, TAB = 0x28, 0x58, 0x2A, 0x2B
CAPS_LOCK, SCROLL_LOCK, NUM_LOCK = 0x39, 0x47, 0x53
LIGHT_OF_KEY = {NUM_LOCK: "num", CAPS_LOCK: "caps", SCROLL_LOCK: "scroll"}

# Modifier bits of a keyboard report (document 2.2.2): ctrl, shift, alt, gui; left, then right.
CTRL, SHIFT, LEFT_ALT, GUI = 0x11, 0x22, 0x04, 0x88

# The keypad's digits and point: with Num Lock off they move the cursor instead.
KEYPAD_NUMBERS = frozenset(range(0x59, 0x64))

_PLAIN_AND_SHIFTED = {
    0x1E: "1!", 0x1F: "2@", 0x20: "3#", 0x21: "4$", 0x22: "5%",
    0x23: "6^", 0x24: "7&", 0x25: "8*", 0x26: "9(", 0x27: "0)",
    0x2C: "  ", 0x2D: "-_", 0x2E: "=+", 0x2F: "[{", 0x30: "]}",
    0x31: "\\|", 0x32: "\\|", 0x33: ";:", 0x34: "'\"", 0x35: "`~",
    0x36: ",<", 0x37: ".>", 0x38: "/?", 0x64: "<>",
    0x54: "//", 0x55: "**", 0x56: "--", 0x57: "++",
    0x59: "11", 0x5A: "22", 0x5B: "33", 0x5C: "44", 0x5D: "55",
    0x5E: "66", 0x5F: "77", 0x60: "88", 0x61: "99", 0x62: "00", 0x63: "..",
}  # fmt: skip

_US = {
    **{0x04 + place: letter + letter.upper() for place, letter in enumerate("abcdefghijklm")},
    **{0x11 + place: letter + letter.upper() for place, letter in enumerate("nopqrstuvwxyz")},
    **_PLAIN_AND_SHIFTED,
}


def us(usage: int, modifiers: int) -> str | None:
    """Return the character of a key on a US keyboard, None if it has none."""
    pair = _US.get(usage)
    return pair[bool(modifiers & SHIFT)] if pair else None


def key_of_ascii(character: str) -> tuple[int, int] | None:
    """Return (modifiers, usage) that type an ASCII character on a US keyboard."""
    for usage, pair in _US.items():
        if character in pair:
            return (0x02 if pair.index(character) else 0x00), usage
    return {"\t": (0, TAB), "\b": (0, BACKSPACE), "\x1b": (0, 0x29)}.get(character)
