"""One command at a time with a CH9329: its answer, its deadline, and the way back.

The chip has no flow control and answers each command, so exactly one is in flight.
A frame that lost a byte is not dropped by the chip: it swallows the next command. So
after a deadline has passed, zero bytes end whatever the chip waits for and GET_INFO
is asked; its answer proves that every answer to what went before has arrived.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from chiplink.exceptions import (
    ChipError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    PortError,
    ProbeError,
)
from chiplink.protocol.ch9329 import (
    GARBLED,
    LONG_PREAMBLE,
    PREAMBLE,
    Ch9329Protocol,
    Command,
    HidIn,
    Info,
    Noise,
    Reply,
    get_info,
    is_harmless,
    is_read,
    status_words,
)

if TYPE_CHECKING:
    from chiplink.transport.base import Transport

MAX_WAITING = 64
"""Exchanges that may wait for their turn; a program that queues more has a defect."""

MAX_TRIES = 3
"""Times one frame is sent before the chip is given up."""

ANSWER = 0.12
"""Seconds to an answer beyond the time on the wire: 4 to 17 ms were measured, and a key
that is held longer than about 200 ms begins to repeat on the computer."""

PROBE_ANSWER = 0.3
"""Seconds to the answer of a probe beyond the time on the wire."""

RESTART = 0.55
"""Seconds of silence in which the chip cannot have restarted and found its computer again
(0.4 s to start, then USB): what it knew of before is still so, and a state may be sent again."""

_LONGEST_ANSWER = 71
_BITS_A_BYTE = 10

Answer = Info | Reply
Done = Callable[[Answer | CommandError], None]


class Exchange:
    """A frame to send and what to do with its answer.

    `repeatable` frames set a state or read: sending them again does no harm.
    """

    __slots__ = ("answer", "command", "done", "frame", "repeatable", "tries")

    def __init__(
        self, frame: bytes, command: int, done: Done, *, repeatable: bool, answer: float = ANSWER
    ) -> None:
        self.frame = frame
        self.command = command
        self.done = done
        self.repeatable = repeatable
        self.answer = answer
        self.tries = 0


class Conversation:
    """Exchanges one after another over an open transport.

    `on_info` and `on_hid` get what comes unasked too; `on_dead` is called once, when
    the port is lost or the chip stays silent.
    """

    def __init__(
        self,
        transport: Transport,
        address: int,
        *,
        on_info: Callable[[Info], None],
        on_hid: Callable[[bytes], None],
        on_dead: Callable[[PortError | ProbeError], None],
        counters: Counter[str],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._address = address
        self._protocol = Ch9329Protocol()
        self._on_info = on_info
        self._on_hid = on_hid
        self._on_dead = on_dead
        self._counters = counters
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._deadline = self._begun = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._info_seen: asyncio.Future[None] | None = None
        self._dead = False
        transport.start(self._received, self._lost)

    async def identify(self) -> None:
        """Wake the chip and wait for GET_INFO's answer; raises ProbeError."""
        for preamble in (LONG_PREAMBLE, PREAMBLE):
            if await self._probe(preamble, PROBE_ANSWER):
                return
        raise ProbeError(f"no CH9329 answers at {self._transport.baud} baud")

    def submit(self, exchange: Exchange, *, first: bool = False) -> None:
        """Send when it is its turn; `first` overtakes what waits."""
        if self._dead:
            exchange.done(OfflineError("the connection to the chip is lost"))
            return
        if len(self._waiting) >= MAX_WAITING:
            exchange.done(OutcomeUnknownError("too many frames wait for the chip"))
            return
        if first:
            self._waiting.appendleft(exchange)
        else:
            self._waiting.append(exchange)
        self._pump()

    async def request(
        self, frame: bytes, command: int, *, repeatable: bool, first: bool = False
    ) -> Answer:
        """Send one frame and return its good answer; raises CommandError."""
        return await self.ask(frame, command, repeatable=repeatable, first=first)

    def ask(
        self, frame: bytes, command: int, *, repeatable: bool, first: bool = False
    ) -> asyncio.Future[Answer]:
        """Queue one frame now, and return what gets its good answer or a CommandError."""
        future: asyncio.Future[Answer] = self._loop.create_future()

        def done(answer: Answer | CommandError) -> None:
            if future.done():
                return
            if isinstance(answer, CommandError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self.submit(Exchange(frame, command, done, repeatable=repeatable), first=first)
        return future

    def wire_time(self, size: int) -> float:
        """Seconds that `size` bytes take on the wire."""
        return size * _BITS_A_BYTE / self._transport.baud if self._transport.baud else 0.0

    async def close(self) -> None:
        """Fail what is pending and close the transport."""
        self._end(OutcomeUnknownError("the connection to the chip was closed"))
        if self._recovery is not None:
            self._recovery.cancel()
        await self._transport.close()

    # What arrives

    def _received(self, data: bytes) -> None:
        """Answers are matched against the exchange that was in flight when the read began.

        A doubled answer in one read is thus never taken for the answer to the next frame.
        """
        current = self._current
        answer: Answer | None = None
        for event in self._protocol.receive(data):
            if isinstance(event, Reply):
                if answer is None and current is not None and _answers(event, current):
                    answer = event
                else:
                    self._counters["stale_replies"] += 1
            elif isinstance(event, Info):
                if answer is None and current is not None and current.command == Command.GET_INFO:
                    answer = event
                self._note_info(event)
            elif isinstance(event, HidIn):
                self._on_hid(event.data)
            else:
                self._note_noise(event)
        if answer is not None and current is self._current and self._recovery is None:
            self._answered(answer)

    def _note_info(self, info: Info) -> None:
        if self._info_seen is not None and not self._info_seen.done():
            self._info_seen.set_result(None)
        self._on_info(info)

    def _note_noise(self, noise: Noise) -> None:
        self._counters["noise_frames"] += 1
        self._counters["noise_bytes"] += noise.length

    def _answered(self, answer: Answer) -> None:
        exchange = self._current
        if exchange is None:
            return
        if isinstance(answer, Reply) and not answer.ok:
            self._refused(exchange, answer)
            return
        self._current = None
        exchange.done(answer)
        self._pump()

    def _refused(self, exchange: Exchange, reply: Reply) -> None:
        self._counters["chip_errors"] += 1
        again = exchange.repeatable or reply.command == exchange.command
        if reply.status in GARBLED and again and exchange.tries < MAX_TRIES:
            self._send(exchange)
            return
        self._current = None
        exchange.done(ChipError(status_words(reply.status)))
        self._pump()

    # What goes out

    def _pump(self) -> None:
        if self._current is None and self._waiting and self._recovery is None and not self._dead:
            self._send(self._waiting.popleft())

    def _send(self, exchange: Exchange) -> None:
        self._current = exchange
        exchange.tries += 1
        self._begun = self._loop.time()
        try:
            self._transport.write(exchange.frame)
        except PortError as error:
            self._lost(error)
            return
        size = len(exchange.frame) + _LONGEST_ANSWER
        self._deadline = self._loop.time() + exchange.answer + self.wire_time(size)
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    # Deadlines and the way back

    def _check_deadline(self) -> None:
        """One timer serves every exchange: it is moved on when it fires too early."""
        self._timer = None
        if self._current is None or self._recovery is not None or self._dead:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
            return
        self._counters["timeouts"] += 1
        self._recovery = self._loop.create_task(self._recover())

    async def _recover(self) -> None:
        for preamble in (PREAMBLE, LONG_PREAMBLE, LONG_PREAMBLE):
            if await self._probe(preamble, ANSWER):
                self._recovery = None
                self._resume()
                return
        self._lost(ProbeError("the chip stopped answering; is it powered?"))

    async def _probe(self, preamble: bytes, answer: float) -> bool:
        """Send zeros and GET_INFO; whether its answer came in time."""
        self._protocol.give_up()
        self._info_seen = self._loop.create_future()
        frame = preamble + get_info(self._address)
        try:
            self._transport.write(frame)
            size = len(frame) + _LONGEST_ANSWER
            async with asyncio.timeout(answer + self.wire_time(size)):
                await self._info_seen
        except TimeoutError:
            return False
        except PortError as error:
            self._lost(error)
            return False
        finally:
            self._info_seen = None
        return True

    def _resume(self) -> None:
        """Send the frame that got no answer again, if that does no harm."""
        exchange = self._current
        if exchange is None:
            self._pump()
            return
        restarted = self._loop.time() - self._begun > RESTART and not is_harmless(exchange.frame)
        if exchange.repeatable and exchange.tries < MAX_TRIES and not restarted:
            self._send(exchange)
            return
        self._current = None
        exchange.done(_unanswered(exchange))
        self._pump()

    def _lost(self, error: PortError | ProbeError) -> None:
        if not self._dead:
            self._end(OutcomeUnknownError(f"the connection was lost: {error}"))
            self._on_dead(error)

    def _end(self, error: CommandError) -> None:
        self._dead = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        current, self._current = self._current, None
        waiting = list(self._waiting)
        self._waiting.clear()
        if current is not None:
            current.done(error)
        for exchange in waiting:
            exchange.done(OfflineError("the connection to the chip is lost"))


def _answers(reply: Reply, exchange: Exchange) -> bool:
    """A garbled frame is answered under whatever code the chip read."""
    return reply.command == exchange.command or reply.status in GARBLED


def _unanswered(exchange: Exchange) -> CommandError:
    if is_read(exchange.command):
        return DeadlineError("the chip did not answer the command")
    return OutcomeUnknownError("the answer was lost; it may have been carried out")
