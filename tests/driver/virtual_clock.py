"""An event loop whose clock jumps to the next timer: hours of waiting cost nothing.

Nothing in it may wait for a thread or another process: the clock would run away from it.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MAX_TURNS = 300_000
"""Turns of the loop without time passing: more is a loop that never ends."""

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        self._turns += 1
        if self._turns > MAX_TURNS:
            raise AssertionError(f"{MAX_TURNS} turns of the loop at {self.now} s")
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise AssertionError(f"everybody waits for ever, since {self.now} s")
        self.now += timeout
        self._turns = 0
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop at the time 0; `complaints` are the exceptions that nobody took."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)
        self.complaints: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self.complaints.append(context))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._clock.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time; whatever it leaves behind, or nobody took, fails."""
    loop = VirtualLoop()
    with (
        asyncio.Runner(loop_factory=lambda: loop) as runner,
        mock.patch("time.monotonic", loop.time),
    ):
        result = runner.run(_watched(main))
    assert not loop.complaints, loop.complaints
    return result


async def _watched(main: Coroutine[Any, Any, T]) -> T:
    result = await main
    await asyncio.sleep(1)  # what was cancelled may end
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    return result


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function: it runs in virtual time."""

    @functools.wraps(test)
    def runs(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return runs
