"""The bridge's side of the conversation with the broker, as SPEC.md promises it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chiplink.exceptions import BrokerError, CommandError
from chiplink.model import Availability
from chiplink.mqtt.announcer import Announcer
from chiplink.mqtt.connection import Connection
from chiplink.mqtt.connection_events import Acknowledged, Connected, Disconnected, Event
from chiplink.mqtt.discovery import Discovery
from chiplink.mqtt.greeting import Greeting
from chiplink.mqtt.health import Health
from chiplink.mqtt.homeassistant import HomeAssistant, Memory, Mode
from chiplink.mqtt.incoming import read_command
from chiplink.mqtt.message import Incoming, Message
from chiplink.mqtt.outflow import Outflow
from chiplink.mqtt.publisher import Publisher
from chiplink.mqtt.topics import Topics

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from chiplink.model import (
        CommandRequest,
        DeviceEvent,
        LinkData,
        LinkInfo,
        LinkState,
        Result,
        StateUpdate,
    )
    from chiplink.mqtt.url import Broker
    from chiplink.mqtt.view import NodeView

    Connect = Callable[[Broker, str, Message | None, Callable[[Event], None]], Connection]

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
    birth_delay: tuple[float, float] = field(default_factory=lambda: BIRTH_DELAY)
    mode: Mode = Mode.AUTO
    discovery_prefix: str = "homeassistant"
    typing: bool = False
    memory: Memory = field(default_factory=dict)


class Session:
    """A sink of the node, and the source of its commands.

    `connect` makes its connection; `clock` counts seconds as `time.monotonic()` does.
    """

    def __init__(
        self,
        settings: SessionSettings,
        node: NodeView,
        *,
        connect: Connect = Connection,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._node = node
        self._clock = clock
        self._topics = Topics(settings.node)
        self._secure = settings.broker.is_secure
        self._loop = asyncio.get_running_loop()
        self._offline = Message(self._topics.status, b"offline", retain=True)
        client_id = f"chiplink-{settings.node}"
        self._connection = connect(settings.broker, client_id, self._offline, self._take)
        self._counters: Counter[str] = self._connection.counters
        self._discovery = Discovery(
            settings.node, settings.discovery_prefix, self._topics, typing=settings.typing
        )
        self._home = HomeAssistant(settings.mode, self._discovery, node, settings.memory)
        self._announcer = Announcer(
            settings.node, self._topics, node, self._counters, clock, typing=settings.typing
        )
        self._out = Outflow(self._connection.publish, self._counters, clock)
        self._greeting = Greeting(
            self._connection,
            self._topics,
            self._discovery.filter,
            settings.birth_topic,
            SYNC_DEADLINE,
        )
        self._health = Health(
            node, self._counters, lambda: self._out.waiting, lambda: self._home.shown
        )
        self._publisher = Publisher(
            self._topics,
            self._out,
            self._announcer,
            self._home,
            self._health,
            settings.birth_delay,
            clock,
        )
        self._greets: asyncio.Task[None] | None = None
        self._logged: dict[str, float] = {}
        self._leaving = False
        self._idle = self._out.idle
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled, then say goodbye."""
        self._connection.start()
        try:
            while True:
                await asyncio.sleep(self._health.interval)
                self._publisher.show(self._home.tick(self._clock()))
                self._publish_health()
        finally:
            try:
                await self._say_goodbye()
            finally:
                self._out.end()

    def counters(self) -> Mapping[str, int]:
        """Return what was counted since the start, by name."""
        return self._counters

    def queues(self) -> Mapping[str, int]:
        """Return how much waits, by queue."""
        return {"outgoing": self._out.waiting, "in_flight": self._out.in_flight}

    # What the node says (Sink)

    def state(self, update: StateUpdate) -> None:
        """Publish a state."""
        self._out.put_state(self._announcer.state(update))

    def event(self, event: DeviceEvent) -> None:
        """Publish an event."""
        self._out.put_event(self._announcer.event(event))

    def availability(self, availability: Availability) -> None:
        """Publish whether a device answers."""
        self._out.put_state(self._announcer.availability(availability))

    def result(self, result: Result) -> None:
        """Publish what became of a command."""
        for message in self._announcer.result(result):
            self._out.put_event(message)

    def link_state(self, state: LinkState) -> None:
        """Publish what a link is doing."""
        self._out.put_state(self._announcer.link_state(state))

    def link_info(self, info: LinkInfo) -> None:
        """Publish what there is to know about a link."""
        self._out.put_state(self._announcer.link_info(info))

    def link_data(self, data: LinkData) -> None:
        """Publish what arrived on a link."""
        self._out.put_data(self._announcer.link_data(data))

    # What the broker says

    def _take(self, event: Event) -> None:
        if isinstance(event, Incoming):
            self._received(event)
        elif isinstance(event, Acknowledged):
            refused = self._out.acknowledged(event)
            if refused is not None:
                self._log_once(f"the broker refuses {refused.topic}: {event.refused}; see its ACL")
        elif isinstance(event, Connected):
            self._connected(event)
        elif isinstance(event, Disconnected):
            self._disconnected(event)
        else:
            self._greeting.granted(event)

    def _received(self, message: Incoming) -> None:
        command = self._topics.parse_command(message.topic)
        if self._greeting.overhears(message, is_command=command is not None):
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
            if message.payload != b"online" and self._out.is_open and not self._leaving:
                self._counters["status_repaired"] += 1
                self._say_online()
        elif message.topic == self._settings.birth_topic:
            if message.payload == b"online":
                self._home.born(self._clock())
                self._publisher.plan()
        elif message.topic == self._topics.claim:
            self._publisher.show(self._home.claimed(message.payload))
        elif self._home.owns(message.topic):
            if not message.payload:
                self._home.emptied(message.topic)
        else:
            self._counters["unknown_topics"] += 1

    def _refuse(self, request: CommandRequest, error: CommandError) -> None:
        self._counters["commands_refused"] += 1
        self.result(request.failed(error, self._clock()))

    # Coming and going

    def _connected(self, event: Connected) -> None:
        version = {5: "5", 4: "3.1.1"}.get(event.version, str(event.version))
        _LOG.info("connected to %s, MQTT %s", self._settings.broker, version)
        self._end_greeting()
        self._greets = self._loop.create_task(self._greet(event.max_packet))

    def _disconnected(self, event: Disconnected) -> None:
        self._end_greeting()
        self._log_once(event.reason)
        if self.connected.is_set():
            self._counters["broker_lost"] += 1
        self.connected.clear()
        self._out.lost()
        self._node.unattended()

    def _log_once(self, reason: str) -> None:
        """Log a reason, but not again within a minute."""
        now = self._clock()
        self._logged = {line: at for line, at in self._logged.items() if now - at < SAME_LINE}
        if reason not in self._logged:
            self._logged[reason] = now
            _LOG.warning("%s", reason)

    def _end_greeting(self) -> None:
        if self._greets is not None:
            self._greets.cancel()
            self._greets = None
        self._publisher.drop_plan()

    async def _greet(self, max_packet: int | None) -> None:
        """Clear what is not ours any more, listen, publish everything, and go online."""
        try:
            retained = await self._greeting.survey()
            # At once, before anything else can be heard: a claim that comes now is newer.
            self._publisher.surveyed(retained)
            await self._greeting.listen()
            for message in self._greeting.stale(retained, self._announcer.retained_topics()):
                self._out.put_state(message)
            self._publisher.everything()
            self._out.open(max_packet)
            self._say_online()
            self.connected.set()
        except (BrokerError, TimeoutError) as error:
            self._connection.restart(
                f"the broker did not let us begin: {str(error) or self._unanswered}"
            )
        except Exception:  # noqa: BLE001 - the next connection may do better
            _LOG.exception("beginning with the broker failed")
            self._connection.restart("beginning with the broker failed; see above")

    @property
    def _unanswered(self) -> str:
        return (
            "no answer in time; does its ACL let this user"
            f" read and write {self._topics.everything}?"
        )

    def _say_online(self) -> None:
        self._out.put_state(Message(self._topics.status, b"online", retain=True))

    async def _say_goodbye(self) -> None:
        self._end_greeting()
        self._leaving = True
        if self._out.is_open:
            for device in self._node.devices:
                self.availability(Availability(device, online=False))
            self._out.put_state(self._offline)
            try:
                async with asyncio.timeout(FAREWELL_DEADLINE):
                    await self._idle.wait()
            except TimeoutError:
                left = self._out.waiting
                _LOG.warning("%d messages could not be delivered any more", left)
        await self._connection.stop()

    def _publish_health(self) -> None:
        self._publisher.health()
