"""Scores for media and power keys."""

from __future__ import annotations

from chiplink.driver.score import Score
from chiplink.framing import encode
from chiplink.protocol.ch9329 import Command
from chiplink.protocol.media_names import MEDIA, POWER

PRESS_HOLD = 0.06
"""Seconds a media or power key stays down."""

_MEDIA_REPORT = 0x02
_POWER_REPORT = 0x01
"""First data byte, the report's id (appendix 1, part 2)."""


def media_frame(address: int, name: str | None) -> bytes:
    """Return the report that holds the media key `name`, or none."""
    keys = bytearray(3)
    if name is not None:
        byte, bit = MEDIA[name]
        keys[byte - 1] = 1 << bit
    return encode(address, Command.SEND_KB_MEDIA_DATA, bytes((_MEDIA_REPORT, *keys)))


def power_frame(address: int, name: str | None) -> bytes:
    """Return the report that holds the ACPI key `name`, or none."""
    keys = 1 << POWER[name] if name is not None else 0
    return encode(address, Command.SEND_KB_MEDIA_DATA, bytes((_POWER_REPORT, keys)))


def media_score(name: str, address: int) -> Score:
    """Return what presses a media key once."""
    release = media_frame(address, None)
    return Score((media_frame(address, name), release), PRESS_HOLD, (release,))


def power_score(name: str, address: int) -> Score:
    """Return what presses a power key once."""
    release = power_frame(address, None)
    return Score((power_frame(address, name), release), PRESS_HOLD, (release,))
