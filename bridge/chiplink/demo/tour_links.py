"""What the steps with links do alike: send over MQTT, hear what comes, wait for states."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from chiplink.demo.stage import NODE
from chiplink.demo.tour_checks import SETTLE, expect, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chiplink.demo.stage import Stage
    from chiplink.mqtt.message import Incoming

AHEAD = 4
"""Messages of a bulk that are on their way at once."""

BULK_DEADLINE = 120.0
PATIENCE = 15.0
"""Seconds for what takes the chip itself a while."""


class Heard:
    """What came on a link's `rx`, in order, by peer."""

    def __init__(self, device: str, link: str) -> None:
        self._root = f"chiplink/{NODE}/{device}/link/{link}/rx"
        self.by_peer: dict[str, bytearray] = {}

    def take(self, message: Incoming) -> None:
        """Note a message, if it is one of this link's."""
        if message.topic == self._root or message.topic.startswith(f"{self._root}/"):
            peer = message.topic[len(self._root) + 1 :]
            self.by_peer.setdefault(peer, bytearray()).extend(message.payload)

    async def has(self, data: bytes, peer: str = "", deadline: float = SETTLE) -> None:
        """Wait for as many bytes, and see that they are these."""
        async with asyncio.timeout(deadline):
            await until(lambda: len(self.by_peer.get(peer, b"")) >= len(data))
        same = bytes(self.by_peer[peer]) == data
        expect("what came back is what was sent", same, expected=True)


@contextlib.contextmanager
def hearing(stage: Stage, device: str, link: str) -> Iterator[Heard]:
    """Hear a link within the block."""
    heard = Heard(device, link)
    with stage.watcher.listening(heard.take):
        yield heard


async def send(stage: Stage, device: str, key: str, data: bytes) -> str:
    """Send to a link, see that all of it went, and return the level that is known."""
    result = await stage.watcher.send(device, key, data)
    expect(f"the phase of {key}", (result.phase, result.detail), ("done", ""))
    expect("bytes", result.value["bytes"], len(data))
    level: str = result.value["level"]
    return level


async def becomes(stage: Stage, topic: str, payload: str, deadline: float = PATIENCE) -> None:
    """Wait until a topic below the node's has this payload."""
    async with asyncio.timeout(deadline):
        await stage.watcher.until(f"chiplink/{NODE}/{topic}", payload)


async def echoed(stage: Stage, device: str, link: str, data: bytes) -> str:
    """Send to an echo server, see that all comes back, and return the level that is known."""
    await becomes(stage, f"{device}/link/{link}/state", "open")
    with hearing(stage, device, link) as heard:
        level = await send(stage, device, f"link/{link}/tx", data)
        await heard.has(data, deadline=PATIENCE)
    return level


async def bulk(stage: Stage, device: str, link: str, size: int, piece: int) -> None:
    """Send `size` random bytes in messages of `piece` to an echo server; all must come back."""
    data = os.urandom(size)
    waiting: set[asyncio.Task[Any]] = set()
    await becomes(stage, f"{device}/link/{link}/state", "open")
    with hearing(stage, device, link) as heard:
        try:
            for at in range(0, size, piece):
                part = send(stage, device, f"link/{link}/tx", data[at : at + piece])
                waiting.add(asyncio.create_task(part))
                if len(waiting) >= AHEAD:
                    waiting = await _some(waiting)
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()
        await heard.has(data, deadline=BULK_DEADLINE)


async def _some(waiting: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Wait for one of the tasks; raises its error, returns those that are left."""
    done, left = await asyncio.wait(
        waiting, return_when=asyncio.FIRST_COMPLETED, timeout=BULK_DEADLINE
    )
    for task in done:
        task.result()
    return left
