"""What waits for the broker, in order: states, events, and data of links.

Of states the newest wins. Events and results are bounded and have a time to live. Data of
links has neither: each link bounds what it has on its way by `Message.taken`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.mqtt.message import Message

MAX_EVENTS = 512
"""Events and results that may wait; beyond, the oldest is dropped and counted."""

MAX_BYTES = 1024 * 1024
"""Bytes of packets of events and results that may wait: senders choose correlation data too."""

EVENT_TTL = 300.0
"""Seconds an event or result is worth delivering."""


class Outbox:
    """Messages in the order in which they should go out."""

    def __init__(self, counters: Counter[str]) -> None:
        self._entries: OrderedDict[object, Message] = OrderedDict()
        self._counters = counters
        self._events: deque[object] = deque()
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
        key = object()
        self._entries[key] = replace(message, expires_at=now + EVENT_TTL)
        self._events.append(key)
        self._bytes += message.packet_size
        self._bound()

    def put_data(self, message: Message) -> None:
        """Queue a message with `taken`; it stays until it is taken."""
        self._entries[object()] = message

    def put_back(self, messages: list[Message]) -> None:
        """Queue again, in front, what was never confirmed.

        States are left out, each connection says them anew; but what clears a topic that
        is not ours any more is said once.
        """
        for message in reversed(messages):
            if message.retain and (message.payload or message.topic in self._entries):
                continue
            key = message.topic if message.retain else object()
            self._entries[key] = message
            self._entries.move_to_end(key, last=False)
            if not message.retain and message.taken is None:
                self._events.appendleft(key)
                self._bytes += message.packet_size
        self._bound()

    def take(self, now: float) -> Message | None:
        """Return the next message that is still worth sending, or None."""
        while self._entries:
            key, message = self._entries.popitem(last=False)
            if not isinstance(key, str) and message.taken is None:
                # Events keep their order, so this is the first of them.
                self._events.popleft()
                self._bytes -= message.packet_size
            if message.expires_at is None or now < message.expires_at:
                return message
            self._counters["events_expired"] += 1
        return None

    def _bound(self) -> None:
        while len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES:
            dropped = self._entries.pop(self._events.popleft())
            self._bytes -= dropped.packet_size
            self._counters["events_dropped"] += 1
