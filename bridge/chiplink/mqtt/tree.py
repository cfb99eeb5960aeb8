"""Reading back what this node left retained on the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.mqtt.message import Incoming

MAX_PAYLOAD = 64 * 1024
"""Bytes kept of each; a longer one is not ours."""

MAX_TOPICS = 2000
"""Retained topics looked at; a broker holding more has another problem."""


class RetainedTree:
    """Collects retained topics and payloads until `marker` comes back, behind the last.

    What others publish on `claim` meanwhile is retained too, though MQTT 3.1.1 does not say so.
    """

    def __init__(self, marker: str, claim: str) -> None:
        self.marker = marker
        self._claim = claim
        self.retained: dict[str, bytes] = {}
        self._complete = asyncio.Event()

    def take(self, message: Incoming, *, is_command: bool) -> bool:
        """Note `message`; whether it was only of interest here."""
        if message.topic == self.marker:
            self._complete.set()
            return True
        if not message.retain and message.topic != self._claim:
            return not is_command
        if not message.payload:
            self.retained.pop(message.topic, None)
        elif len(self.retained) < MAX_TOPICS or message.topic == self._claim:
            self.retained[message.topic] = message.payload[:MAX_PAYLOAD]
        return True

    async def wait(self, deadline: float) -> None:
        """Return when all was seen; raises TimeoutError after `deadline` seconds."""
        async with asyncio.timeout(deadline):
            await self._complete.wait()
