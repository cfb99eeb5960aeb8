"""Playing a row of keyboard reports: each one after the other's acknowledgement."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Exchange
from chiplink.exceptions import CancelledCommandError, CommandError, OutcomeUnknownError
from chiplink.protocol.ch9329 import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chiplink.driver.conversation import Answer, Conversation


class Player:
    """Plays frames of equal `size`; the last one must leave nothing pressed.

    `holds` is the least time in seconds a report stays before the next, for each frame
    or for all. `rest` is the frame that ends an aborted play.
    """

    def __init__(
        self,
        conversation: Conversation,
        frames: bytes,
        size: int,
        holds: float | Sequence[float],
        *,
        rest: bytes,
        not_before: float = 0.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._conversation = conversation
        self._frames = frames
        self._size = size
        self._holds = holds
        self._rest = rest
        self._next = 0
        self.not_before = not_before
        self._timer: asyncio.TimerHandle | None = None
        self._error: CommandError | None = None
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._exchange = Exchange(
            b"", Command.SEND_KB_GENERAL_DATA, self._answered, repeatable=True
        )
        self.acknowledged = 0

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self._frames) // self._size

    def start(self) -> None:
        """Send the first frame as soon as it may be sent."""
        self._go_on()

    async def wait(self) -> None:
        """Return when all is acknowledged; raises what stopped it."""
        try:
            await asyncio.shield(self._finished)
        except asyncio.CancelledError:
            self._finished.add_done_callback(asyncio.Future.exception)
            self.stop(CancelledCommandError("stopped"))
            raise

    def stop(self, error: CommandError) -> None:
        """Send no more than the frame that leaves nothing pressed, then fail with `error`."""
        if self._error is not None or self._finished.done():
            return
        self._error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._release()

    def _send(self) -> None:
        self._timer = None
        start = self._next * self._size
        hold = self._holds if isinstance(self._holds, float) else self._holds[self._next]
        self.not_before = self._loop.time() + hold
        self._next += 1
        exchange = self._exchange
        exchange.frame = self._frames[start : start + self._size]
        exchange.tries = 0
        self._conversation.submit(exchange)

    def _answered(self, answer: Answer | CommandError) -> None:
        if isinstance(answer, CommandError):
            self._error = self._error or answer
            self._release()
            return
        self.acknowledged += 1
        if self._error is not None:
            self._release()
        elif self.acknowledged == self.count:
            self._finished.set_result(None)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self.not_before <= self._loop.time():
            self._send()
        else:
            self._timer = self._loop.call_at(self.not_before, self._send)

    def _release(self) -> None:
        frame, command = self._rest, Command.SEND_KB_GENERAL_DATA
        self._conversation.submit(Exchange(frame, command, self._released, repeatable=True))

    def _released(self, answer: Answer | CommandError) -> None:
        if self._finished.done():
            return
        error = self._error or CancelledCommandError("stopped")
        if isinstance(answer, CommandError):
            error = OutcomeUnknownError(f"{error}; the keys may still be down: {answer}")
        self._finished.set_exception(error)
