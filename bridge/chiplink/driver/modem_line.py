"""An open line to a modem: commands one after another, and what it says beside them.

Each command waits for its reply; a result that comes later has a future of its own, and
meanwhile other commands go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chiplink.exceptions import (
    BusyError,
    ChipError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    PortError,
    ProbeError,
)
from chiplink.protocol.at_channel import CANCEL, Channel
from chiplink.protocol.at_common import functionality_query
from chiplink.protocol.at_errors import error_words, is_harmless
from chiplink.protocol.at_events import (
    Junk,
    Outcome,
    PeerClosed,
    Prompt,
    Reply,
    Restarted,
    Stage,
    TimedOut,
)
from chiplink.protocol.at_urcs import STRAY_PROMPT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from chiplink.exceptions import ChiplinkError
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Event
    from chiplink.transport.base import Transport

MAX_WAITING = 64
"""Commands that may wait for their turn."""

SETTLE_TRIES = 3
SETTLE_WAIT = 3.0
"""Questions, and seconds for each, until a modem that lost an answer is given up."""

LONGEST_SEND = 1500
"""Bytes that a modem may still wait for behind a prompt that was given up."""

CLOSED_GRACE = 2.0
"""Seconds that a send's result may come behind the word that its link was closed."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command's reply, and its later result where it has one."""

    reply: Reply
    result: asyncio.Future[Outcome] | None
    prompted: bool
    """Whether its data was given to the modem."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The reply's lines."""
        return self.reply.lines

    async def outcome(self) -> Outcome:
        """Wait for the later result; raises CommandError when none comes."""
        if self.result is None:
            raise ChipError(f"{self.reply.command.shown} has no result")
        return await asyncio.shield(self.result)


@dataclass(slots=True)
class _Job:
    command: Command
    rank: int
    done: asyncio.Future[Exchange]
    result: asyncio.Future[Outcome] | None = None
    begun: bool = False
    prompted: bool = False


_SETTLE, _URGENT, _NORMAL = range(3)


