"""Waiting for conditions, with a deadline that only a defect reaches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE = 15.0
_LOOK = 0.004

T = TypeVar("T")


async def until(condition: Callable[[], T], what: Callable[[], object] | str = "") -> T:
    """Return the first true value of condition; `what` tells more when there is none."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not (value := condition()):  # noqa: ASYNC110 - of many kinds
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        more = what() if callable(what) else what
        raise AssertionError(f"it did not come to that in {DEADLINE:g} s; {more}") from None
    return value
