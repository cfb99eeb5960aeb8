"""What devices with TCP/IP of their own have in common: a session at a time, links, a reset."""

from __future__ import annotations

import abc
import asyncio
from typing import TYPE_CHECKING, Protocol

from chiplink.driver.links import Links
from chiplink.driver.supervision import Supervisor
from chiplink.exceptions import DeadlineError, UnknownKeyError
from chiplink.model import Outcome, StateUpdate

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Mapping

    from chiplink.catalog import Chip, Row
    from chiplink.driver.device import Emission, Emit, LinkView, Started
    from chiplink.driver.links import LinkSettings
    from chiplink.driver.sockets import Stack
    from chiplink.model import CommandRequest, Scalar


class Settings(Protocol):
    """What every such device's settings have."""

    @property
    def id(self) -> str:
        """Its name in the configuration."""

    @property
    def title(self) -> str:
        """Its name for people, if it has one."""

    @property
    def links(self) -> tuple[LinkSettings, ...]:
        """Its links."""


class NetworkDevice(abc.ABC):
    """A Device: keeps a chip connected and its links open, and says each state that changes."""

    def __init__(
        self, settings: Settings, chip: Chip, stack: Stack, counters: Counter[str]
    ) -> None:
        self.id = settings.id
        self.title = settings.title or settings.id
        self.chip = chip
        self.rows: Mapping[str, Row] = {row.key: row for row in chip.rows}
        self._links = Links(settings.id, settings.links, stack)
        self.links: Mapping[str, LinkView] = self._links.by_name
        self._counters = counters
        self._connected = asyncio.Event()
        self._emit: Emit = _nobody
        self._published: dict[str, Scalar] = {}

    @abc.abstractmethod
    async def _session(self) -> None:
        """Connect and look after the chip until it is lost; raises why it was."""

    @abc.abstractmethod
    def _command(self, request: CommandRequest, started: Started) -> Awaitable[Outcome] | None:
        """Begin one of the chip's own commands; None for none of them; raises CommandError."""

    async def run(self, emit: Emit) -> None:
        """Keep the chip connected and its links open until cancelled; all are closed then."""
        self._emit = emit
        self._published.clear()
        self._supervisor = Supervisor(self.id, self._session, emit)
        supervising = asyncio.create_task(self._supervisor.run())
        try:
            await self._links.run(emit)
            await asyncio.wait({supervising})  # awaiting it would cancel it twice
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        """Begin one command and return what waits for its end; raises CommandError."""
        if request.key.startswith("link/"):
            return self._links.execute(request, started)
        work = self._command(request, started)
        if work is None:
            raise UnknownKeyError(f"{request.key!r} is no command of this device")
        return work

    def abort(self) -> None:  # noqa: B027 - not abstract: there is nothing to do
        """Nothing that runs can be stopped half way."""

    def unattended(self) -> None:  # noqa: B027 - not abstract: there is nothing to do
        """Nothing is held."""

    def counters(self) -> Mapping[str, int]:
        """Return what was counted on the line."""
        return self._counters

    async def connected(self) -> None:
        """Wait until the chip answers and is prepared; its network may come later."""
        await self._connected.wait()

    async def _back(self, seconds: float, chip: str) -> Outcome:
        """Wait until a chip that is being reset is connected again; raises DeadlineError."""
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        except TimeoutError:
            raise DeadlineError(f"{chip} is not back after {seconds:g} s") from None
        return Outcome()

    def publish(self, key: str, value: Scalar) -> None:
        """Tell a state that has changed."""
        if self._published.get(key) != value or key not in self._published:
            self._published[key] = value
            self._emit(StateUpdate(self.id, key, value))


def _nobody(_emission: Emission) -> None:
    """Before `run`, nobody listens."""
