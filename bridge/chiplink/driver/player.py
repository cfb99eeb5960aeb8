"""Playing a score: each frame after the acknowledgement of the one before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Exchange
from chiplink.exceptions import (
    CancelledCommandError,
    ChipError,
    CommandError,
    OfflineError,
    OutcomeUnknownError,
)
from chiplink.protocol.ch9329 import command_of, is_repeatable

if TYPE_CHECKING:
    from chiplink.driver.conversation import Answer, Conversation
    from chiplink.driver.score import Score


class Player:
    """Plays one score; nothing is sent before `not_before`, a time of the loop's clock."""

    def __init__(self, conversation: Conversation, score: Score, not_before: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._conversation = conversation
        self._score = score
        self._count = len(score.frames)
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None
        self._error: CommandError | None = None
        self._resting = 0
        self._doubtful = False
        self.unreleased = False
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._exchange = Exchange(b"", 0, self._answered, repeatable=True)
        self.not_before = not_before
        self.acknowledged = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent."""
        return self._finished.done()

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
        """Send no more than what lets go, then fail with `error`."""
        if self._error is not None or self._finished.done():
            return
        self._error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._let_go()

    def _go_on(self) -> None:
        if self.not_before <= self._loop.time():
            self._send()
        else:
            self._timer = self._loop.call_at(self.not_before, self._send)

    def _send(self) -> None:
        self._timer = None
        frame = self._score.frames[self._next]
        self.not_before = self._loop.time() + self._score.hold(self._next)
        self._next += 1
        exchange = self._exchange
        exchange.frame = frame
        exchange.command = command_of(frame)
        exchange.repeatable = is_repeatable(frame)
        exchange.tries = 0
        self._conversation.submit(exchange)

    def _answered(self, answer: Answer | CommandError) -> None:
        if isinstance(answer, CommandError):
            if self.acknowledged and isinstance(answer, OfflineError):
                answer = OutcomeUnknownError(str(answer))
            self._error = self._error or answer
            self._doubtful |= not isinstance(answer, ChipError)
            self._let_go()
            return
        self._doubtful = True
        self.acknowledged += 1
        if self._error is not None:
            self._let_go()
        elif self.acknowledged == self._count:
            self._finished.set_result(None)
        else:
            self._go_on()

    def _let_go(self) -> None:
        self._resting = len(self._score.rest) if self._doubtful else 0
        if not self._resting:
            self._end()
            return
        for frame in self._score.rest:
            exchange = Exchange(frame, command_of(frame), self._rested, repeatable=True)
            self._conversation.submit(exchange)

    def _rested(self, answer: Answer | CommandError) -> None:
        self._resting -= 1
        if isinstance(answer, CommandError):
            self._error = self._doubt()
            self.unreleased = True
        if not self._resting:
            self._end()

    def _doubt(self) -> CommandError | None:
        """Return the error of a play whose keys could not be let go."""
        if not self.acknowledged and isinstance(self._error, OfflineError):
            return self._error
        return OutcomeUnknownError(f"{self._error}; something may still be pressed")

    def _end(self) -> None:
        if not self._finished.done():
            self._finished.set_exception(self._error or CancelledCommandError("stopped"))
