"""A CH9329's frames in words, without what people typed, sent by custom HID or named."""

from __future__ import annotations

from chiplink.framing import Ch9329Framer, Frame, FrameStatus, encode
from chiplink.protocol.ch9329 import ERROR_REPLY, REPLY, Command, code_of
from chiplink.protocol.ch9329_words import explain
from chiplink.transport.tap import Direction

REDACTED: dict[int, str] = {
    Command.SEND_KB_GENERAL_DATA: "keyboard report (redacted)",
    Command.SEND_MY_HID_DATA: "custom HID report (redacted)",
    Command.READ_MY_HID_DATA: "custom HID report (redacted)",
    Command.GET_USB_STRING: "USB string (redacted)",
    Command.SET_USB_STRING: "USB string (redacted)",
}
"""What is said instead of a content that people typed or chose."""

SHOWN_COMMANDS = frozenset(
    {
        Command.GET_INFO,
        Command.SEND_KB_MEDIA_DATA,
        Command.SEND_MS_ABS_DATA,
        Command.SEND_MS_REL_DATA,
        Command.GET_PARA_CFG,
        Command.SET_PARA_CFG,
        Command.GET_USB_STRING,
        Command.SET_DEFAULT_CFG,
        Command.RESET,
    }
)
SHOWN_REPLIES = frozenset({Command.GET_INFO, Command.GET_PARA_CFG})
"""Commands and replies whose content tells nothing about anybody."""

READ = frozenset({Command.READ_MY_HID_DATA, Command.GET_USB_STRING})
"""Replies that bring a content; one byte of any other is a status."""

_WHOLE = {
    FrameStatus.OK: "",
    FrameStatus.LONG: " (longer than it says)",
    FrameStatus.HEADLESS: " (its first byte, 57H, is missing)",
}
_BAD = {
    FrameStatus.BAD_SUM: "wrong checksum",
    FrameStatus.BAD_LENGTH: "wrong length",
    FrameStatus.GARBAGE: "not a frame",
}


class Ch9329Words:
    """A CH9329's line in words that hold nothing of what people typed."""

    def __init__(self) -> None:
        self._framers = {direction: Ch9329Framer() for direction in Direction}

    def feed(self, direction: Direction, data: bytes) -> list[tuple[bool, str]]:
        """Return a line for each frame that `data` completes, with whether it is good."""
        return [_redacted(frame) for frame in self._framers[direction].feed(data)]


def _redacted(frame: Frame) -> tuple[bool, str]:
    if frame.status is FrameStatus.GARBAGE and not any(frame.payload):
        return True, f"{len(frame.payload)} zero bytes: what the chip still waits for is over"
    if frame.status is FrameStatus.UNKNOWN_COMMAND:
        return True, "← the chip does not know the command"
    if frame.status not in _WHOLE:
        named = f"{_name(frame)}: " if frame.kind >= 0 else ""
        return False, f"{named}{_BAD[frame.status]}, {len(frame.payload)} bytes (redacted)"
    words = _shown(frame) if _is_harmless(frame) else None
    if words is None:
        content = REDACTED.get(_code(frame), f"{len(frame.payload)} bytes (redacted)")
        words = f"{_name(frame)}: {content}"
    return True, words + _WHOLE[frame.status]


def _is_harmless(frame: Frame) -> bool:
    code = _code(frame)
    if frame.kind & ERROR_REPLY == ERROR_REPLY or not frame.payload:
        return True
    if frame.kind & REPLY:
        is_status = len(frame.payload) == 1 and code not in READ
        return is_status or code in SHOWN_REPLIES
    return code in SHOWN_COMMANDS


def _shown(frame: Frame) -> str | None:
    """Return a frame's words; None for one whose length is not the document's."""
    try:
        lines = explain(encode(frame.address, frame.kind, frame.payload))
    except ValueError:
        return None
    return lines[0][1] if len(lines) == 1 else None


def _name(frame: Frame) -> str:
    arrow = "←" if frame.kind & REPLY else "→"
    code = _code(frame)
    return f"{arrow} {code.name if isinstance(code, Command) else f'command {code:02X}H'}"


def _code(frame: Frame) -> Command | int:
    code = code_of(frame.kind)
    return Command(code) if code in _CODES else code


_CODES = frozenset(int(command) for command in Command)
