"""A CH9329 that was read, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chiplink.protocol.ch9329_parameter_words import (
    SERIAL_WORDS,
    STRING_WORDS,
    WORK_NOTES,
    describe,
    string_words,
)
from chiplink.protocol.ch9329_parameters import PIN_SET, StringKind

if TYPE_CHECKING:
    from chiplink.driver.ch9329_setup import Found
    from chiplink.protocol.ch9329 import Info
    from chiplink.protocol.ch9329_parameters import Parameters

UNREADABLE = "the chip does not tell"


def show(found: Found) -> list[str]:
    """Return what the chip is and stores, a line each."""
    parameters, strings = found.settings.parameters, found.settings.strings
    rows = [
        ("answers at", f"{found.baud} baud"),
        ("firmware", found.info.firmware),
        ("computer", "connected" if found.info.usb else "not connected, or off"),
        ("lights", " ".join(lights(found.info)) or "none"),
        *((field.name, field.words) for field in describe(parameters)),
    ]
    for kind in StringKind:
        text = strings[kind]
        words = UNREADABLE if text is None else string_words(text)
        shown = "" if parameters.shows(kind) else " (not shown to the computer)"
        rows.append((STRING_WORDS[kind], words + shown))
    lines = [f"  {name:16} {words}" for name, words in rows]
    return lines + [f"  note: {note}" for note in notes(found)]


def notes(found: Found) -> list[str]:
    """Return what a reader should know about these settings."""
    parameters = found.settings.parameters
    told = [WORK_NOTES[mode] for mode in WORK_NOTES if mode == parameters.work_mode & ~PIN_SET]
    if not parameters.answers:
        mode = SERIAL_WORDS.get(parameters.serial_mode & ~PIN_SET, "an unknown")
        told.append(
            f"{mode} mode is set: the chip answers only while its SET pin is low,"
            " and without it types or passes on what it is sent"
        )
    if parameters.baud != found.baud:
        told.append(
            f"the parameters say {parameters.baud} baud: they take effect at the next reset,"
            " or this board falls back when it is plugged in"
        )
    return told


def as_json(found: Found) -> dict[str, Any]:
    """Return what the chip is and stores, for programs."""
    parameters, strings = found.settings.parameters, found.settings.strings
    return {
        "chip": "ch9329",
        "baud": found.baud,
        "address": found.address,
        "firmware": found.info.firmware,
        "computer": found.info.usb,
        "lights": lights(found.info),
        "parameters": _parameters(parameters),
        "strings": {
            kind.name.lower(): {
                "text": None if text is None else text.decode(errors="replace"),
                "shown": parameters.shows(kind),
            }
            for kind, text in strings.items()
        },
        "words": {field.key: field.words for field in describe(parameters)},
        "notes": notes(found),
    }


def lights(info: Info) -> list[str]:
    """Return the lock lights that are lit."""
    lit = {"num": info.num_lock, "caps": info.caps_lock, "scroll": info.scroll_lock}
    return [name for name, on in lit.items() if on]


def _parameters(parameters: Parameters) -> dict[str, Any]:
    return {
        "work_mode": parameters.work_mode & ~PIN_SET,
        "serial_mode": parameters.serial_mode & ~PIN_SET,
        "set_by_pins": list(parameters.pin_set),
        "address": parameters.address,
        "baud": parameters.baud,
        "packet_interval": parameters.packet_interval,
        "vid": f"{parameters.vid:04X}",
        "pid": f"{parameters.pid:04X}",
        "upload_interval": parameters.upload_interval,
        "release_delay": parameters.release_delay,
        "auto_enter": parameters.auto_enter == 1,
        "enter_characters": [group.hex() for group in parameters.enter_characters],
        "filter": [part.hex() for part in parameters.filter],
        "string_flags": parameters.string_flags,
        "fast_upload": parameters.fast_upload == 1,
        "raw": parameters.to_bytes().hex(),
    }
