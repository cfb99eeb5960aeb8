"""The pending actions of a simulated chip, so that a restart can cancel them all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timers:
    """Actions to come on the running loop; without a delay they keep their order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pending: set[asyncio.Handle] = set()

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds, never at once; the result cancels it."""

        def run() -> None:
            self._pending.discard(handle)
            action()

        def cancel() -> None:
            self._pending.discard(handle)
            handle.cancel()

        handle = self._loop.call_later(seconds, run) if seconds > 0 else self._loop.call_soon(run)
        self._pending.add(handle)
        return cancel

    def cancel(self) -> None:
        """Cancel everything that is still to come."""
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()
