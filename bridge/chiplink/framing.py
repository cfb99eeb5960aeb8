"""Bytes to frames and frames to bytes; the C core does the work, ch9329.h and hid.h say how."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from chiplink import _core

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYBOARD_FRAME = 14
"""Bytes of a keyboard frame."""

_OVERHEAD = 6
_LENGTH_AT = 4


class FrameStatus(IntEnum):
    """What a frame is worth; the numbers are core.h's."""

    OK = 0
    BAD_SUM = 1
    BAD_LENGTH = 2
    GARBAGE = 3
    UNKNOWN_COMMAND = 4
    LONG = 5
    HEADLESS = 6


_STATUSES = tuple(FrameStatus)


class Frame(NamedTuple):
    """A frame: its code (-1 for garbage), payload, status and address (-1 for garbage)."""

    kind: int
    payload: bytes
    status: FrameStatus
    address: int


class MouseKind(IntEnum):
    """How a mouse step counts x and y; the numbers are its report's first data byte."""

    RELATIVE = 1
    ABSOLUTE = 2


class MouseStep(NamedTuple):
    """A mouse step: pixels moved, or a pixel of a screen of width by height; wheel up is positive.

    `buttons` are those held after it: 1 left, 2 right, 4 middle, 8 back, 16 forward.
    """

    kind: MouseKind
    buttons: int = 0
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0
    wheel: int = 0


class Ch9329Framer(_core.Ch9329[Frame]):
    """Cuts a CH9329's byte stream, either direction, into frames; one thread may use it.

    feed(bytes) and flush() return list[Frame]; pending counts the bytes that wait.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(Frame, _STATUSES)


def encode(address: int, command: int, data: bytes = b"") -> bytes:
    """Return one frame; ValueError if the command has no data of this length."""
    return _core.ch9329_encode(address, command, data)


def keyboard(address: int, modifiers: int, usages: bytes = b"") -> bytes:
    """Return the keyboard frame that holds these modifiers and up to six usages."""
    return _core.hid_keyboard(address, modifiers, usages)


def type_text(
    table: bytes, text: str, *, address: int = 0, caps_lit: bool = False
) -> tuple[bytes, memoryview]:
    """Return the 14-byte frames that type a text, and the characters complete after each of them.

    `table` is rows of cl_hid_key_t; ValueError for a character that it lacks.
    """
    try:
        source = text.encode("utf-32-le")
    except UnicodeEncodeError:
        # The original error carries the text, which may be a password.
        raise ValueError("the text holds half a surrogate pair") from None
    return _core.hid_type(table, source, address, caps_lit=caps_lit)


def mouse(steps: Iterable[MouseStep], *, address: int = 0) -> list[bytes]:
    """Return the frames of a mouse path, in order; ValueError for a step outside its range."""
    path = _core.hid_mouse(list(steps), address)
    frames = []
    at = 0
    while at < len(path):
        end = at + _OVERHEAD + path[at + _LENGTH_AT]
        frames.append(path[at:end])
        at = end
    return frames
