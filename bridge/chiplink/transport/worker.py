"""A thread for calls that block: one at a time, in order, their results handed to the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Worker:
    """One thread of its own; made, called and stopped on the loop.

    An executor does the same with a lock, a condition and a second future a call, which
    costs about a third more from call to result (tests/bench, `spi`).
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None]
        self._calls = SimpleQueue()
        # A call that the kernel never ends must not keep the program from ending.
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def call(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Call function after those before it; cancelled while it waits, it is not called."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((future, function))
        return future

    def stop(self) -> None:
        """End the thread after the calls that wait."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.cancelled():
                continue
            try:
                settle: tuple[Any, ...] = (_succeed, future, function())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
                settle = (_fail, future, error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(*settle)
            del call, future, function, settle


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
