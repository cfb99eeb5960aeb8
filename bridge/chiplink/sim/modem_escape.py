"""Leaving transparent mode: +++ with silence before and behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PLUSES = 3


class Escape:
    """Passes data on, but for three pluses with guard seconds of silence on both sides.

    The pluses may be up to guard seconds apart; with any other silence they are data.
    """

    def __init__(
        self,
        guard: float,
        on_data: Callable[[bytes], None],
        on_escape: Callable[[], None],
    ) -> None:
        self._guard = guard
        self._on_data = on_data
        self._on_escape = on_escape
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """Take what arrived just now."""
        now = self._loop.time()
        silent = now - self._last >= self._guard
        self._last = now
        may_begin = silent if not self._held else True
        if data.strip(b"+") == b"" and self._held + len(data) <= PLUSES and may_begin:
            self._held += len(data)
            self._wait()
            return
        self._release()
        self._on_data(data)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self.close()
        self._timer = self._loop.call_later(self._guard, self._decide)

    def _decide(self) -> None:
        self._timer = None
        if self._held == PLUSES:
            self._held = 0
            self._on_escape()
        else:
            self._release()

    def _release(self) -> None:
        self.close()
        if self._held:
            pluses, self._held = b"+" * self._held, 0
            self._on_data(pluses)
