"""The first words with a broker that has just taken us: what it keeps of ours, what we hear."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from chiplink.mqtt.connection_events import answered
from chiplink.mqtt.message import Message, Subscription
from chiplink.mqtt.tree import RetainedTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chiplink.mqtt.connection import Connection
    from chiplink.mqtt.connection_events import Subscribed
    from chiplink.mqtt.message import Incoming
    from chiplink.mqtt.topics import Topics

_LOG = logging.getLogger(__name__)


class Greeting:
    """Subscribes, first to what is retained; `discovery` is the filter of Home Assistant's.

    `deadline` are the seconds for each answer of the broker.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        discovery: str,
        birth_topic: str | None,
        deadline: float,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._discovery = discovery
        self._birth_topic = birth_topic
        self._deadline = deadline
        self._answers: dict[int, asyncio.Future[tuple[bool, ...]]] = {}
        self._tree: RetainedTree | None = None
        self._whole = True

    async def survey(self) -> dict[str, bytes]:
        """Return what is retained of ours: at the start everything, later what others change.

        Raises BrokerError and TimeoutError, as `listen` does.
        """
        marker = self._topics.sync(secrets.token_hex(8))
        tree = self._tree = RetainedTree(marker, self._topics.claim)
        passing = [marker, self._topics.everything] if self._whole else [marker]
        wanted = [Subscription(topic, replay=True) for topic in passing]
        wanted.append(Subscription(self._topics.claim, replay=True))
        wanted.append(Subscription(self._discovery, replay=True, own=False))
        try:
            granted = await self._ask(wanted)
            if granted[0]:
                self._connection.publish(Message(marker, b"sync"))
                await tree.wait(self._deadline)
            for topic in passing:
                self._connection.unsubscribe(topic)
        finally:
            self._tree = None
        return tree.retained

    async def listen(self) -> None:
        """Subscribe to commands, and to what is said about us."""
        wanted = [Subscription(topic) for topic in self._topics.commands]
        wanted.append(Subscription(self._topics.status, replay=True))
        if self._birth_topic is not None:
            wanted.append(Subscription(self._birth_topic))
        await self._ask(wanted)

    def stale(self, retained: dict[str, bytes], own: set[str]) -> list[Message]:
        """Return what clears the rest of an earlier configuration; it is not looked for again."""
        self._whole = False
        root = f"{self._topics.root}/"
        gone = [topic for topic in retained.keys() - own if topic.startswith(root)]
        for topic in gone:
            _LOG.info("clearing %s", topic)
        return [Message(topic, b"", retain=True) for topic in gone]

    def overhears(self, message: Incoming, *, is_command: bool) -> bool:
        """Note what a survey asked for; whether `message` was only that."""
        return self._tree is not None and self._tree.take(message, is_command=is_command)

    def granted(self, event: Subscribed) -> None:
        """Note the broker's answer to a subscription."""
        answer = self._answers.get(event.mid)
        if answer is not None and not answer.done():
            answer.set_result(event.granted)

    async def _ask(self, wanted: Sequence[Subscription]) -> tuple[bool, ...]:
        """Subscribe and return what was granted, in order; tell what was not."""
        mid = self._connection.subscribe(list(wanted))
        answer = self._answers[mid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._deadline):
                granted: tuple[bool, ...] = await answer
        finally:
            del self._answers[mid]
        granted = answered(granted, len(wanted))
        for subscription, ok in zip(wanted, granted, strict=True):
            if not ok:
                _LOG.error("the broker does not let us listen to %s", subscription.filter)
        return granted