class Line:
    """A modem's line; `on_event` hears what belongs to no command, Restarted too.

    `lost` gets the reason when the line is gone, or the modem answers no more.
    """

    def __init__(
        self, transport: Transport, counters: Counter[str], on_event: Callable[[Event], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._counters = counters
        self._on_event = on_event
        self._channel = Channel()
        self._waiting: deque[_Job] = deque()
        self._running: _Job | None = None
        self._results: list[_Job] = []
        self._timer: asyncio.TimerHandle | None = None
        self._settling: asyncio.Task[None] | None = None
        self._echo_means_restart = False
        self._restart_seen = asyncio.Event()
        self.restart_expected = False
        self.lost: asyncio.Future[ChiplinkError] = self._loop.create_future()
        transport.start(self._received, self.give_up)

    @property
    def baud(self) -> int:
        """The rate of the line."""
        return self._transport.baud

    @property
    def idle(self) -> bool:
        """Whether no command waits or runs."""
        return self._running is None and not self._waiting

    def echo_is_off(self) -> None:
        """From now on an echo means that the modem has started anew."""
        self._channel.echoes = False
        self._echo_means_restart = True

    async def set_baud(self, baud: int) -> None:
        """Change the rate of this side."""
        await self._transport.set_baud(baud)

    def expect_restart(self) -> None:
        """What is sent now restarts the modem."""
        self.restart_expected = True
        self._restart_seen.clear()

    async def wait_restarted(self) -> None:
        """Wait until the modem says that it has started anew, or the line is gone."""
        await self._restart_seen.wait()

    def write(self, data: bytes) -> None:
        """Send bytes that are no command: what may wake a modem that does not answer."""
        self._check()
        self._write(data)

    async def look(self, question: Command) -> bool:
        """Whether a question is answered; if not, nothing is done about it."""
        try:
            await self.exchange(question, _SETTLE)
        except DeadlineError:
            return False
        except OfflineError:
            self._check()
            return False  # it has just started
        return True

    # Commands

    async def ask(self, command: Command, *, urgent: bool = False) -> Exchange:
        """Send a command when its turn comes, and wait for its reply.

        Raises ChipError for an error that is no harmless one, DeadlineError,
        OutcomeUnknownError where it may have been carried out, OfflineError. Cancelled
        before its turn, it is never sent.
        """
        exchange = await self.exchange(command, _URGENT if urgent else _NORMAL)
        reply = exchange.reply
        if reply.error and not is_harmless(command.name, reply.error):
            raise ChipError(f"{command.shown}: {error_words(reply.error)}")
        return exchange

    async def exchange(self, command: Command, rank: int = _NORMAL) -> Exchange:
        """Do as `ask`, and return a reply that is an error as well."""
        job = self._submit(command, rank)
        try:
            return await asyncio.shield(job.done)
        except asyncio.CancelledError:
            if job in self._waiting:
                self._waiting.remove(job)
            raise

    async def outcome(self, command: Command) -> Outcome:
        """Send a command and wait for its later result, which may come before an error."""
        exchange = await self.exchange(command)
        result, reply = exchange.result, exchange.reply
        if reply.error and (result is None or not result.done() or result.exception()):
            raise ChipError(f"{command.shown}: {error_words(reply.error)}")
        return await exchange.outcome()

    def _submit(self, command: Command, rank: int) -> _Job:
        self._check()
        if len(self._waiting) >= MAX_WAITING and rank != _SETTLE:
            self._counters["commands_refused"] += 1
            raise BusyError(f"{MAX_WAITING} commands wait for the modem already")
        job = _Job(command, rank, self._future())
        if command.result is not None:
            job.result = self._future()
        self._waiting.append(job)
        self._pump()
        return job

    def _future(self) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        # Who waited may have been cancelled: then nobody takes the error.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def _pump(self) -> None:
        """Send the next command whose turn it is."""
        if self._running is not None or self.lost.done():
            return
        job = self._next()
        if job is None:
            return
        self._waiting.remove(job)
        self._running = job
        job.begun = True
        if job.result is not None:
            self._results.append(job)
        self._write(self._channel.send(job.command, self._loop.time()))
        self._schedule()

    def _next(self) -> _Job | None:
        """Return the first of the highest rank whose answer cannot be mistaken for another's."""
        may = [
            job
            for job in self._waiting
            if (self._settling is None or job.rank == _SETTLE)
            and self._channel.conflict(job.command) is None
        ]
        return min(may, key=lambda job: job.rank, default=None)

    def _write(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except PortError as error:
            self.give_up(error)

    # What arrives

    def _received(self, data: bytes) -> None:
        self._dispatch(self._channel.receive(data, self._loop.time()))
        if self._echo_means_restart and self._channel.echoes:
            self._echo_means_restart = False
            self._restarted(())

    def _tick(self) -> None:
        self._timer = None
        self._dispatch(self._channel.tick(self._loop.time()))

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            self._take(event)
        self._pump()
        self._schedule()

    def _take(self, event: Event) -> None:
        match event:
            case Reply():
                self._replied(event)
            case Prompt():
                self._prompted(event)
            case Outcome():
                self._came(event)
            case TimedOut():
                self._timed_out(event)
            case Restarted():
                self._restarted(event.lost)
            case Junk():
                self._junk(event)
            case _:
                self._on_event(event)
                if isinstance(event, PeerClosed):
                    self._closed_in_a_send(event)

    def _prompted(self, prompt: Prompt) -> None:
        if self._running is not None:
            self._running.prompted = True
        self._write(prompt.data)

    def _replied(self, reply: Reply) -> None:
        job, self._running = self._running, None
        if job is None:
            return
        if reply.error and job.result is not None:
            self._drop_result(job, ChipError(f"{job.command.shown}: {error_words(reply.error)}"))
        _set(job.done, Exchange(reply, job.result, job.prompted))

    def _came(self, outcome: Outcome) -> None:
        for job in self._results:
            if job.command is outcome.command:
                self._results.remove(job)
                if job.result is not None:
                    _set(job.result, outcome)
                return

    def _timed_out(self, event: TimedOut) -> None:
        self._counters["timeouts"] += 1
        if event.stage is Stage.RESULT:
            for job in [job for job in self._results if job.command is event.command]:
                self._drop_result(job, _late(event))
            return
        running, self._running = self._running, None
        if running is None:
            return
        self._drop_result(running, _late(event))
        _fail(running.done, _late(event))
        if running.rank != _SETTLE and self._settling is None:
            in_data = running.command.data is not None
            self._settling = self._loop.create_task(self._settle(in_data=in_data))

    def _drop_result(self, job: _Job, error: CommandError) -> None:
        if job in self._results:
            self._results.remove(job)
        if job.result is not None:
            _fail(job.result, error)

    def _restarted(self, _lost: tuple[Command, ...]) -> None:
        self._end_all(OfflineError("the modem restarted"))
        self._channel.reset_conversation()
        self._restart_seen.set()
        self._on_event(Restarted(()))

    def _junk(self, event: Junk) -> None:
        self._counters["junk_bytes"] += len(event.data)
        if event.why == STRAY_PROMPT:
            self._write(CANCEL)
        self._on_event(event)

    def _closed_in_a_send(self, event: PeerClosed) -> None:
        """Wait no longer for a send's result than a moment behind CLOSED: it may never come."""
        for job in (self._running, *self._results):
            if job is None or job.command.data is None:
                continue
            if event.link in (job.command.link, None) or job.command.link is None:
                self._loop.call_later(CLOSED_GRACE, self.abandon, job.command)

    def abandon(self, command: Command) -> None:
        """Wait no longer for a command's reply, or its result; it counts as timed out."""
        if self._running is not None and self._running.command is command:
            self._dispatch(self._channel.give_up())
        else:
            self._dispatch(self._channel.give_up_result(command))

    # Out of step

    async def _settle(self, *, in_data: bool) -> None:
        """Have the modem answer again; what it still takes for data is filled up."""
        question = replace(functionality_query(), wait=SETTLE_WAIT)
        try:
            for fill in (False, in_data):
                if fill:
                    self._write(CANCEL + bytes(b"\r" * LONGEST_SEND))
                if await self._answers(question):
                    return
                if not in_data:
                    break
            self.give_up(ProbeError("the modem stopped answering; is it powered?"))
        except CommandError:
            return  # restarted, or closed: others know
        finally:
            self._settling = None
            self._pump()

    async def _answers(self, question: Command) -> bool:
        for _attempt in range(SETTLE_TRIES):
            if await self.look(question):
                return True
        return False

    # The end

    def give_up(self, reason: ChiplinkError) -> None:
        """End everything that waits: the line is of no use any more."""
        if not self.lost.done():
            self.lost.set_result(reason)
            self._end_all(OfflineError(str(reason)))
            self._restart_seen.set()
            self._stop_timer()

    async def close(self) -> None:
        """Close the port."""
        self.give_up(ProbeError("the line was closed"))
        if self._settling is not None:
            self._settling.cancel()
        await self._transport.close()

    def _end_all(self, error: CommandError) -> None:
        jobs = [*self._waiting, *self._results, *([self._running] if self._running else [])]
        self._waiting.clear()
        self._results.clear()
        self._running = None
        for job in jobs:
            begun = job.begun and not job.command.again
            _fail(job.done, OutcomeUnknownError(str(error)) if begun else error)
            if job.result is not None:
                _fail(job.result, error)

    def _check(self) -> None:
        if self.lost.done():
            raise OfflineError(str(self.lost.result()))

    # Time

    def _schedule(self) -> None:
        self._stop_timer()
        deadline = self._channel.deadline
        if deadline is not None and not self.lost.done():
            self._timer = self._loop.call_at(deadline, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _late(event: TimedOut) -> CommandError:
    words = f"{event.command.shown}: no {event.stage.value} in time"
    kind = DeadlineError if event.command.again else OutcomeUnknownError
    return kind(words)


def _set(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: CommandError) -> None:
    if not future.done():
        future.set_exception(error)
