"""The CH9329's stored settings: the 50-byte parameter block and the USB strings (section 2.2.8).

The block is read, modified and written: reserved bytes are kept as the chip gave them.
"""

from __future__ import annotations

import difflib
import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from chiplink.exceptions import UsageError
from chiplink.protocol.ch9329 import BROADCAST

SIZE = 50
"""Bytes of the block."""

PIN_SET = 0x80
"""Bit 7 of a mode as it is read: pins set it. SET_PARA_CFG takes modes without it only."""

BAUDS = (1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200)
"""The chip's rates."""

SEARCH = (115200, 57600, 9600, 1200, 2400, 4800, 14400, 19200, 38400)
"""The same, likely ones first."""

FACTORY_BAUD = 9600
"""The document's default; boards are sold at 57600 and 115200 too."""

WORK_MODES = {"keyboard-mouse-hid": 0, "keyboard": 1, "keyboard-mouse": 2, "custom-hid": 3}
"""Work modes as the maker's datasheet counts them; hardware agrees with it."""

SERIAL_MODES = {"protocol": 0, "ascii": 1, "transparent": 2}
"""Ways the serial side can be read; only in the first does the chip answer commands."""

MAX_STRING = 23
"""Bytes of a USB string."""

CUSTOM_STRINGS = 0x80
"""Bit 7 of the string flags: any strings of one's own at all."""

_MAX_16 = 0xFFFF
_LAYOUT = struct.Struct(">BBB I 2s H")
_DELAYS = struct.Struct(">HHB 4s4s 4s4s BB 12s")
_IDS = struct.Struct("<HH")


