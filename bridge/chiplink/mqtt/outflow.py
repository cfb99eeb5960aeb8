"""What goes out to the broker: few messages at once, and none lost with a connection."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from chiplink.exceptions import BrokerError
from chiplink.mqtt.outbox import Outbox
from chiplink.mqtt.paho import WINDOW

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from chiplink.mqtt.connection_events import Acknowledged
    from chiplink.mqtt.message import Message

_LOG = logging.getLogger(__name__)


class Outflow:
    """Hands messages to `publish` while it is open, at most WINDOW unconfirmed at once.

    `publish` returns the mid that the confirmation will carry. It raises BrokerError when
    there is no connection, and ValueError for what can never be sent.
    """

    def __init__(
        self,
        publish: Callable[[Message], int],
        counters: Counter[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publish = publish
        self._counters = counters
        self._clock = clock
        self._outbox = Outbox(counters)
        self._in_flight: dict[int, Message] = {}
        self._max_packet: int | None = None
        self._ended = False
        self.is_open = False
        self.idle = asyncio.Event()
        """Set while nothing waits and nothing is unconfirmed."""

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._outbox)

    @property
    def in_flight(self) -> int:
        """How many messages are unconfirmed."""
        return len(self._in_flight)

    def put_state(self, message: Message) -> None:
        """Send a retained message; the newest of its topic is enough."""
        self._outbox.put_state(message)
        self._pump()

    def put_event(self, message: Message) -> None:
        """Send an event or a result."""
        self._outbox.put_event(message, self._clock())
        self._pump()

    def put_data(self, message: Message) -> None:
        """Send a message with `taken`, which is called whatever becomes of it."""
        if self._ended:
            _release(message)
            return
        self._outbox.put_data(message)
        self._pump()

    def open(self, max_packet: int | None = None) -> None:
        """Begin to hand messages over; the broker would hang up on a longer packet."""
        self._max_packet = max_packet
        self.is_open = True
        self._pump()

    def acknowledged(self, event: Acknowledged) -> Message | None:
        """Note a confirmation and send more; return the message if it was refused."""
        message = self._in_flight.pop(event.mid, None)
        refused = message if event.refused else None
        if refused is not None:
            self._counters["publishes_refused"] += 1
        if message is not None:
            _release(message)
        self._pump()
        return refused

    def lost(self) -> None:
        """Stop; what was not confirmed is sent again by the next connection."""
        self.is_open = False
        self._outbox.put_back(list(self._in_flight.values()))
        self._in_flight.clear()

    def end(self) -> None:
        """Give up what is left, now and later."""
        self.is_open = False
        self._ended = True
        left = list(self._in_flight.values())
        self._in_flight.clear()
        while (message := self._outbox.take(self._clock())) is not None:
            left.append(message)
        for message in left:
            _release(message)

    def _pump(self) -> None:
        """Hand messages over while the broker takes them."""
        while self.is_open and len(self._in_flight) < WINDOW:
            message = self._outbox.take(self._clock())
            if message is None or not self._send(message):
                break
        if not self._in_flight and not len(self._outbox):
            self.idle.set()
        else:
            self.idle.clear()

    def _send(self, message: Message) -> bool:
        """Hand one message over; whether the connection still stands."""
        try:
            self._check_size(message)
            mid = self._publish(message)
        except BrokerError as error:
            _LOG.debug("publishing failed: %s", error)
            self._outbox.put_back([message])
            self.is_open = False
            return False
        except ValueError as error:
            _LOG.warning("%s cannot be published: %s", message.topic, error)
            self._counters["unsendable"] += 1
            _release(message)
            return True
        self._in_flight[mid] = message
        return True

    def _check_size(self, message: Message) -> None:
        limit = self._max_packet
        if limit is not None and message.packet_size > limit:
            raise ValueError(f"the broker takes {limit} bytes at once")


def _release(message: Message) -> None:
    """Let whoever waits for `message` go on; their defects are not ours."""
    if message.taken is None:
        return
    try:
        message.taken()
    except Exception:  # noqa: BLE001 - others wait too
        _LOG.exception("what waited for %s failed", message.topic)
