"""The reports a CH9329 hands to the computer, in words (sections 2.2.2 to 2.2.7)."""

from __future__ import annotations

from chiplink.protocol.key_names import KEYS, MODIFIERS
from chiplink.protocol.media_names import MEDIA, POWER

_LETTERS = {0x04 + n: chr(ord("a") + n) for n in range(26)}
_DIGITS = {0x1E + n: "1234567890"[n] for n in range(10)}
_SIGNS = {0x2D + n: "-=[]\\#;'`,./"[n] for n in range(12)}
_USAGES = {usage: name for name, usage in reversed(KEYS.items())} | _LETTERS | _DIGITS | _SIGNS

_BUTTONS = ("left", "right", "middle", "back", "forward")
"""Buttons by bit; the last two work though the document does not have them."""

_MEDIA_REPORT = 0x02
_POWER_REPORT = 0x01
_ABSOLUTE_REPORT = 0x02
_RELATIVE_REPORT = 0x01
_MEDIA_LENGTH = 4

_COORDINATE_MASK = 0x1FFF
_COORDINATE_MAX = 4095
_UNDEFINED_WHEEL = 0x80


def keyboard_words(data: bytes) -> str:
    """Return the keys that the eight bytes of a keyboard report hold."""
    names = [name for name, bit in MODIFIERS.items() if data[0] & bit]
    names += [_USAGES.get(usage, f"usage {usage:02X}H") for usage in data[2:] if usage]
    shown = " + ".join(names) if names else "all keys released"
    return shown if data[1] == 0 else f"{shown} (the second byte is {data[1]:02X}, not 00)"


def media_words(data: bytes) -> str:
    """Return the media or power keys that the two or four bytes of a report hold."""
    if len(data) != _MEDIA_LENGTH:
        return _power_words(data)
    if data[0] != _MEDIA_REPORT:
        return _without(_MEDIA_REPORT, data)
    names = [name for name, (byte, bit) in MEDIA.items() if data[byte] >> bit & 1]
    return " + ".join(names) or "all media keys released"


def absolute_words(data: bytes) -> str:
    """Return where the seven bytes of an absolute report put the pointer, and what it holds."""
    if data[0] != _ABSOLUTE_REPORT:
        return _without(_ABSOLUTE_REPORT, data)
    x = _coordinate(int.from_bytes(data[2:4], "little"))
    y = _coordinate(int.from_bytes(data[4:6], "little"))
    return f"pointer to x {x}, y {y} of 4096; {_buttons(data[1])}; {_wheel(data[6])}"


def relative_words(data: bytes) -> str:
    """Return how far the five bytes of a relative report move the pointer, and what it holds."""
    if data[0] != _RELATIVE_REPORT:
        return _without(_RELATIVE_REPORT, data)
    moves = [_move(data[2], "right", "left"), _move(data[3], "down", "up")]
    shown = ", ".join(move for move in moves if move) or "stays"
    return f"pointer {shown}; {_buttons(data[1])}; {_wheel(data[4])}"


def hid_words(data: bytes) -> str:
    """Return a custom HID report in hex."""
    return f"{len(data)} bytes: {data.hex(' ').upper()}" if data else "0 bytes"


def _power_words(data: bytes) -> str:
    if data[0] != _POWER_REPORT:
        return _without(_POWER_REPORT, data)
    names = [name for name, bit in POWER.items() if data[1] >> bit & 1]
    names += [f"bit {bit}" for bit in range(len(POWER), 8) if data[1] >> bit & 1]
    return " + ".join(names) or "all power keys released"


def _without(report: int, data: bytes) -> str:
    """What a report without its id says is unknown: the chip looks no further."""
    shown = data.hex(" ").upper()
    return f"report id {report:02X} is missing: the chip acknowledges and does nothing: {shown}"


def _buttons(bits: int) -> str:
    names = [name for bit, name in enumerate(_BUTTONS) if bits >> bit & 1]
    names += [f"bit {bit}" for bit in range(len(_BUTTONS), 8) if bits >> bit & 1]
    return f"{' + '.join(names)} held" if names else "no button held"


def _wheel(byte: int) -> str:
    if byte == _UNDEFINED_WHEEL:
        return "wheel 80H, which is undefined"
    turn = _signed(byte)
    return f"wheel {abs(turn)} {'up' if turn > 0 else 'down'}" if turn else "wheel still"


def _move(byte: int, positive: str, negative: str) -> str:
    """Return one axis of a move; computers disagree about what 80H is."""
    distance = _signed(byte)
    note = " (80H: computers disagree)" if byte == _UNDEFINED_WHEEL else ""
    return f"{abs(distance)} {positive if distance > 0 else negative}{note}" if distance else ""


def _coordinate(raw: int) -> str:
    effective = min(raw & _COORDINATE_MASK, _COORDINATE_MAX)
    return str(raw) if raw == effective else f"{raw} (counts as {effective})"


def _signed(byte: int) -> int:
    return byte - 0x100 if byte & 0x80 else byte
