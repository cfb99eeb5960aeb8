"""What the steps of the tour look with."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from chiplink.exceptions import ChiplinkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chiplink.demo.stage import Stage

    Step = tuple[str, Callable[[Stage], Awaitable[str]]]

SETTLE = 3.0
"""Seconds for what was confirmed to show on the other side."""


class StepError(ChiplinkError):
    """A step saw something else than it should have."""


def expect(what: str, seen: object, expected: object) -> None:
    """Raise StepError unless both are equal."""
    if seen != expected:
        raise StepError(f"{what} is {seen!r}, expected {expected!r}")


async def settle(what: str, look: Callable[[], object], expected: object) -> None:
    """Wait until `look` sees what is expected."""
    end = time.monotonic() + SETTLE
    await until(lambda: look() == expected or time.monotonic() > end)
    expect(what, look(), expected)


async def until(condition: Callable[[], bool]) -> None:
    """Wait; the caller sets the deadline."""
    while not condition():  # noqa: ASYNC110 - looks at others' state, which tells nobody
        await asyncio.sleep(0.01)
