"""CH9329 commands and replies (CH9329 serial protocol V1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from chiplink.framing import Ch9329Framer, Frame, FrameStatus, encode


class Command(IntEnum):
    """Command codes (table 1)."""

    GET_INFO = 0x01
    SEND_KB_GENERAL_DATA = 0x02
    SEND_KB_MEDIA_DATA = 0x03
    SEND_MS_ABS_DATA = 0x04
    SEND_MS_REL_DATA = 0x05
    SEND_MY_HID_DATA = 0x06
    READ_MY_HID_DATA = 0x07
    GET_PARA_CFG = 0x08
    SET_PARA_CFG = 0x09
    GET_USB_STRING = 0x0A
    SET_USB_STRING = 0x0B
    SET_DEFAULT_CFG = 0x0C
    RESET = 0x0F


class Status(IntEnum):
    """Execution status of a command (table 2)."""

    SUCCESS = 0x00
    ERR_TIMEOUT = 0xE1
    ERR_HEAD = 0xE2
    ERR_CMD = 0xE3
    ERR_SUM = 0xE4
    ERR_PARA = 0xE5
    ERR_OPERATE = 0xE6


STATUS_WORDS = {
    Status.SUCCESS: "success",
    Status.ERR_TIMEOUT: "the chip timed out waiting for a byte (E1)",
    Status.ERR_HEAD: "the chip saw a wrong frame head (E2)",
    Status.ERR_CMD: "the chip does not know the command (E3)",
    Status.ERR_SUM: "the chip saw a wrong checksum (E4)",
    Status.ERR_PARA: "the chip refuses the parameter (E5)",
    Status.ERR_OPERATE: "the chip could not carry it out (E6)",
}
"""Table 2 in words."""

GARBLED = frozenset({Status.ERR_TIMEOUT, Status.ERR_HEAD, Status.ERR_CMD, Status.ERR_SUM})
"""The frame was damaged on its way and was not carried out: it may be sent again."""

BROADCAST = 0xFF
"""Carried out by every chip and answered by none (section 2.1)."""

REPLY = 0x80
ERROR_REPLY = 0xC0

PREAMBLE = bytes(16)
"""Zero bytes that end a frame torn by a lost byte: the published habit."""

LONG_PREAMBLE = bytes(70)
"""Enough for the longest torn frame: 64 data bytes and what stands around them."""


@dataclass(frozen=True, slots=True)
class Info:
    """GET_INFO's answer (section 2.2.1); it also comes unasked when a lock light changes."""

    version: int
    usb: bool
    num_lock: bool
    caps_lock: bool
    scroll_lock: bool

    @property
    def firmware(self) -> str:
        """The version as people write it: 30H is 1.0."""
        if self.version >= 0x30:  # noqa: PLR2004 - '0', the document's base
            return f"1.{self.version - 0x30}"
        return f"{self.version:02X}h"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to `command`: a status, or data where the command reads."""

    command: int
    status: int
    data: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the chip accepted the command."""
        return self.status == Status.SUCCESS


@dataclass(frozen=True, slots=True)
class HidIn:
    """A custom HID report from the computer (section 2.2.7)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that were no good frame; `status` says why."""

    status: FrameStatus
    length: int


Event = Info | Reply | HidIn | Noise


def status_words(status: int) -> str:
    """Return an execution status as a phrase."""
    if status in STATUS_WORDS:
        return STATUS_WORDS[Status(status)]
    return f"the chip answered with the unknown status {status:02X}h"


_READS = frozenset({Command.GET_INFO, Command.GET_PARA_CFG, Command.GET_USB_STRING})
_STATES = frozenset({Command.SEND_KB_GENERAL_DATA, Command.SEND_KB_MEDIA_DATA})
_ABSOLUTE_WHEEL_AT = 11
_MOTION = slice(7, 10)


def command_of(frame: bytes) -> int:
    """Return the command code of a frame that we built."""
    return frame[3]


def code_of(kind: int) -> int:
    """Return the command that a frame's code is, or answers; one that is neither stays."""
    return kind & 0x3F if kind & REPLY else kind


def is_read(command: int) -> bool:
    """Whether a command only asks."""
    return command in _READS


def is_repeatable(frame: bytes) -> bool:
    """Whether sending the frame twice does what sending it once does.

    Keyboard, media and absolute positions are states; motion, wheel and custom HID add up.
    """
    command = frame[3]
    if command == Command.SEND_MS_ABS_DATA:
        return frame[_ABSOLUTE_WHEEL_AT] == 0
    if command == Command.SEND_MS_REL_DATA:
        return not any(frame[_MOTION])
    return command in _STATES or command in _READS


def is_harmless(frame: bytes) -> bool:
    """Whether the frame presses nothing, whatever the chip knew before it: reads, releases."""
    command = frame[3]
    if command in (Command.SEND_KB_GENERAL_DATA, Command.SEND_MS_REL_DATA):
        return not any(frame[5 + (command == Command.SEND_MS_REL_DATA) : -1])
    if command == Command.SEND_KB_MEDIA_DATA:
        return not any(frame[6:-1])
    return command in _READS


def get_info(address: int) -> bytes:
    """Build GET_INFO (section 2.2.1)."""
    return encode(address, Command.GET_INFO, b"")


class Ch9329Protocol:
    """Turns received bytes into events; bad frames are Noise, never an exception."""

    def __init__(self) -> None:
        self._framer = Ch9329Framer()

    def receive(self, data: bytes) -> list[Event]:
        """Return what `data` completes."""
        return [_event(frame) for frame in self._framer.feed(data)]

    def give_up(self) -> list[Event]:
        """Return what is found when no more bytes will complete a pending frame."""
        return [_event(frame) for frame in self._framer.flush()]


_GOOD = frozenset({FrameStatus.OK, FrameStatus.LONG, FrameStatus.HEADLESS})
_ERROR_FIRST = ERROR_REPLY
_INFO_LENGTH = 3


def _event(frame: Frame) -> Event:
    if frame.status is FrameStatus.UNKNOWN_COMMAND:
        return Reply(frame.kind & 0x3F, Status.ERR_CMD)
    if frame.status not in _GOOD or not frame.kind & REPLY:
        return Noise(frame.status, len(frame.payload))
    command = frame.kind & 0x3F
    if frame.kind & ERROR_REPLY == ERROR_REPLY:
        return Reply(command, frame.payload[0] if frame.payload else Status.ERR_OPERATE)
    return _answer(command, frame.payload)


def _answer(command: int, payload: bytes) -> Event:
    if command == Command.GET_INFO and len(payload) >= _INFO_LENGTH:
        lights = payload[2]
        return Info(
            version=payload[0],
            usb=payload[1] == 1,
            num_lock=bool(lights & 1),
            caps_lock=bool(lights & 2),
            scroll_lock=bool(lights & 4),
        )
    if command == Command.READ_MY_HID_DATA:
        return HidIn(payload)
    if command in (Command.GET_PARA_CFG, Command.GET_USB_STRING) and len(payload) > 1:
        return Reply(command, Status.SUCCESS, payload)
    return Reply(command, payload[0] if payload else Status.SUCCESS)
