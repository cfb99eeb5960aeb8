"""Reading back what this node left retained on the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.mqtt.message import Incoming

MAX_TOPICS = 10_000
"""Retained topics looked at; a broker holding more has another problem."""


class RetainedTree:
    """Collects retained topics until `marker` comes back, behind the last of them."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.retained: set[str] = set()
        self._complete = asyncio.Event()

    def take(self, message: Incoming, *, is_command: bool) -> bool:
        """Note `message`; whether it was only of interest here."""
        if message.topic == self.marker:
            self._complete.set()
            return True
        if not message.retain:
            return not is_command
        if message.payload and len(self.retained) < MAX_TOPICS:
            self.retained.add(message.topic)
        return True

    async def wait(self, deadline: float) -> None:
        """Return when all was seen; raises TimeoutError after `deadline` seconds."""
        async with asyncio.timeout(deadline):
            await self._complete.wait()
