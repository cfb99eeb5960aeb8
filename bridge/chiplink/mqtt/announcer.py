"""What the node says, as messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from chiplink.catalog.link import link_of
from chiplink.model import Availability, LinkInfo, LinkState, StateUpdate
from chiplink.mqtt.descriptor import descriptor
from chiplink.mqtt.events import encode_event
from chiplink.mqtt.incoming import Origin
from chiplink.mqtt.message import Message
from chiplink.mqtt.payloads import encode_state
from chiplink.mqtt.results import ResultLimit, encode_result
from chiplink.mqtt.sequences import Sequences

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from chiplink.model import DeviceEvent, LinkData, Result
    from chiplink.mqtt.topics import Topics
    from chiplink.mqtt.view import NodeView


class Announcer:
    """Makes the messages and numbers those of streams."""

    def __init__(
        self,
        name: str,
        topics: Topics,
        node: NodeView,
        counters: Counter[str],
        clock: Callable[[], float] = time.monotonic,
        *,
        typing: bool = False,
    ) -> None:
        self._name = name
        self._typing = typing
        self._topics = topics
        self._node = node
        self._counters = counters
        self._clock = clock
        self._limit = ResultLimit()
        self._sequences = Sequences()

    def state(self, update: StateUpdate) -> Message:
        """Return a state's message."""
        topic = self._topics.key(update.device, update.key)
        return Message(topic, encode_state(update.value), retain=True)

    def event(self, event: DeviceEvent) -> Message:
        """Return an event's message."""
        topic = self._topics.key(event.device, event.key)
        return Message(topic, encode_event(event), seq=self._next(topic, event.device))

    def availability(self, availability: Availability) -> Message:
        """Return the message that says whether a device answers."""
        topic = self._topics.availability(availability.device)
        return Message(topic, b"online" if availability.online else b"offline", retain=True)

    def result(self, result: Result) -> list[Message]:
        """Return a result's messages, one where the sender wants it too; none beyond the bound."""
        if not self._limit.allows(self._bucket(result), self._clock()):
            self._counters["results_suppressed"] += 1
            return []
        topic, payload = self._topics.result(result.device), encode_result(result)
        messages = [Message(topic, payload, seq=self._next(topic, result.device))]
        if isinstance(result.origin, Origin):
            where = result.origin
            messages.append(Message(where.response_topic, payload, correlation=where.correlation))
        return messages

    def link_state(self, state: LinkState) -> Message:
        """Return the message that says what a link is doing."""
        topic = self._topics.link_state(state.device, state.link)
        return Message(topic, str(state.phase).encode(), retain=True)

    def link_info(self, info: LinkInfo) -> Message:
        """Return the message that says what there is to know about a link."""
        topic = self._topics.link_info(info.device, info.link)
        return Message(topic, msgspec.json.encode(info.info), retain=True)

    def link_data(self, data: LinkData) -> Message:
        """Return the message of what arrived on a link."""
        topic = self._topics.link_data(data.device, data.link, data.peer)
        number = self._sequences.next_of_peer if data.peer else self._sequences.next
        return Message(topic, data.data, seq=number(topic), taken=data.taken)

    def everything(self) -> Iterator[Message]:
        """Return all that is retained: the descriptor and what is known of every device."""
        node = self._node
        whole = descriptor(self._name, node, typing=self._typing)
        yield Message(self._topics.descriptor, whole, retain=True)
        for device, online in node.available.items():
            yield self.availability(Availability(device, online))
        for (device, key), value in node.states.items():
            yield self.state(StateUpdate(device, key, value))
        for (device, link), phase in node.link_states.items():
            yield self.link_state(LinkState(device, link, phase))
        for (device, link), info in node.link_infos.items():
            yield self.link_info(LinkInfo(device, link, info))

    def retained_topics(self) -> set[str]:
        """Return every topic that may be retained by this configuration."""
        topics = self._topics
        own = {topics.status, topics.descriptor, topics.health, topics.claim}
        for device in self._node.devices.values():
            own.add(topics.availability(device.id))
            own |= {topics.key(device.id, row.key) for row in device.rows.values() if row.has_state}
            own |= {topics.link_state(device.id, link) for link in device.links}
            own |= {topics.link_info(device.id, link) for link in device.links}
        return own

    def _bucket(self, result: Result) -> str:
        """Return what a result counts for: a device, one of its links, what is none of either."""
        device = self._node.devices.get(result.device)
        if device is None:
            return ""
        link = link_of(result.key)
        if link is None:
            return device.id
        return f"{device.id}/link/{link}" if link in device.links else f"{device.id}/link"

    def _next(self, topic: str, device: str) -> int | None:
        """Count a stream; one of a device that we do not have is not worth keeping."""
        return self._sequences.next(topic) if device in self._node.devices else None
