"""Everything that is kept on the broker, said at once, and again when somebody has missed it."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from chiplink.mqtt.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.mqtt.announcer import Announcer
    from chiplink.mqtt.health import Health
    from chiplink.mqtt.homeassistant import HomeAssistant
    from chiplink.mqtt.outflow import Outflow
    from chiplink.mqtt.topics import Topics


class Publisher:
    """Says states, health and discovery.

    `delay` are the least and the most seconds that Home Assistant gets to listen to what
    it has just met, before everything is said again.
    """

    def __init__(
        self,
        topics: Topics,
        out: Outflow,
        announcer: Announcer,
        home: HomeAssistant,
        health: Health,
        delay: tuple[float, float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._out = out
        self._announcer = announcer
        self._home = home
        self._health = health
        self._delay = delay
        self._clock = clock
        self._planned: asyncio.TimerHandle | None = None

    def surveyed(self, retained: dict[str, bytes]) -> None:
        """Begin with Home Assistant, knowing what is retained."""
        claim = retained.get(self._topics.claim, b"")
        existing = {topic: payload for topic, payload in retained.items() if self._home.owns(topic)}
        self.show(self._home.surveyed(claim, existing), retained)

    def show(self, messages: list[Message], retained: Mapping[str, bytes] | None = None) -> None:
        """Publish discovery; to what is new, say everything again when it listens."""
        self._discover(messages)
        known = retained or {}
        if any(item.payload and item.payload != known.get(item.topic) for item in messages):
            self.plan()

    def plan(self) -> None:
        """Home Assistant has just met us: give it a moment, then say everything again."""
        self.drop_plan()
        delay = random.uniform(*self._delay)  # noqa: S311 - spreads load, keeps no secret
        self._planned = asyncio.get_running_loop().call_later(delay, self._again)

    def drop_plan(self) -> None:
        """Nobody listens any more."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None

    def everything(self) -> None:
        """Publish all that is retained, but discovery."""
        for message in self._announcer.everything():
            self._out.put_state(message)
        self._health.changed()
        self.health()

    def health(self) -> None:
        """Publish `health` if it is due."""
        payload = self._health.due(self._clock())
        if payload is not None:
            self._out.put_state(Message(self._topics.health, payload, retain=True))

    def _again(self) -> None:
        self._discover(self._home.again())
        self.everything()

    def _discover(self, messages: list[Message]) -> None:
        """Publish discovery; of two payloads of one topic, the first must go out too."""
        for number, message in enumerate(messages):
            later = {other.topic for other in messages[number + 1 :]}
            if message.topic in later:
                self._out.put_event(message)
            else:
                self._out.put_state(message)
