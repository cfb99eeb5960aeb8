"""CH9329 frames in words, both directions, as the document names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.framing import Ch9329Framer, Frame, FrameStatus
from chiplink.protocol.ch9329 import (
    BROADCAST,
    ERROR_REPLY,
    REPLY,
    Command,
    code_of,
    status_words,
)
from chiplink.protocol.ch9329_parameter_words import describe, string_name, string_words
from chiplink.protocol.ch9329_parameters import Parameters
from chiplink.protocol.ch9329_report_words import (
    absolute_words,
    hid_words,
    keyboard_words,
    media_words,
    relative_words,
)

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
        return False, f"{_name(frame)}: {_BAD[frame.status]}{shown and f': {shown}'}"
    return True, f"{_name(frame)}{_content(frame)}{_GOOD_NOTES[frame.status]}"


def _name(frame: Frame) -> str:
    arrow = "←" if frame.kind & REPLY else "→"
    code = code_of(frame.kind)
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
    reader = table.get(code_of(frame.kind))
    if reader is not None:
        return f": {reader(frame.payload)}"
    if frame.kind & REPLY and len(frame.payload) == 1:
        return f": {status_words(frame.payload[0])}"
    return f": {frame.payload.hex(' ').upper()}" if frame.payload else ""


def _info(data: bytes) -> str:
    version = f"V1.{data[0] - 0x30}" if data[0] >= ord("0") else f"version {data[0]:02X}H"
    usb = "computer connected" if data[1] == 1 else "no computer"
    lights = [name for bit, name in enumerate(("num", "caps", "scroll")) if data[2] >> bit & 1]
    reserved = f", reserved {data[3:].hex(' ').upper()}" if any(data[3:]) else ""
    return f"{version}, {usb}, lights: {' '.join(lights) or 'none'}{reserved}"


def _parameters(data: bytes) -> str:
    fields = describe(Parameters.from_bytes(data))
    return "; ".join(f"{field.name} {field.words}" for field in fields)


def _new_parameters(data: bytes) -> str:
    parameters = Parameters.from_bytes(data)
    refused = " (the chip takes no mode with bit 7 set)" if parameters.pin_set else ""
    return _parameters(data) + refused


def _string_kind(data: bytes) -> str:
    return string_name(data[0])


def _string(data: bytes) -> str:
    text = data[2:]
    told = "" if data[1] == len(text) else f", but its length byte says {data[1]}"
    return f"{string_name(data[0])} {string_words(text)}{told}"


_COMMANDS: dict[int, Callable[[bytes], str]] = {
    Command.SEND_KB_GENERAL_DATA: keyboard_words,
    Command.SEND_KB_MEDIA_DATA: media_words,
    Command.SEND_MS_ABS_DATA: absolute_words,
    Command.SEND_MS_REL_DATA: relative_words,
    Command.SEND_MY_HID_DATA: hid_words,
    Command.SET_PARA_CFG: _new_parameters,
    Command.GET_USB_STRING: _string_kind,
    Command.SET_USB_STRING: _string,
}
_REPLIES: dict[int, Callable[[bytes], str]] = {
    Command.GET_INFO: _info,
    Command.READ_MY_HID_DATA: hid_words,
    Command.GET_PARA_CFG: _parameters,
    Command.GET_USB_STRING: _string,
}
