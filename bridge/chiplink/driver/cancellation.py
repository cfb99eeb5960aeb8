"""Work that a cancelled caller must not leave half done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; a cancellation is passed on when it has ended."""
    task = asyncio.create_task(work)
    task.add_done_callback(_heed)  # whoever is cancelled twice does not
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _heed(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
