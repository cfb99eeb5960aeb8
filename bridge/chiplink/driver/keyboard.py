"""Scores for a keyboard: text, and chords."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chiplink.driver.score import Chunks, Score
from chiplink.framing import KEYBOARD_FRAME, keyboard, type_text
from chiplink.protocol.chords import Keys, parse_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chiplink.layouts import Layout

LOCK_HOLD = 0.08
"""Seconds a lock key stays down: macOS ignores shorter presses."""


def keys_frame(address: int, keys: Keys) -> bytes:
    """Return the report that holds exactly `keys`."""
    return keyboard(address, keys.modifiers, bytes(keys.usages))


def text_score(
    text: str, layout: Layout, address: int, pace: float, *, caps_lit: bool
) -> tuple[Score, Sequence[int]]:
    """Return what types a prepared text, and the characters complete after each frame."""
    frames, done = type_text(layout.table, text, address=address, caps_lit=caps_lit)
    return Score(Chunks(frames, KEYBOARD_FRAME), pace, _rest(address)), done


def keys_score(
    text: str, layout: Layout, held: Keys, address: int, pace: float
) -> tuple[Score, Keys]:
    """Return what plays chords, and what is held after them; raises BadPayloadError."""
    sequence = parse_keys(text, layout, held)
    frames = [keys_frame(address, state.keys) for state in sequence.states]
    holds = [max(pace, LOCK_HOLD * state.lock) for state in sequence.states]
    return Score(frames, holds, _rest(address)), sequence.held


@cache
def _rest(address: int) -> tuple[bytes, ...]:
    return (keys_frame(address, Keys()),)
