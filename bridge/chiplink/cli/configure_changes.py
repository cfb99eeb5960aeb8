"""What the options of `chiplink configure` ask for, checked before any port is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chiplink.driver.ch9329_setup import Settings
from chiplink.exceptions import UsageError
from chiplink.protocol.ch9329_parameter_words import STRING_WORDS, differences, string_words
from chiplink.protocol.ch9329_parameters import (
    PIN_SET,
    SERIAL_MODES,
    WORK_MODES,
    StringKind,
    check_address,
    check_baud,
    check_range,
    encode_string,
    serial_mode,
    work_mode,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

MAX_16 = 0xFFFF
MAX_DIGITS = 20
"""Digits of a number; no setting has more than six."""

NONE = "none"
"""Instead of a string: the computer is shown the maker's."""

UNREADABLE = "unknown"
"""A string that the chip does not tell."""


@dataclass(frozen=True, slots=True)
class Changes:
    """New values by field of Parameters, and new strings; None is the maker's string."""

    fields: dict[str, Any]
    strings: dict[StringKind, bytes | None]

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.fields or self.strings)

    def apply(self, before: Settings) -> Settings:
        """Return `before` with these changes; raises UsageError."""
        parameters = replace(before.parameters, **self.fields)
        old, new = before.parameters.work_mode & ~PIN_SET, parameters.work_mode & ~PIN_SET
        if old != new and "pid" not in self.fields:
            raise UsageError(
                "another work mode has another product id by default; say which the chip is to"
                f" have: --pid {parameters.pid:04X} keeps today's"
            )
        strings = dict(before.strings)
        for kind, text in self.strings.items():
            parameters = parameters.showing(kind, on=text is not None)
            strings[kind] = before.strings[kind] if text is None else text
        return Settings(parameters, strings)


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting."""
    add = parser.add_argument_group("settings").add_argument
    add("--work-mode", metavar="MODE", help=f"{', '.join(WORK_MODES)} or 0 to 3; wants --pid too")
    add("--serial-mode", metavar="MODE", help=f"{', '.join(SERIAL_MODES)} or 0 to 2")
    add("--address", metavar="N", help="0 (takes any) to 254")
    add("--baud", metavar="N", help="1200 to 115200; 115200 wants a 5 V supply")
    add("--vid", metavar="HEX", help="USB vendor id")
    add("--pid", metavar="HEX", help="USB product id")
    for kind, name in STRING_WORDS.items():
        option = StringKind(kind).name.lower()
        add(f"--{option}", metavar="TEXT", help=f"{name} string, 23 bytes; none: the maker's")
    add("--packet-interval", metavar="MS", help="silence that ends a packet")
    add("--upload-interval", metavar="MS", help="between characters, in ASCII mode")
    add("--release-delay", metavar="MS", help="how long a key is held, in ASCII mode")
    add("--auto-enter", choices=("on", "off"), help="Enter after each packet, in ASCII mode")
    add("--fast-upload", choices=("on", "off"), help="no release between keys, in ASCII mode")


def read_changes(options: argparse.Namespace) -> Changes:
    """Return what the options ask for; raises UsageError."""
    readers: dict[str, Callable[[str], int]] = {
        "work_mode": work_mode,
        "serial_mode": serial_mode,
        "address": _address,
        "baud": _baud,
        "vid": lambda text: _hex("--vid", text),
        "pid": lambda text: _hex("--pid", text),
        "packet_interval": lambda text: _milliseconds("--packet-interval", text),
        "upload_interval": lambda text: _milliseconds("--upload-interval", text),
        "release_delay": lambda text: _milliseconds("--release-delay", text),
        "auto_enter": lambda text: int(text == "on"),
        "fast_upload": lambda text: int(text == "on"),
    }
    given: dict[str, Any] = {name: getattr(options, name) for name in readers}
    fields = {name: readers[name](text) for name, text in given.items() if text is not None}
    texts = {kind: getattr(options, kind.name.lower()) for kind in StringKind}
    strings = {
        kind: None if text == NONE else encode_string(kind, text)
        for kind, text in texts.items()
        if text is not None
    }
    return Changes(fields, strings)


def changed(before: Settings, after: Settings) -> list[tuple[str, str, str]]:
    """Return name, old words and new words of what differs; an unknown new string is none."""
    rows = differences(before.parameters, after.parameters)
    for kind in StringKind:
        old, new = before.strings[kind], after.strings[kind]
        if new is not None and old != new:
            rows.append((f"{STRING_WORDS[kind]} string", _words(old), _words(new)))
    return rows


def read_number(option: str, text: str) -> int:
    """Return a number, decimal or 0x…; raises UsageError."""
    digits, base = (text[2:], 16) if text[:2] in ("0x", "0X") else (text, 10)
    try:
        if digits.isascii() and digits.isalnum() and len(digits) <= MAX_DIGITS:
            return int(digits, base)
    except ValueError:
        pass
    raise UsageError(f"{option} {text[:40]!r} is no number")


def _words(text: bytes | None) -> str:
    return UNREADABLE if text is None else string_words(text)


def _address(text: str) -> int:
    number = read_number("--address", text)
    check_address(number)
    return number


def _baud(text: str) -> int:
    number = read_number("--baud", text)
    check_baud(number)
    return number


def _milliseconds(option: str, text: str) -> int:
    number = read_number(option, text)
    check_range(option, number, MAX_16)
    return number


def _hex(option: str, text: str) -> int:
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    try:
        number = int(digits, 16) if digits.isascii() and digits.isalnum() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_16:
        raise UsageError(f"{option} {text[:40]!r} is none of 0000 to FFFF; write for example 1A86")
    return number
