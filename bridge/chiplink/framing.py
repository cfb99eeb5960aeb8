"""Bytes to frames and frames to bytes; the C core does the work, its headers say how."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from chiplink import _core

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


class Ch392Frame(NamedTuple):
    """A reply of a CH392: its command's code (-1 for garbage), payload, status.

    The status is OK, BAD_LENGTH (given up; the payload is what came) or GARBAGE.
    """

    kind: int
    payload: bytes
    status: FrameStatus


class Ch392Framer(_core.Ch392[Ch392Frame]):
    """Cuts what a CH392 sends over UART into replies; one thread may use it.

    expect(code, length) tells of a command; feed(bytes) and flush() return list[Ch392Frame];
    pending counts the reply bytes that are still to come.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(Ch392Frame, _STATUSES)


class Ch392Row(NamedTuple):
    """A command of the CH392: argument and reply bytes, and times in microseconds.

    `gap` and `turn` are SPI's, after the code and before the reply; `pause` is the least time
    before the next command, `typical` how long this one takes (0: no time).
    """

    code: int
    chips: int
    flags: int
    reply: int
    least: int
    most: int
    gap: int
    turn: int
    pause: int
    typical: int

    @property
    def has_status(self) -> bool:
        """Whether GET_CMD_STATUS must follow, and nothing else before it is done."""
        return bool(self.flags & _core.CH392_STATUS)

    @property
    def counts_arguments(self) -> bool:
        """Whether arguments 1 and 2 count the data bytes behind them."""
        return bool(self.flags & _core.CH392_COUNT_IN)

    @property
    def counts_reply(self) -> bool:
        """Whether arguments 1 and 2 count the bytes of the reply."""
        return bool(self.flags & _core.CH392_COUNT_OUT)

    @property
    def answers(self) -> bool:
        """Whether a reply comes at all."""
        return self.reply > 0 or self.counts_reply


class Ch392Segment(NamedTuple):
    """A part of an SPI transfer: bytes sent, or how many are read; then a gap in microseconds."""

    sent: bytes
    read: int
    gap: int


CH392F = _core.CH392_F
"""In a row's `chips`: the CH392F has it."""

CH392T = _core.CH392_T
"""In a row's `chips`: the CH392T has it."""

CH392_OPTIONAL = _core.CH392_OPTIONAL
"""In a row's `chips`: a CH395 has it, a CH392 perhaps."""

CH392_STREAM = _core.CH392_STREAM_MAX
"""Bytes of the longest WRITE_SEND_BUF_SN or READ_RECV_BUF_SN."""

CH392_REPLIES = _core.CH392_EXPECTED_MAX
"""How many replies a Ch392Framer may expect at once."""


@cache
def ch392_commands() -> Mapping[int, Ch392Row]:
    """Return the CH392's commands by code."""
    return MappingProxyType({row[0]: Ch392Row(*row) for row in _core.ch392_rows()})


def ch392_reply_length(command: bytes) -> int:
    """Return how many bytes answer a command (code and arguments); ValueError if it is none."""
    return _core.ch392_reply(command)


def ch392_encode(*commands: bytes) -> bytes:
    """Return the UART packets of commands (code and arguments); ValueError if one is none."""
    return _core.ch392_encode(commands)


def ch392_segments(command: bytes, *, gap: int, turn: int) -> list[Ch392Segment]:
    """Return a command as one SPI transfer; `gap` and `turn` as in Ch392Row."""
    return [
        Ch392Segment(b"" if reads else command[offset : offset + length], length * reads, pause)
        for offset, length, reads, pause in _core.ch392_segments(command, gap, turn)
    ]


class AtKind(IntEnum):
    """What a modem's bytes stand for; the numbers are at.h's."""

    LINE = 0
    """Any line that is none of the following."""
    FINAL = 1
    """OK, ERROR, +CME ERROR: …, +CMS ERROR: …"""
    URC = 2
    """A line that answers no command."""
    SENDER = 3
    """RECV FROM:…, whose payload comes next."""
    PROMPT = 4
    ECHO = 5
    HEAD = 6
    """The header of a payload; a PAYLOAD always follows, with perhaps no bytes."""
    PAYLOAD = 7
    JUNK = 8
    """Bytes that are no line."""
    BROKEN = 9
    """A line that is too long, or was given up without its end."""
    TORN = 10
    """A PAYLOAD that was given up before it was whole."""


AT_LINE = _core.AT_LINE_MAX
"""Bytes of the longest line, with its end."""

AT_PAYLOAD = _core.AT_PAYLOAD_MAX
"""Bytes of the longest payload that a header may count."""

AT_SEND = _core.AT_SEND_MAX
"""Bytes of the longest CIPSEND of any model."""


AtFrame = tuple[int, bytes]
"""What a modem sent: an AtKind's number, and the text or payload without line ends.

A plain tuple: members and a NamedTuple cost more than all the rest of a line.
"""


class AtFramer(_core.At):
    """Cuts what a modem sends into lines, prompts and payloads; one thread may use it.

    expect(prompt=, read=, raw=) tells of a command; feed(bytes) and flush() return list[AtFrame];
    pending counts the bytes that wait, or are to come of a payload.
    """

    __slots__ = ()


def at_data(data: bytes, *, escapes: bool) -> bytes:
    """Return what is sent behind a prompt that has no length: the data and Ctrl-Z.

    With `escapes` 1A, 1B and 03 each get an ETX; without, ValueError for 1A and 1B, which cannot
    be carried. ValueError also for no data and for more than AT_SEND bytes.
    """
    return _core.at_data(data, escapes=escapes)
