"""Links on a stack in memory, and all that they say."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from chiplink.driver.links import Links
from chiplink.exceptions import CommandError
from chiplink.model import CommandRequest, LinkData, LinkInfo, LinkPhase, LinkState
from driver.fake_stack import CHIP, FakeStack, Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Any

    from chiplink.driver.device import Emission
    from chiplink.driver.links import LinkSettings
    from chiplink.model import CommandValue, Outcome
    from driver.fake_stack import FakeSocket, Stream

DEADLINE = 600.0
"""Seconds of virtual time that nothing takes but a hang."""


class Stack(FakeStack):
    """A stack whose sockets count what the chip dropped."""

    def _opened(self, socket: FakeSocket) -> FakeSocket:
        socket.dropped = 0  # type: ignore[attr-defined]
        return super()._opened(socket)


class LinksBench:
    """Links of the device `lan` on a FakeStack; data is taken at once unless `holding`."""

    def __init__(self, *settings: LinkSettings) -> None:
        self.network = Network()
        self.stack = Stack(self.network)
        self.links = Links("lan", settings, self.stack)
        self.phases: list[tuple[str, LinkPhase]] = []
        self.times: list[float] = []
        self.infos: list[tuple[float, str, Mapping[str, Any]]] = []
        self.data: list[LinkData] = []
        self.holding = False
        self.held: list[LinkData] = []
        self.slow: list[int] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def _emit(self, emission: Emission) -> None:
        now = asyncio.get_running_loop().time()
        match emission:
            case LinkState():
                self.phases.append((emission.link, emission.phase))
                self.times.append(now)
            case LinkInfo():
                self.infos.append((now, emission.link, emission.info))
            case LinkData():
                self.data.append(emission)
                if self.holding:
                    self.held.append(emission)
                else:
                    emission.taken()
        self._changed.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[LinksBench]:
        """Run the links; at the end nothing is open."""
        self._task = asyncio.create_task(self.links.run(self._emit))
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the links as the program does."""
        assert self._task is not None
        self._task.cancel()
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait({self._task})
        assert self.stack.open == [], "a socket was left open"

    async def until(self, condition: Callable[[], object], within: float = DEADLINE) -> None:
        """Wait until `condition` holds, looking again whenever a link said something."""
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def phase(self, link: str) -> str:
        """What a link does now."""
        said = [phase for name, phase in self.phases if name == link]
        return str(said[-1]) if said else ""

    async def reached(self, link: str, phase: str = "open") -> None:
        """Wait until a link does this."""
        await self.until(lambda: self.phase(link) == phase)

    def info(self, link: str) -> Mapping[str, Any]:
        """What was said last about a link."""
        return [info for _at, name, info in self.infos if name == link][-1]

    def received(self, link: str, peer: str = "") -> bytes:
        """All that came on a link, from one peer where it has several."""
        return b"".join(each.data for each in self.data if (each.link, each.peer) == (link, peer))

    def take_held(self) -> None:
        """Take what was held, and all that comes."""
        self.holding = False
        held, self.held = self.held, []
        for each in held:
            each.taken()

    async def do(self, key: str, value: CommandValue = None, peer: str = "") -> Outcome:
        """Carry out a link's command; raises CommandError."""
        request = CommandRequest("lan", key, value, peer=peer)
        async with asyncio.timeout(DEADLINE):
            return await self.links.execute(request, self.slow.append)

    async def fails(self, key: str, value: CommandValue = None, peer: str = "") -> CommandError:
        """Carry out a command that fails, and return its error."""
        try:
            await self.do(key, value, peer)
        except CommandError as error:
            return error
        raise AssertionError(f"{key} was done")

    def call(self, port: int, source: str) -> Stream:
        """Connect to a server of the chip."""
        return self.network.call(source, f"{CHIP}:{port}")
