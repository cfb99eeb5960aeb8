"""The bridge's side of the conversation with the broker, as SPEC.md promises it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chiplink.exceptions import BrokerError, CommandError
from chiplink.model import Availability, CommandRequest, DeviceEvent, Result, StateUpdate
from chiplink.mqtt.connection import Connection
from chiplink.mqtt.connection_events import Acknowledged, Connected, Disconnected, Event, Subscribed
from chiplink.mqtt.descriptor import descriptor
from chiplink.mqtt.discovery import Discovery
from chiplink.mqtt.events import encode_event
from chiplink.mqtt.health import Health
from chiplink.mqtt.homeassistant import HomeAssistant, Memory, Mode
from chiplink.mqtt.incoming import Origin, read_command
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.outbox import Outbox
from chiplink.mqtt.paho import WINDOW
from chiplink.mqtt.payloads import encode_state
from chiplink.mqtt.results import ResultLimit, encode_result
from chiplink.mqtt.topics import Topics
from chiplink.mqtt.tree import RetainedTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.mqtt.url import Broker
    from chiplink.mqtt.view import NodeView

_LOG = logging.getLogger(__name__)

SYNC_DEADLINE = 5.0
"""Seconds for the broker to answer a subscription or replay what is retained."""

SAME_LINE = 60.0
"""Seconds for which one reason is not logged again."""

BIRTH_DELAY = (1.0, 4.0)
"""Seconds, at random, between Home Assistant's birth and our states."""

