"""A way through a network: things arrive in order, each after the delay."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class OrderedDelay:
    """Actions that happen in order, seconds() after they were pushed; at once if that is 0."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def push(self, action: Callable[[], None]) -> None:
        """Let action happen after the delay, never before what was pushed earlier."""
        seconds = self._seconds()
        if seconds <= 0 and not self._queue:
            action()
            return
        self._queue.append((self._loop.time() + seconds, action))
        self._schedule()

    def run_all(self) -> None:
        """Let everything that waits happen now."""
        self._stop()
        while self._queue:
            self._queue.popleft()[1]()
        self._stop()

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._stop()

    def _schedule(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self._run)

    def _run(self) -> None:
        self._timer = None
        _, action = self._queue.popleft()
        # What action pushes must queue behind the rest.
        self._schedule()
        action()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
