"""A hand at the other end of a simulated line, and waiting for conditions with a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.sim.ch9329 import Ch9329Sim
    from chiplink.sim.events import Event, Observable

DEADLINE = 20


async def until(source: Observable, condition: Callable[[], object]) -> None:
    """Wait until condition holds, looking again at every event of source."""
    changed = asyncio.Event()
    stop = source.observe(lambda _event: changed.set())
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await changed.wait()
                changed.clear()
    finally:
        stop()


class Host:
    """The host of a simulated chip in memory; frames are written as hex."""

    def __init__(self, sim: Ch9329Sim) -> None:
        self.sim = sim
        self.heard = bytearray()
        self.pieces: list[bytes] = []
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        sim.attach(self._hear)
        sim.observe(self.events.append)

    def _hear(self, data: bytes) -> None:
        self.heard += data
        self.pieces.append(data)
        self._changed.set()

    def send(self, *frames: str) -> None:
        for frame in frames:
            self.sim.receive(bytes.fromhex(frame))

    async def hear(self, expected: str) -> None:
        """Wait for as many bytes as expected has, and insist that they are those and no more."""
        wanted = bytes.fromhex(expected)
        try:
            async with asyncio.timeout(DEADLINE):
                while len(self.heard) < len(wanted):
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            pass
        got, self.heard = bytes(self.heard), bytearray()
        assert got.hex(" ") == wanted.hex(" ")

    async def ask(self, frame: str, expected: str) -> None:
        self.send(frame)
        await self.hear(expected)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