class StringKind(IntEnum):
    """A USB string as the string commands count them."""

    MANUFACTURER = 0
    PRODUCT = 1
    SERIAL = 2

    @property
    def flag(self) -> int:
        """The bit that shows it to the computer; the flags count the other way round."""
        return 1 << (2 - self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The block field by field, as the chip holds it; times are in milliseconds."""

    work_mode: int
    serial_mode: int
    address: int
    baud: int
    reserved_7: bytes
    packet_interval: int
    vid: int
    pid: int
    upload_interval: int
    release_delay: int
    auto_enter: int
    enter_characters: tuple[bytes, bytes]
    filter: tuple[bytes, bytes]
    string_flags: int
    fast_upload: int
    reserved_38: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the block as it comes; ValueError if it has another length than 50."""
        if len(data) != SIZE:
            raise ValueError(f"a parameter block has {SIZE} bytes, not {len(data)}")
        work, serial, address, baud, reserved_7, packet = _LAYOUT.unpack_from(data)
        vid, pid = _IDS.unpack_from(data, 11)
        upload, release, auto, enter_1, enter_2, start, end, flags, fast, rest = (
            _DELAYS.unpack_from(data, 15)
        )
        return cls(
            work_mode=work,
            serial_mode=serial,
            address=address,
            baud=baud,
            reserved_7=reserved_7,
            packet_interval=packet,
            vid=vid,
            pid=pid,
            upload_interval=upload,
            release_delay=release,
            auto_enter=auto,
            enter_characters=(enter_1, enter_2),
            filter=(start, end),
            string_flags=flags,
            fast_upload=fast,
            reserved_38=rest,
        )

    def to_bytes(self) -> bytes:
        """Return the 50 bytes: what from_bytes read, with what was replaced."""
        head = _LAYOUT.pack(
            self.work_mode,
            self.serial_mode,
            self.address,
            self.baud,
            self.reserved_7,
            self.packet_interval,
        )
        tail = _DELAYS.pack(
            self.upload_interval,
            self.release_delay,
            self.auto_enter,
            *self.enter_characters,
            *self.filter,
            self.string_flags,
            self.fast_upload,
            self.reserved_38,
        )
        return head + _IDS.pack(self.vid, self.pid) + tail

    def for_writing(self) -> Self:
        """Return what SET_PARA_CFG takes: modes set by software; raises UsageError."""
        software = replace(
            self,
            work_mode=self.work_mode & ~PIN_SET,
            serial_mode=self.serial_mode & ~PIN_SET,
        )
        _check(software)
        return software

    def same_settings(self, other: Parameters) -> bool:
        """Whether both mean the same: reserved bytes and who set the modes do not count."""
        return self._meaning() == other._meaning()

    def _meaning(self) -> Parameters:
        return replace(
            self,
            work_mode=self.work_mode & ~PIN_SET,
            serial_mode=self.serial_mode & ~PIN_SET,
            reserved_7=bytes(2),
            reserved_38=bytes(12),
        )

    @property
    def pin_set(self) -> tuple[str, ...]:
        """The modes that pins set."""
        modes = {"work mode": self.work_mode, "serial mode": self.serial_mode}
        return tuple(name for name, mode in modes.items() if mode & PIN_SET)

    @property
    def answers(self) -> bool:
        """Whether a chip with these parameters answers commands without its SET pin."""
        return self.serial_mode & ~PIN_SET == SERIAL_MODES["protocol"]

    def shows(self, kind: StringKind) -> bool:
        """Whether the computer is shown the chip's own string of this kind."""
        return bool(self.string_flags & CUSTOM_STRINGS and self.string_flags & kind.flag)

    def showing(self, kind: StringKind, *, on: bool) -> Self:
        """Return a copy that shows this string, or the maker's instead."""
        if on:
            flags = self.string_flags | CUSTOM_STRINGS | kind.flag
        else:
            flags = self.string_flags & ~kind.flag
            if not any(flags & other.flag for other in StringKind):
                flags &= ~CUSTOM_STRINGS
        return replace(self, string_flags=flags)


def check_baud(baud: int) -> None:
    """Raise UsageError, naming the nearest, for a rate that the chip does not have."""
    if baud not in BAUDS:
        near = min(BAUDS, key=lambda rate: abs(rate - baud))
        raise UsageError(f"{baud} baud is no rate of the chip; the nearest is {near}")


def check_range(name: str, value: int, top: int) -> None:
    """Raise UsageError, naming the nearest, for a value outside 0 to `top`."""
    if not 0 <= value <= top:
        near = min(max(value, 0), top)
        raise UsageError(f"{name} {value} is outside 0 to {top}; the nearest is {near}")


def check_address(address: int) -> None:
    """Raise UsageError for an address at which no chip could be asked."""
    if address == BROADCAST:
        raise UsageError("address 255 (FF) means every chip and none answers it; use 0 to 254")
    check_range("address", address, BROADCAST - 1)


def work_mode(text: str) -> int:
    """Return a work mode by its name or number; raises UsageError naming the nearest."""
    return _mode("work mode", text, WORK_MODES)


def serial_mode(text: str) -> int:
    """Return a serial mode by its name or number; raises UsageError naming the nearest."""
    return _mode("serial mode", text, SERIAL_MODES)


def encode_string(kind: StringKind, text: str) -> bytes:
    """Return a USB string in UTF-8; raises UsageError naming what would fit."""
    name = kind.name.lower()
    if any(not character.isprintable() for character in text):
        raise UsageError(f"the {name} string holds a character that cannot be shown")
    data = text.encode()
    if len(data) > MAX_STRING:
        fits = data[:MAX_STRING].decode(errors="ignore")
        raise UsageError(
            f"the {name} string has {len(data)} bytes in UTF-8, {MAX_STRING} fit;"
            f" the nearest is {fits!r}"
        )
    return data


def _mode(name: str, text: str, known: dict[str, int]) -> int:
    if text in known:
        return known[text]
    numbers = {str(number): number for number in known.values()}
    if text in numbers:
        return numbers[text]
    near = difflib.get_close_matches(text.lower(), known, n=1, cutoff=0.0)[0]
    raise UsageError(
        f"there is no {name} {text!r}; the nearest is {near!r}; known: {', '.join(known)}"
    )


def _check(parameters: Parameters) -> None:
    """Check every field against the document's ranges before it goes to the chip."""
    check_range("work mode", parameters.work_mode, max(WORK_MODES.values()))
    check_range("serial mode", parameters.serial_mode, max(SERIAL_MODES.values()))
    check_address(parameters.address)
    check_baud(parameters.baud)
    for name in ("packet interval", "upload interval", "release delay", "vid", "pid"):
        check_range(name, getattr(parameters, name.replace(" ", "_")), _MAX_16)
    for name in ("auto enter", "fast upload"):
        check_range(name, getattr(parameters, name.replace(" ", "_")), 1)
    check_range("string flags", parameters.string_flags, 0xFF)
