"""CH9329 frames in words, both directions, as the document names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.framing import Ch9329Framer, Frame, FrameStatus
from chiplink.protocol.ch9329 import BROADCAST, ERROR_REPLY, REPLY, Command, status_words
from chiplink.protocol.key_names import KEYS, MODIFIERS

if TYPE_CHECKING:
    from collections.abc import Callable

_BAD = {
    FrameStatus.BAD_SUM: "wrong checksum",
    FrameStatus.BAD_LENGTH: "no frame of this command has this length",
    FrameStatus.GARBAGE: "not a frame",
}

_GOOD_NOTES = {
    FrameStatus.OK: "",
    FrameStatus.LONG: " (71 bytes long, as a CH9329F answers)",
    FrameStatus.HEADLESS: " (its first byte, 57H, is missing)",
}

_COMMAND_NAMES = {int(command): command.name for command in Command}
_LETTERS = {0x04 + n: chr(ord("a") + n) for n in range(26)}
_DIGITS = {0x1E + n: "1234567890"[n] for n in range(10)}
_SIGNS = {0x2D + n: "-=[]\\#;'`,./"[n] for n in range(12)}
_USAGES = {usage: name for name, usage in reversed(KEYS.items())} | _LETTERS | _DIGITS | _SIGNS


def explain(data: bytes) -> list[tuple[bool, str]]:
    """Return a line for each frame in `data`, with whether it is good."""
    framer = Ch9329Framer()
    frames = framer.feed(data)
    while framer.pending:
        waiting = framer.pending
        torn = framer.flush()
        frames.extend(torn)
        if framer.pending >= waiting and not torn:
            break
    return [_line(frame) for frame in frames]


def _line(frame: Frame) -> tuple[bool, str]:
    if frame.status is FrameStatus.UNKNOWN_COMMAND:
        return True, "← the chip does not know the command (five bytes, without a checksum)"
    if frame.status not in _GOOD_NOTES:
        shown = frame.payload.hex(" ").upper()
        if frame.status is FrameStatus.GARBAGE or frame.kind < 0:
            return False, f"{_BAD[FrameStatus.GARBAGE]}: {shown}"
        return False, f"{_name(frame)}: {_BAD[frame.status]}: {shown}"
    return True, f"{_name(frame)}{_content(frame)}{_GOOD_NOTES[frame.status]}"


def _name(frame: Frame) -> str:
    arrow = "←" if frame.kind & REPLY else "→"
    code = frame.kind & 0x3F
    name = _COMMAND_NAMES.get(code, f"command {code:02X}H")
    where = "" if frame.address == 0 else f" to address {frame.address:02X}H"
    if frame.address == BROADCAST:
        where = " to all"
    failed = " failed" if frame.kind & ERROR_REPLY == ERROR_REPLY else ""
    return f"{arrow} {name}{where}{failed}"


def _content(frame: Frame) -> str:
    if frame.kind & ERROR_REPLY == ERROR_REPLY:
        return f": {status_words(frame.payload[0])}" if frame.payload else ""
    table = _REPLIES if frame.kind & REPLY else _COMMANDS
    reader = table.get(frame.kind & 0x3F)
    if reader is not None:
        return f": {reader(frame.payload)}"
    if frame.kind & REPLY and len(frame.payload) == 1:
        return f": {status_words(frame.payload[0])}"
    return f": {frame.payload.hex(' ').upper()}" if frame.payload else ""


def _keyboard(data: bytes) -> str:
    names = [name for name, bit in MODIFIERS.items() if data[0] & bit]
    names += [_USAGES.get(usage, f"usage {usage:02X}H") for usage in data[2:] if usage]
    return " + ".join(names) if names else "all keys released"


def _info(data: bytes) -> str:
    version = f"V1.{data[0] - 0x30}" if data[0] >= ord("0") else f"version {data[0]:02X}H"
    usb = "computer connected" if data[1] == 1 else "no computer"
    lights = [name for bit, name in enumerate(("num", "caps", "scroll")) if data[2] >> bit & 1]
    return f"{version}, {usb}, lights: {' '.join(lights) or 'none'}"


_COMMANDS: dict[int, Callable[[bytes], str]] = {Command.SEND_KB_GENERAL_DATA: _keyboard}
_REPLIES: dict[int, Callable[[bytes], str]] = {Command.GET_INFO: _info}
