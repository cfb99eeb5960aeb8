"""A broker that does what a test tells it, where the session expects its connection."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chiplink.exceptions import BrokerError
from chiplink.mqtt.connection_events import Acknowledged, Connected, Disconnected, Event, Subscribed
from chiplink.mqtt.message import Incoming, Message, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.mqtt.url import Broker

DEADLINE = 20
"""Seconds after which a test that hangs fails."""


@dataclass
class FakeLink:
    id: str
    kind: str = "tcp-client"
    several: bool = False


@dataclass(frozen=True)
class Subscribing:
    mid: int
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True)
class Unsubscribing:
    filter: str


@dataclass(frozen=True)
class Stopping:
    pass


Said = Message | Subscribing | Unsubscribing | Stopping


class FakeConnection:
    """Notes what the session says; `deliver` is how the broker speaks; `made` is the newest.

    `acknowledges`, `grants` and `echoes` are what the broker does by itself; `takes` bounds
    the messages that wait for their acknowledgement.
    """

    made: FakeConnection

    def __init__(
        self, broker: Broker, client_id: str, will: Message | None, deliver: Callable[[Event], None]
    ) -> None:
        self.client_id = client_id
        self.will = will
        self.deliver = deliver
        self.counters: Counter[str] = Counter()
        self.online = False
        self.started = False
        self.stopped = False
        self.acknowledges = True
        self.grants = True
        self.echoes = True
        self.takes = 1000
        self.refuses: Exception | None = None
        self.retained: list[Incoming] = []
        self.unacknowledged: list[int] = []
        self.published: list[Message] = []
        self.restarts: list[str] = []
        self._said: deque[Said] = deque()
        self._changed = asyncio.Event()
        self._mid = 0
        self._generation = 0
        FakeConnection.made = self

    # What the session calls

    def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True
        self.online = False
        self._note(Stopping())

    def restart(self, reason: str) -> None:
        self.restarts.append(reason)
        self._changed.set()

    def publish(self, message: Message) -> int:
        mid = self._next()
        if self.refuses is not None:
            raise self.refuses
        if len(self.unacknowledged) >= self.takes:
            raise BrokerError("too many messages wait")
        self.published.append(message)
        self.unacknowledged.append(mid)
        self._note(message)
        if self.acknowledges:
            self._soon(lambda: self.acknowledge(mid))
        if self.echoes and message.topic.startswith("chiplink/cellar/response/sync-"):
            self._soon(lambda: self.receive(message.topic, message.payload))
        return mid

    def subscribe(self, subscriptions: list[Subscription]) -> int:
        mid = self._next()
        self._note(Subscribing(mid, tuple(subscriptions)))
        if self.grants:
            self._soon(lambda: self.grant(mid, len(subscriptions)))
        if any(item.filter.endswith("#") and item.replay for item in subscriptions):
            for message in self.retained:
                self._soon(partial(self.deliver, message))
        return mid

    def unsubscribe(self, topic_filter: str) -> None:
        self._next()
        self._note(Unsubscribing(topic_filter))

    def _next(self) -> int:
        if not self.online:
            raise BrokerError("not connected to the broker")
        self._mid += 1
        return self._mid

    def _soon(self, action: Callable[[], None]) -> None:
        """Act in the next turn of the loop, unless the connection is another one by then."""
        generation = self._generation

        def act() -> None:
            if generation == self._generation and self.online:
                action()

        asyncio.get_running_loop().call_soon(act)

    def _note(self, said: Said) -> None:
        self._said.append(said)
        self._changed.set()

    # What a test calls

    def connect(self, version: int = 5) -> None:
        self.online = True
        self._generation += 1
        self.deliver(Connected(version))

    def disconnect(self, reason: str = "gone") -> None:
        self.online = False
        self.unacknowledged.clear()
        self.deliver(Disconnected(reason))

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message, once."""
        if mid in self.unacknowledged:
            self.unacknowledged.remove(mid)
            self.deliver(Acknowledged(mid))

    def acknowledge_all(self) -> None:
        """Acknowledge everything, also what that lets out."""
        while self.unacknowledged:
            self.acknowledge(self.unacknowledged[0])

    def grant(self, mid: int, count: int) -> None:
        self.deliver(Subscribed(mid, (True,) * count))

    def receive(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry: int | None = None,
        response_topic: str | None = None,
        correlation: bytes | None = None,
        received: float = 0.0,
    ) -> None:
        self.deliver(
            Incoming(topic, payload, retain, received, expiry, response_topic, correlation)
        )

    async def next(self) -> Said:
        """Return what the session said next; fails when it says nothing for long."""
        async with asyncio.timeout(DEADLINE):
            while not self._said:
                self._changed.clear()
                await self._changed.wait()
        return self._said.popleft()

    def left(self) -> list[Said]:
        """Return what was said and not asked for."""
        return list(self._said)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, looking again whenever the session says something."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
