"""Commands waiting for a device or a link: bounded, one at a time, each answered exactly once.

An id makes a command idempotent: QoS 1 repeats messages, so what came under the same
id within a minute is answered from memory and not carried out again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chiplink.catalog.link import CLOSE, link_rows
from chiplink.exceptions import (
    CancelledCommandError,
    ClosedError,
    CommandError,
    DuplicateError,
    ExpiredError,
    InternalError,
    QueueFullError,
    UnknownKeyError,
)
from chiplink.model import CommandRequest, Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.catalog import Row
    from chiplink.driver.device import Device
    from chiplink.model import CommandValue, Result

_LOG = logging.getLogger(__name__)

MAX_WAITING = 32
"""Commands that may wait for a device, and for each of its links."""

MAX_WAITING_DATA = 256 * 1024
"""Bytes that may wait for a link."""

MAX_URGENT = 8
"""Commands that overtake and may run at once."""

MEMORY = 60.0
"""Seconds an id is remembered."""

MAX_REMEMBERED = 1024
"""Ids remembered in a line; beyond, the oldest is forgotten early."""

_Begun = tuple[CommandRequest, Awaitable[Outcome]]
"""A command that runs, and what waits for its end."""

SLOW_MS = 1000
"""Commands that take longer are announced as accepted."""


class CommandLine:
    """The queue in front of one device; `report` gets every Result.

    `rows` are the commands it takes, by key: the device's own unless others are given.
    """

    def __init__(
        self,
        device: Device,
        report: Callable[[Result], None],
        rows: Mapping[str, Row] | None = None,
    ) -> None:
        self._device = device
        self._report = report
        self._rows = device.rows if rows is None else rows
        self._waiting: deque[CommandRequest] = deque()
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()
        self._running: _Begun | None = None
        self._serving = False
        self._ended = False
        self._urgent: set[asyncio.Future[Outcome]] = set()
        self._seen: OrderedDict[str, _Memory] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return len(self._waiting)

    async def run(self) -> None:
        """Carry out what waits until cancelled; then fail what is left."""
        self._serving = True
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                await self._work()
        finally:
            self._serving = False
            self._ended = True
            await self._answer_the_rest(CancelledCommandError("chiplink is stopping"))

    async def _answer_the_rest(self, error: CommandError) -> None:
        if self._running is not None:
            request, ending = self._running
            self._running = None
            asyncio.ensure_future(ending).cancel()
            self._finish(request, error)
        self._drop(error)
        urgent = list(self._urgent)
        for task in urgent:
            task.cancel()
        if urgent:
            await asyncio.wait(urgent)

    async def _work(self) -> None:
        while self._running is not None or self._waiting:
            if self._running is None:
                self._running = self._begin(self._waiting.popleft())
            else:
                running = self._running
                try:
                    await self._complete(running)
                finally:
                    self._running = None
                    self._changed.set()

    def submit(self, request: CommandRequest) -> None:
        """Queue `request`, or report at once why not."""
        try:
            if self._is_repeat(request):
                return
            self._accept(request)
        except CommandError as error:
            self._finish(request, error)

    def _accept(self, request: CommandRequest) -> None:
        if self._ended:
            raise CancelledCommandError("chiplink is stopping")
        row = self._rows.get(request.key)
        if row is None or not row.takes_commands:
            raise UnknownKeyError(f"{request.key!r} is no command of {request.device}")
        if row.urgent and row.urgent_value in (None, request.value):
            self._overtake(request)
            return
        if self._serving and self._running is None and not self._waiting:
            self._running = self._begin(request)
        else:
            self._check_room(request)
            self._waiting.append(request)
        self._arrived.set()

    def _check_room(self, request: CommandRequest) -> None:
        """Raise QueueFullError when `request` may not wait too."""
        if len(self._waiting) >= MAX_WAITING:
            raise QueueFullError(f"{MAX_WAITING} commands are waiting for {request.device}")

    def _emptied_by(self, request: CommandRequest) -> CommandError | None:
        """Return why nothing that waits is carried out after this urgent request, if so."""
        return CancelledCommandError("cancelled") if request.key == "cancel" else None

    def _overtake(self, request: CommandRequest) -> None:
        why = self._emptied_by(request)
        # What empties the queue has room even when others fill their bound.
        if len(self._urgent) >= MAX_URGENT * (1 + (why is not None)):
            raise QueueFullError(f"{MAX_URGENT} urgent commands are running already")
        if why is not None:
            self._drop(why)
        begun = self._stop(request) if request.key == "cancel" else self._begin(request)
        if begun is None:
            return
        ending = asyncio.ensure_future(begun[1])
        self._urgent.add(ending)
        ending.add_done_callback(partial(self._overtook, request))

    def _overtook(self, request: CommandRequest, ending: asyncio.Future[Outcome]) -> None:
        self._urgent.discard(ending)
        if ending.cancelled():
            self._finish(request, CancelledCommandError("chiplink is stopping"))
        elif error := ending.exception():
            self._fail(request, error)
        else:
            self._finish(request, ending.result())

    def _stop(self, request: CommandRequest) -> _Begun | None:
        """Stop what runs; None when nothing does."""
        self._device.abort()
        if self._running is None:
            self._finish(request, Outcome())
            return None
        return request, self._stopped(self._running)

    async def _stopped(self, running: _Begun) -> Outcome:
        """Wait until what was stopped has let go; what came since may run already."""
        while self._running is running:
            await self._changed.wait()
            self._changed.clear()
        return Outcome()

    def _drop(self, error: CommandError) -> None:
        while self._waiting:
            self._finish(self._waiting.popleft(), error)

    def _begin(self, request: CommandRequest) -> _Begun | None:
        """Start a command; None when it has failed already."""
        if request.expires_at is not None and time.monotonic() > request.expires_at:
            self._finish(request, ExpiredError("it waited too long and was not carried out"))
            return None
        try:
            ending = self._device.execute(request, partial(self._started, request))
        except Exception as error:  # noqa: BLE001 - the next command must still run
            self._fail(request, error)
            return None
        return request, ending

    async def _complete(self, begun: _Begun) -> None:
        request, ending = begun
        try:
            outcome = await ending
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                # Not we were cancelled, but what the device waited for: a defect of its own.
                self._fail(request, error)
                return
            self._finish(request, CancelledCommandError("chiplink is stopping"))
            raise
        except Exception as error:  # noqa: BLE001 - the next command must still run
            self._fail(request, error)
        else:
            self._finish(request, outcome)

    def _fail(self, request: CommandRequest, error: BaseException) -> None:
        if not isinstance(error, CommandError):
            _LOG.error("%s/%s failed", request.device, request.key, exc_info=error)
            error = InternalError("a defect of chiplink; see its log")
        self._finish(request, error)

    def _started(self, request: CommandRequest, expect_ms: int) -> None:
        if expect_ms > SLOW_MS:
            result = request.result(Phase.ACCEPTED, time.monotonic(), expect_ms=expect_ms)
            self._remember_result(result)
            self._report(result)

    def _finish(self, request: CommandRequest, outcome: Outcome | CommandError) -> None:
        now = time.monotonic()
        if isinstance(outcome, CommandError):
            result = request.failed(outcome, now)
        else:
            fields = {"value": outcome.value, "detail": outcome.detail}
            result = request.result(Phase.DONE, now, **fields)
        if isinstance(outcome, QueueFullError) and request.id is not None:
            self._seen.pop(request.id, None)  # it may be tried again under its id
        elif not isinstance(outcome, DuplicateError):
            self._remember_result(result)
        self._report(result)

    # Ids

    def _is_repeat(self, request: CommandRequest) -> bool:
        """Answer a repeated id from memory; raises DuplicateError when it is another command."""
        if request.id is None:
            return False
        now = time.monotonic()
        self._forget(now)
        memory = self._seen.get(request.id)
        if memory is None:
            self._seen[request.id] = _Memory(_fingerprint(request))
            return False
        if memory.fingerprint != _fingerprint(request):
            raise DuplicateError("this id was used for another command within a minute")
        if memory.result is not None:
            self._report(replace(memory.result, origin=request.origin))
        return True

    def _remember_result(self, result: Result) -> None:
        memory = self._seen.get(result.id) if result.id is not None else None
        if memory is None or result.id is None:
            return
        # Whoever repeats it says anew where the answer goes, and may say so at length.
        memory.result = replace(result, origin=None)
        if result.phase is not Phase.ACCEPTED:
            memory.finished_at = time.monotonic()
            self._seen.move_to_end(result.id)

    def _forget(self, now: float) -> None:
        """Drop what finished long ago, or first; what waits or runs is never forgotten."""
        excess = len(self._seen) - MAX_REMEMBERED + 1
        gone: list[str] = []
        for name, memory in self._seen.items():
            if memory.finished_at is None:
                continue
            if len(gone) >= excess and now - memory.finished_at < MEMORY:
                break
            gone.append(name)
        for name in gone:
            del self._seen[name]


class LinkLine(CommandLine):
    """The queue in front of one link of `device`: bounded in bytes too; CLOSE empties it."""

    def __init__(self, device: Device, link: str, report: Callable[[Result], None]) -> None:
        super().__init__(device, report, link_rows(link))
        self._name = f"{device.id}/{link}"

    def _check_room(self, request: CommandRequest) -> None:
        size = sum(_size(each.value) for each in (*self._waiting, request))
        if len(self._waiting) >= MAX_WAITING or size > MAX_WAITING_DATA:
            raise QueueFullError(
                f"{len(self._waiting)} commands are waiting for {self._name}; at most"
                f" {MAX_WAITING}, and {MAX_WAITING_DATA} bytes"
            )

    def _emptied_by(self, request: CommandRequest) -> CommandError | None:
        return ClosedError("the link was closed by command") if request.value == CLOSE else None


class _Memory:
    """What is kept of a command: never its text."""

    __slots__ = ("fingerprint", "finished_at", "result")

    def __init__(self, fingerprint: int) -> None:
        self.fingerprint = fingerprint
        self.finished_at: float | None = None
        self.result: Result | None = None


def _size(value: CommandValue) -> int:
    return len(value) if isinstance(value, bytes) else 0


def _fingerprint(request: CommandRequest) -> int:
    value = request.value
    kept = value if isinstance(value, bytes | str) else repr(value)
    return hash((request.key, request.peer, type(value), kept))
