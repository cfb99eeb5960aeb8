"""What waits for the broker: bounded, the newest state wins, events have a time to live."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.mqtt.message import Message

MAX_EVENTS = 512
"""Events and results that may wait; beyond, the oldest is dropped and counted."""

MAX_BYTES = 1024 * 1024
"""Payload bytes of events and results that may wait."""

EVENT_TTL = 300.0
"""Seconds an event or result is worth delivering."""


class Outbox:
    """Messages in the order in which they should go out."""

    def __init__(self, counters: Counter[str]) -> None:
        self._entries: OrderedDict[object, Message] = OrderedDict()
        self._counters = counters
        self._events = 0
        self._bytes = 0

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._entries)

    def put_state(self, message: Message) -> None:
        """Queue a retained message; it replaces an older one of its topic."""
        self._entries.pop(message.topic, None)
        self._entries[message.topic] = message

    def put_event(self, message: Message, now: float) -> None:
        """Queue an event or a result."""
        self._add_event(replace(message, expires_at=now + EVENT_TTL))
        self._bound()

    def put_back(self, messages: list[Message]) -> None:
        """Queue events again, in front, whose delivery was never confirmed; states are left out."""
        for message in reversed(messages):
            if not message.retain:
                self._entries.move_to_end(self._add_event(message), last=False)
        self._bound()

    def take(self, now: float) -> Message | None:
        """Return the next message that is still worth sending, or None."""
        while self._entries:
            key, message = self._entries.popitem(last=False)
            if not isinstance(key, str):
                self._forget_event(message)
            if message.expires_at is None or now < message.expires_at:
                return message
            self._counters["events_expired"] += 1
        return None

    def _add_event(self, message: Message) -> object:
        key = object()
        self._entries[key] = message
        self._events += 1
        self._bytes += len(message.payload)
        return key

    def _forget_event(self, message: Message) -> None:
        self._events -= 1
        self._bytes -= len(message.payload)

    def _bound(self) -> None:
        while self._events > MAX_EVENTS or self._bytes > MAX_BYTES:
            oldest = next(key for key in self._entries if not isinstance(key, str))
            self._forget_event(self._entries.pop(oldest))
            self._counters["events_dropped"] += 1
