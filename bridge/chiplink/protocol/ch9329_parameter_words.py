"""The CH9329's parameters and USB strings in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chiplink.protocol.ch9329_parameters import PIN_SET, StringKind

if TYPE_CHECKING:
    from chiplink.protocol.ch9329_parameters import Parameters

WORK_WORDS = {
    0: "keyboard, mouse and custom HID",
    1: "keyboard only, without media keys",
    2: "keyboard and mouse",
    3: "custom HID only",
}
"""Work modes after the maker's datasheet."""

WORK_NOTES = {2: "the protocol document reads mode 2 as mouse only; the datasheet is right"}
"""Where the protocol document says something else."""

SERIAL_WORDS = {0: "protocol", 1: "ASCII", 2: "transparent"}
"""Serial modes."""

STRING_WORDS: dict[int, str] = {
    StringKind.MANUFACTURER: "manufacturer",
    StringKind.PRODUCT: "product",
    StringKind.SERIAL: "serial number",
}
"""Kinds of USB strings."""


class Field(NamedTuple):
    """One thing the block says: its name in JSON, its name for people, and what it is."""

    key: str
    name: str
    words: str


def describe(parameters: Parameters) -> list[Field]:
    """Return every field of the block, in its order."""
    return [
        Field("work_mode", "work mode", _mode(parameters.work_mode, WORK_WORDS)),
        Field("serial_mode", "serial mode", _mode(parameters.serial_mode, SERIAL_WORDS)),
        Field("address", "address", f"{parameters.address:02X}H"),
        Field("baud", "baud rate", str(parameters.baud)),
        Field("packet_interval", "packet interval", f"{parameters.packet_interval} ms"),
        Field("vid", "vendor id", f"{parameters.vid:04X}"),
        Field("pid", "product id", f"{parameters.pid:04X}"),
        Field("upload_interval", "upload interval", f"{parameters.upload_interval} ms"),
        Field("release_delay", "release delay", f"{parameters.release_delay} ms"),
        Field("auto_enter", "auto enter", _switch(parameters.auto_enter)),
        Field("enter_characters", "Enter at", _enter(parameters.enter_characters)),
        Field("filter", "filter", _filter(parameters.filter)),
        Field("string_flags", "own USB strings", _flags(parameters)),
        Field("fast_upload", "fast upload", _switch(parameters.fast_upload)),
    ]


def differences(before: Parameters, after: Parameters) -> list[tuple[str, str, str]]:
    """Return name, old words and new words of each setting that differs."""
    pairs = zip(describe(before), describe(after), strict=True)
    return [
        (old.name, old.words, new.words)
        for old, new in pairs
        if _plain(getattr(before, old.key), old.key) != _plain(getattr(after, new.key), new.key)
    ]


def string_name(kind: int) -> str:
    """Return a kind of USB string in words."""
    known = STRING_WORDS.get(kind)
    return f"{known} string" if known else f"unknown string {kind:02X}H"


def string_words(data: bytes) -> str:
    """Return a USB string in quotes, with what cannot be shown escaped."""
    return repr(data.decode(errors="replace"))


def _plain(value: object, key: str) -> object:
    """Who set a mode, pins or software, is no setting."""
    return value & ~PIN_SET if key.endswith("_mode") and isinstance(value, int) else value


def _mode(mode: int, words: dict[int, str]) -> str:
    number = mode & ~PIN_SET
    by = "pins" if mode & PIN_SET else "software"
    return f"{number}: {words.get(number, 'unknown')} (set by {by})"


def _switch(value: int) -> str:
    return {0: "off", 1: "on"}.get(value, f"{value:02X}H, unknown")


def _enter(groups: tuple[bytes, bytes]) -> str:
    shown = [group.rstrip(b"\0").hex(" ").upper() for group in groups if any(group)]
    return " or ".join(shown) or "nothing"


def _filter(ends: tuple[bytes, bytes]) -> str:
    start, end = (part.rstrip(b"\0").hex(" ").upper() or "nothing" for part in ends)
    return "none" if start == end == "nothing" else f"from {start} to {end}"


def _flags(parameters: Parameters) -> str:
    shown = [STRING_WORDS[kind] for kind in StringKind if parameters.shows(kind)]
    return ", ".join(shown) or "none shown"