FAREWELL_DEADLINE = 2.0
"""Seconds to get the last messages out when the program ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """Who we are to the broker."""

    node: str
    broker: Broker
    birth_topic: str | None = "homeassistant/status"
    mode: Mode = Mode.AUTO
    discovery_prefix: str = "homeassistant"
    typing: bool = False
    memory: Memory = field(default_factory=dict)


class Session:
    """A sink of the node, and the source of its commands."""

    def __init__(self, settings: SessionSettings, node: NodeView) -> None:
        self._settings = settings
        self._node = node
        self._topics = Topics(settings.node)
        self._secure = settings.broker.is_secure
        self._loop = asyncio.get_running_loop()
        self._offline = Message(self._topics.status, b"offline", retain=True)
        client_id = f"chiplink-{settings.node}"
        self._connection = Connection(settings.broker, client_id, self._offline, self._take)
        self._counters: Counter[str] = self._connection.counters
        self._discovery = Discovery(
            settings.node, settings.discovery_prefix, self._topics, typing=settings.typing
        )
        self._home = HomeAssistant(settings.mode, self._discovery, node, settings.memory)
        self._outbox = Outbox(self._counters)
        self._limit = ResultLimit()
        self._health = Health(
            node, self._counters, lambda: len(self._outbox), lambda: self._home.shown
        )
        self._in_flight: dict[int, Message] = {}
        self._sequences: Counter[str] = Counter()
        self._subscribed: dict[int, asyncio.Future[tuple[bool, ...]]] = {}
        self._tree: RetainedTree | None = None
        self._tree_done = False
        self._greeting: asyncio.Task[None] | None = None
        self._birth: asyncio.TimerHandle | None = None
        self._logged: dict[str, float] = {}
        self._ready = False
        self._leaving = False
        self._idle = asyncio.Event()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled, then say goodbye."""
        self._connection.start()
        try:
            while True:
                await asyncio.sleep(self._health.interval)
                self._show(self._home.tick(time.monotonic()))
                self._publish_health()
        finally:
            await self._say_goodbye()

    def counters(self) -> Mapping[str, int]:
        """Return what was counted since the start, by name."""
        return self._counters

    def queues(self) -> Mapping[str, int]:
        """Return how much waits, by queue."""
        return {"outgoing": len(self._outbox), "in_flight": len(self._in_flight)}

    # What the node says (Sink)

    def state(self, update: StateUpdate) -> None:
        """Publish a state."""
        topic = self._topics.key(update.device, update.key)
        self._put_state(Message(topic, encode_state(update.value), retain=True))

    def event(self, event: DeviceEvent) -> None:
        """Publish an event."""
        topic = self._topics.key(event.device, event.key)
        self._put_event(Message(topic, encode_event(event), seq=self._next(topic, event.device)))

    def availability(self, availability: Availability) -> None:
        """Publish whether a device answers."""
        topic = self._topics.availability(availability.device)
        payload = b"online" if availability.online else b"offline"
        self._put_state(Message(topic, payload, retain=True))

    def result(self, result: Result) -> None:
        """Publish what became of a command."""
        if not self._limit.allows(result.device, time.monotonic()):
            self._counters["results_suppressed"] += 1
            return
        topic, payload = self._topics.result(result.device), encode_result(result)
        self._put_event(Message(topic, payload, seq=self._next(topic, result.device)))
        if isinstance(result.origin, Origin):
            where = result.origin
            self._put_event(Message(where.response_topic, payload, correlation=where.correlation))

    def _next(self, topic: str, device: str) -> int | None:
        """Count a stream; one of a device that we do not have is not worth keeping."""
        if device not in self._node.devices:
            return None
        self._sequences[topic] += 1
        return self._sequences[topic]

    # Out

    def _put_state(self, message: Message) -> None:
        self._outbox.put_state(message)
        self._pump()

    def _put_event(self, message: Message) -> None:
        self._outbox.put_event(message, time.monotonic())
        self._pump()

    def _pump(self) -> None:
        """Hand messages over while the broker takes them."""
        while self._ready and len(self._in_flight) < WINDOW:
            message = self._outbox.take(time.monotonic())
            if message is None or not self._send(message):
                break
        if not self._in_flight and not len(self._outbox):
            self._idle.set()
        else:
            self._idle.clear()

    def _send(self, message: Message) -> bool:
        """Hand one message over; whether the connection still stands."""
        try:
            mid = self._connection.publish(message)
        except BrokerError as error:
            _LOG.debug("publishing failed: %s", error)
            self._outbox.put_back([message])
            self._ready = False
            return False
        except ValueError as error:
            _LOG.warning("%s cannot be published: %s", message.topic, error)
            self._counters["unsendable"] += 1
            return True
        self._in_flight[mid] = message
        return True

    # In

    def _take(self, event: Event) -> None:
        if isinstance(event, Incoming):
            self._received(event)
        elif isinstance(event, Acknowledged):
            message = self._in_flight.pop(event.mid, None)
            if event.refused and message is not None:
                self._counters["publishes_refused"] += 1
                self._log_once(f"the broker refuses {message.topic}: {event.refused}; see its ACL")
            self._pump()
        elif isinstance(event, Connected):
            self._connected(event)
        elif isinstance(event, Disconnected):
            self._disconnected(event)
        else:
            self._granted(event)

    def _received(self, message: Incoming) -> None:
        command = self._topics.parse_command(message.topic)
        if self._tree is not None and self._tree.take(message, is_command=command is not None):
            return
        if command is None:
            self._other(message)
            return
        if not message.payload:
            self._counters["empty_commands"] += 1
            return
        request, error = read_command(
            self._node, self._topics, command, message, secure=self._secure
        )
        if error is None:
            self._node.submit(request)
        else:
            self._refuse(request, error)

    def _other(self, message: Incoming) -> None:
        if message.topic == self._topics.status:
            if message.payload != b"online" and self._ready and not self._leaving:
                self._counters["status_repaired"] += 1
                self._put_state(Message(self._topics.status, b"online", retain=True))
        elif message.topic == self._settings.birth_topic:
            if message.payload == b"online":
                self._home.born(time.monotonic())
                self._plan_republication()
        elif message.topic == self._topics.claim:
            self._show(self._home.claimed(message.payload))
        elif self._home.owns(message.topic):
            if not message.payload:
                self._home.emptied(message.topic)
        else:
            self._counters["unknown_topics"] += 1

    def _refuse(self, request: CommandRequest, error: CommandError) -> None:
        self._counters["commands_refused"] += 1
        self.result(request.failed(error, time.monotonic()))

    # Coming and going

    def _connected(self, event: Connected) -> None:
        version = {5: "5", 4: "3.1.1"}.get(event.version, str(event.version))
        _LOG.info("connected to %s, MQTT %s", self._settings.broker, version)
        self._end_greeting()
        self._greeting = self._loop.create_task(self._greet())

    def _disconnected(self, event: Disconnected) -> None:
        self._end_greeting()
        self._log_once(event.reason)
        if self._ready:
            self._counters["broker_lost"] += 1
        self._ready = False
        self.connected.clear()
        self._outbox.put_back(list(self._in_flight.values()))
        self._in_flight.clear()
        self._node.unattended()

    def _log_once(self, reason: str) -> None:
        """Log a reason, but not again within a minute."""
        now = time.monotonic()
        self._logged = {line: at for line, at in self._logged.items() if now - at < SAME_LINE}
        if reason not in self._logged:
            self._logged[reason] = now
            _LOG.warning("%s", reason)

    def _end_greeting(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None
        if self._birth is not None:
            self._birth.cancel()
            self._birth = None

    async def _greet(self) -> None:
        """Clear what is not ours any more, listen, publish everything, and go online."""
        try:
            retained = await self._survey()
            # At once, before anything else can be heard: a claim that comes now is newer.
            self._show(self._surveyed(retained), retained)
            await self._subscribe()
            self._clear_stale(retained)
            self._publish_all()
            self._ready = True
            self._put_state(Message(self._topics.status, b"online", retain=True))
            self.connected.set()
        except (BrokerError, TimeoutError) as error:
            self._connection.restart(
                f"the broker did not let us begin: {str(error) or self._unanswered}"
            )
        except Exception:  # noqa: BLE001 - the next connection may do better
            _LOG.exception("beginning with the broker failed")

    @property
    def _unanswered(self) -> str:
        return (
            "no answer in time; does its ACL let this user"
            f" read and write {self._topics.everything}?"
        )

    async def _survey(self) -> dict[str, bytes]:
        """Return what is retained of ours: at the start everything, later what others change."""
        tree = self._tree = RetainedTree(self._topics.sync(secrets.token_hex(8)))
        passing = [tree.marker] if self._tree_done else [tree.marker, self._topics.everything]
        wanted = [Subscription(topic, replay=True) for topic in passing]
        wanted.append(Subscription(self._topics.claim, replay=True))
        wanted.append(Subscription(self._discovery.filter, replay=True, own=False))
        try:
            granted = await self._ask(wanted)
            self._tell_refused(wanted, granted)
            if granted[0]:
                self._connection.publish(Message(tree.marker, b"sync"))
                await tree.wait(SYNC_DEADLINE)
            for topic in passing:
                self._connection.unsubscribe(topic)
        finally:
            self._tree = None
        return tree.retained

    def _clear_stale(self, retained: dict[str, bytes]) -> None:
        """Clear what an earlier configuration left below our root."""
        self._tree_done = True
        for topic in retained.keys() - self._own_topics():
            if topic.startswith(f"{self._topics.root}/"):
                _LOG.info("clearing %s", topic)
                self._outbox.put_state(Message(topic, b"", retain=True))

    def _surveyed(self, retained: dict[str, bytes]) -> list[Message]:
        claim = retained.get(self._topics.claim, b"")
        existing = {topic: payload for topic, payload in retained.items() if self._home.owns(topic)}
        return self._home.surveyed(claim, existing)

    def _show(self, messages: list[Message], retained: Mapping[str, bytes] | None = None) -> None:
        """Publish discovery; to what is new, say everything again when it listens."""
        self._publish_for_home_assistant(messages)
        known = retained or {}
        if any(item.payload and item.payload != known.get(item.topic) for item in messages):
            self._plan_republication()

    def _publish_for_home_assistant(self, messages: list[Message]) -> None:
        """Publish discovery; of two payloads of one topic, the first must go out too."""
        for number, message in enumerate(messages):
            later = {other.topic for other in messages[number + 1 :]}
            if message.topic in later:
                self._outbox.put_event(message, time.monotonic())
            else:
                self._outbox.put_state(message)
        self._pump()

    async def _subscribe(self) -> None:
        wanted = [Subscription(topic) for topic in self._topics.commands]
        wanted.append(Subscription(self._topics.status, replay=True))
        if self._settings.birth_topic is not None:
            wanted.append(Subscription(self._settings.birth_topic))
        self._tell_refused(wanted, await self._ask(wanted))

    @staticmethod
    def _tell_refused(wanted: list[Subscription], granted: tuple[bool, ...]) -> None:
        for subscription, ok in zip(wanted, granted, strict=False):
            if not ok:
                _LOG.error("the broker does not let us listen to %s", subscription.filter)

    async def _ask(self, subscriptions: list[Subscription]) -> tuple[bool, ...]:
        mid = self._connection.subscribe(subscriptions)
        future = self._subscribed[mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(SYNC_DEADLINE):
                granted: tuple[bool, ...] = await future
                return granted
        finally:
            del self._subscribed[mid]

    def _granted(self, event: Subscribed) -> None:
        future = self._subscribed.get(event.mid)
        if future is not None and not future.done():
            future.set_result(event.granted)

    def _own_topics(self) -> set[str]:
        """Every topic that may be retained by this configuration."""
        topics = self._topics
        own = {topics.status, topics.descriptor, topics.health, topics.claim}
        for device in self._node.devices.values():
            own.add(topics.availability(device.id))
            own |= {topics.key(device.id, row.key) for row in device.rows.values() if row.has_state}
        return own

    def _publish_all(self) -> None:
        payload = descriptor(self._settings.node, self._node)
        self._put_state(Message(self._topics.descriptor, payload, retain=True))
        for device, online in self._node.available.items():
            self.availability(Availability(device, online))
        for (device, key), value in self._node.states.items():
            self.state(StateUpdate(device, key, value))
        self._health.changed()
        self._publish_health()

    def _publish_health(self) -> None:
        payload = self._health.due(time.monotonic())
        if payload is not None:
            self._put_state(Message(self._topics.health, payload, retain=True))

    def _plan_republication(self) -> None:
        """Home Assistant has just met us: give it a moment, then say everything again."""
        if self._birth is not None:
            self._birth.cancel()
        delay = random.uniform(*BIRTH_DELAY)  # noqa: S311 - spreads load, keeps no secret
        self._birth = self._loop.call_later(delay, self._publish_again)

    def _publish_again(self) -> None:
        self._publish_for_home_assistant(self._home.again())
        self._publish_all()

    async def _say_goodbye(self) -> None:
        self._end_greeting()
        self._leaving = True
        if self._ready:
            for device in self._node.devices:
                self.availability(Availability(device, online=False))
            self._put_state(self._offline)
            try:
                async with asyncio.timeout(FAREWELL_DEADLINE):
                    await self._idle.wait()
            except TimeoutError:
                _LOG.warning("%d messages could not be delivered any more", len(self._outbox))
        await self._connection.stop()
