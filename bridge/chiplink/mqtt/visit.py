"""Clients that come to a broker for one purpose and leave again."""

from __future__ import annotations

import abc
import asyncio
import secrets
from collections import deque
from typing import TYPE_CHECKING, Self

from chiplink.exceptions import BrokerError
from chiplink.mqtt.connection import Connection
from chiplink.mqtt.connection_events import (
    Acknowledged,
    Connected,
    Disconnected,
    Subscribed,
    answered,
)
from chiplink.mqtt.failures import explain_reason
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.paho import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chiplink.mqtt.connection_events import Event
    from chiplink.mqtt.url import Broker

CONNECT_DEADLINE = 15.0
ANSWER_DEADLINE = 5.0
"""Seconds to the broker's welcome, and to its answers."""

MAX_MESSAGES = 10_000
"""Messages that are kept; a broker with more below one node has another problem."""


class Visitor(abc.ABC):
    """A client of `broker` inside `async with`, `kind` in its name; `version` is 5 or 4 (3.1.1).

    Entering raises BrokerError. A connection that is lost later comes back by itself.
    """

    def __init__(self, broker: Broker, kind: str) -> None:
        self.version = 0
        self._broker = broker
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        name = f"chiplink-{kind}-{secrets.token_hex(4)}"
        self._connection = Connection(broker, name, None, self._take)

    @abc.abstractmethod
    def _heard(self, event: Event) -> None:
        """Take an event; the first Connected comes while the visitor is still entering."""

    async def __aenter__(self) -> Self:
        """Connect; raises BrokerError."""
        self._connection.start()
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await asyncio.shield(self._up)
        except TimeoutError:
            await self._connection.stop()
            raise BrokerError(f"the broker {self._broker} does not answer") from None
        except BaseException:
            await self._connection.stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Leave in good order."""
        await self._connection.stop()

    def _take(self, event: Event) -> None:
        if isinstance(event, Connected):
            self.version = event.version
            if not self._up.done():
                self._up.set_result(None)
        elif isinstance(event, Disconnected) and not self._up.done():
            self._refused(event.reason)
        self._heard(event)

    def _refused(self, reason: str) -> None:
        """Give up, but not before a broker without MQTT 5 was spoken to in 3.1.1."""
        if reason != explain_reason(self._broker, "Unsupported protocol version"):
            self._up.set_exception(BrokerError(reason))


class Visit(Visitor):
    """`messages` are those that came, `heard` the topics on which something was published."""

    def __init__(self, broker: Broker, kind: str) -> None:
        super().__init__(broker, kind)
        self._granted: asyncio.Future[tuple[bool, ...]] = self._up.get_loop().create_future()
        self._unconfirmed: set[int] = set()
        self._changed = asyncio.Event()
        self._lost = ""
        self.heard: set[str] = set()
        self.messages: deque[Incoming] = deque(maxlen=MAX_MESSAGES)

    async def subscribe(self, filters: Iterable[str]) -> tuple[bool, ...]:
        """Ask for what is retained below `filters` and what comes; whether each was granted."""
        self._granted = self._up.get_loop().create_future()
        wanted = [Subscription(one, replay=True) for one in filters]
        self._connection.subscribe(wanted)
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                return answered(await self._granted, len(wanted))
        except TimeoutError:
            raise BrokerError(f"the broker {self._broker} answers no subscription") from None

    async def publish(self, messages: Iterable[Message]) -> None:
        """Publish and wait until the broker has them all; raises BrokerError."""
        for message in messages:
            await self._until(lambda: len(self._unconfirmed) < WINDOW)
            self._unconfirmed.add(self._connection.publish(message))
        await self._until(lambda: not self._unconfirmed)

    async def hears(self, topic: str, deadline: float | None = None) -> bool:
        """Wait for a message that is published on `topic`; whether one came in time."""
        try:
            await self._until(lambda: topic in self.heard, deadline)
        except BrokerError:
            return False
        return True

    async def _until(self, condition: Callable[[], bool], deadline: float | None = None) -> None:
        try:
            async with asyncio.timeout(ANSWER_DEADLINE if deadline is None else deadline):
                while not condition():
                    if self._lost:
                        raise BrokerError(self._lost)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise BrokerError(f"the broker {self._broker} does not answer") from None

    def _heard(self, event: Event) -> None:
        if isinstance(event, Incoming):
            self.messages.append(event)
            if not event.retain:
                self.heard.add(event.topic)
        elif isinstance(event, Acknowledged):
            self._unconfirmed.discard(event.mid)
        elif isinstance(event, Subscribed):
            if not self._granted.done():
                self._granted.set_result(event.granted)
        elif isinstance(event, Disconnected):
            self._lost = event.reason
        self._changed.set()
