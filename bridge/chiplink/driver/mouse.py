"""Scores for a mouse: moves by absolute reports, buttons and wheel by relative ones.

Linux hosts ignore buttons and wheel in an absolute report, and a release sent as one
would carry a position; a relative report without motion does neither harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.score import Score
from chiplink.framing import MouseKind, MouseStep, encode, mouse
from chiplink.protocol.ch9329 import Command
from chiplink.protocol.mouse import Action, Button, Move, MoveTo, Scroll

if TYPE_CHECKING:
    from collections.abc import Iterator

CLICK_HOLD = 0.08
"""Seconds a click lasts at least."""


def buttons_frame(address: int, buttons: int) -> bytes:
    """Return the report that holds exactly `buttons` and moves nothing."""
    return mouse([MouseStep(MouseKind.RELATIVE, buttons)], address=address)[0]


def mouse_score(actions: tuple[Action, ...], buttons: int, address: int) -> tuple[Score, int]:
    """Return what plays `actions`, and the buttons that are down after them."""
    frames: list[bytes] = []
    holds: list[float] = []
    for action in actions:
        for step, hold in _steps(action, buttons):
            buttons = step.buttons
            reports = mouse([step], address=address)
            if step.kind is MouseKind.ABSOLUTE:
                reports.insert(0, _beside(address, reports[0]))
            frames += reports
            holds += [0.0] * (len(reports) - 1) + [hold]
    return Score(frames, holds, (buttons_frame(address, 0),)), buttons


def _beside(address: int, report: bytes) -> bytes:
    """The report of a place that differs in both directions: hosts ignore a repeated one."""
    data = bytearray(report[5:-1])
    data[2] ^= 1
    data[4] ^= 1
    return encode(address, Command.SEND_MS_ABS_DATA, bytes(data))


def _steps(action: Action, buttons: int) -> Iterator[tuple[MouseStep, float]]:
    match action:
        case Move(dx, dy):
            yield MouseStep(MouseKind.RELATIVE, buttons, dx, dy), 0.0
        case MoveTo(x, y, width, height):
            yield MouseStep(MouseKind.ABSOLUTE, buttons, x, y, width, height), 0.0
        case Scroll(notches):
            yield MouseStep(MouseKind.RELATIVE, buttons, wheel=notches), 0.0
        case Button(bit, down, up):
            if down:
                yield MouseStep(MouseKind.RELATIVE, buttons | bit), CLICK_HOLD
            if up:
                yield MouseStep(MouseKind.RELATIVE, buttons & ~bit), CLICK_HOLD
