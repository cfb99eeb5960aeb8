"""An MQTT client that looks at a node from outside and sends it commands, as anybody could."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from typing import TYPE_CHECKING

from chiplink.exceptions import ChiplinkError
from chiplink.mqtt.connection_events import Connected
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.results import decode_result
from chiplink.mqtt.visit import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chiplink.mqtt.connection_events import Event
    from chiplink.mqtt.results import Answer
    from chiplink.mqtt.url import Broker

RESULT_DEADLINE = 20.0
"""Seconds."""


class Watcher(Visitor):
    """Keeps the newest payload of each topic; `on_message` is called for every message."""

    def __init__(self, broker: Broker, node: str) -> None:
        super().__init__(broker, "watcher")
        self.values: dict[str, str] = {}
        self.on_message: Callable[[Incoming], None] | None = None
        self._listeners: set[Callable[[Incoming], None]] = set()
        self._root = f"chiplink/{node}"
        self._changed = asyncio.Condition()
        self._results: dict[str, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._token = secrets.token_hex(3)
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish below the node's root."""
        self._publish(topic, payload.encode(), retain=retain)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._connection.publish(Message(f"{self._root}/{topic}", payload, retain=retain))

    @contextlib.contextmanager
    def listening(self, take: Callable[[Incoming], None]) -> Iterator[None]:
        """Call `take` for every message within the block."""
        self._listeners.add(take)
        try:
            yield
        finally:
            self._listeners.discard(take)

    async def command(self, device: str, key: str, payload: str) -> Answer:
        """Send a command and return its last result."""
        return await self._answered(device, f"{key}/set", payload.encode())

    async def send(self, device: str, key: str, payload: bytes) -> Answer:
        """Send bytes to a link, `link/plc/tx`, and return the last result."""
        return await self._answered(device, key, payload)

    async def _answered(self, device: str, key: str, payload: bytes) -> Answer:
        request_id = f"{self._token}-{next(self._numbers)}"
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._results[request_id] = future
        self._publish(f"{device}/{key}/{request_id}", payload)
        try:
            async with asyncio.timeout(RESULT_DEADLINE):
                return await future
        except TimeoutError:
            raise ChiplinkError(f"{device}/{key}: no result came") from None
        finally:
            del self._results[request_id]

    async def until(self, topic: str, payload: str) -> None:
        """Return once `topic` has `payload`; the caller sets the deadline."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.values.get(topic) == payload)

    def _heard(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._connection.subscribe([Subscription(f"{self._root}/#", replay=True)])
        elif isinstance(event, Incoming):
            self._note(event)

    def _note(self, message: Incoming) -> None:
        self.values[message.topic] = message.payload.decode(errors="replace")
        if message.topic.endswith("/result"):
            self._note_result(message.payload)
        if self.on_message is not None:
            self.on_message(message)
        for listener in tuple(self._listeners):
            listener(message)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_result(self, payload: bytes) -> None:
        result = decode_result(payload)
        if result is None or result.phase == "accepted":
            return
        future = self._results.get(result.id)
        if future is not None and not future.done():
            future.set_result(result)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
