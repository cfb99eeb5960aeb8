"""The line to the broker: paho-mqtt on a thread of its own, one bounded queue to the loop.

A new paho client serves each connection, so nothing of an old one is sent again behind
our back: what was not confirmed comes back to the caller, who decides.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from chiplink.exceptions import BrokerError
from chiplink.mqtt.failures import explain_exception, explain_reason
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.tls import make_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.reasoncodes import ReasonCode

    from chiplink.mqtt.url import Broker

_LOG = logging.getLogger(__name__)

KEEPALIVE = 20
"""Seconds; a broker that vanishes without a word is noticed within one and a half."""

CONNECT_DEADLINE = 10.0
MAX_DELAY = 30.0
"""Seconds between attempts at most."""

MAX_QUEUED = 1024
MAX_QUEUED_BYTES = 8 * 1024 * 1024
"""Messages and payload bytes that may wait for the loop."""

MAX_PACKET = 4 * 1024 * 1024
"""Bytes of a message that a broker may send at all."""

WINDOW = 20
"""Messages in flight at once; more is slower on mosquitto."""

UNSUPPORTED_VERSION = ("Unsupported protocol version", "Protocol error", "Malformed packet")


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us; `version` is 5 or 4 (3.1.1)."""

    version: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or an attempt failed; `reason` is one line for the user."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has message `mid`."""

    mid: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription: whether each filter was granted."""

    mid: int
    granted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Overflowed:
    """A message came while the queue was full; its payload is gone."""

    topic: str


Event = Connected | Disconnected | Acknowledged | Subscribed | Overflowed | Incoming


class Connection:
    """Keeps a connection to one broker; `deliver` is called on the loop with each Event."""

    def __init__(
        self, broker: Broker, client_id: str, will: Message | None, deliver: Callable[[Event], None]
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        self._version = MQTTProtocolVersion.MQTTv5
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._stopping = threading.Event()
        self._events: deque[Event] = deque()
        self._bytes_in = 0
        self._bytes_out = 0
        self._woken = False
        self._taken = False
        self._answered = False
        self._reason = ""
        self._closes_before_answer = 0
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    async def stop(self) -> None:
        """Disconnect in good order and end the thread."""
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        await self._loop.run_in_executor(None, self._thread.join, CONNECT_DEADLINE + 1)

    @property
    def queued(self) -> int:
        """How many events wait for the loop."""
        return len(self._events)

    def publish(self, message: Message) -> int:
        """Hand `message` to the network thread and return its mid; raises BrokerError."""
        properties = self._publish_properties(message)
        info = self._live().publish(
            message.topic, message.payload, message.qos, message.retain, properties
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError("not connected to the broker")
        return info.mid

    def subscribe(self, subscriptions: list[Subscription]) -> int:
        """Subscribe and return the mid that its answer will carry; raises BrokerError."""
        filters: list[Any] = [(item.filter, self._options(item)) for item in subscriptions]
        code, mid = self._live().subscribe(filters)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise BrokerError("not connected to the broker")
        return mid

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back."""
        self._live().unsubscribe(topic_filter)

    def _live(self) -> Client:
        if self._client is None:
            raise BrokerError("not connected to the broker")
        return self._client

    def _options(self, item: Subscription) -> SubscribeOptions | int:
        if self._version != MQTTProtocolVersion.MQTTv5:
            return item.qos
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            if item.replay
            else (SubscribeOptions.RETAIN_DO_NOT_SEND)
        )
        return SubscribeOptions(qos=item.qos, retainAsPublished=True, retainHandling=handling)

    def _publish_properties(self, message: Message) -> Properties | None:
        if self._version != MQTTProtocolVersion.MQTTv5:
            return None
        if message.seq is None and message.correlation is None:
            return None
        properties = _properties(PacketTypes.PUBLISH)
        if message.seq is not None:
            properties.UserProperty = ("seq", str(message.seq))
        if message.correlation is not None:
            properties.CorrelationData = message.correlation
        return properties

    # On the network thread

    def _run(self) -> None:
        delay = 1.0
        while not self._stopping.is_set():
            reason = self._connect_once()
            self._client = None
            self._put(Disconnected(reason))
            delay = 1.0 if self._taken else min(delay * 2, MAX_DELAY)
            self._stopping.wait(delay)

    def _connect_once(self) -> str:
        """Serve one connection to its end and return why it ended."""
        self._taken = self._answered = False
        self._reason = ""
        try:
            client = self._make_client()
            client.connect(self._broker.host, self._broker.port, KEEPALIVE, **self._start())
            self._client = client
            if not self._stopping.is_set():
                code = client.loop_forever()
                self._reason = self._reason or f"connection lost ({MQTTErrorCode(code).name})"
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
            self._reason = explain_exception(self._broker, error)
            _LOG.debug("connection failed", exc_info=True)
        self._choose_version()
        return self._reason

    def _choose_version(self) -> None:
        """Speak 3.1.1 to a broker that hangs up on MQTT 5, and the other way round."""
        if self._client is None or self._stopping.is_set():
            return
        self._closes_before_answer = 0 if self._answered else self._closes_before_answer + 1
        if self._closes_before_answer > 1:
            self._closes_before_answer = 0
            self._swap_version()

    def _swap_version(self) -> None:
        is_5 = self._version == MQTTProtocolVersion.MQTTv5
        self._version = MQTTProtocolVersion.MQTTv311 if is_5 else MQTTProtocolVersion.MQTTv5

    def _make_client(self) -> Client:
        broker = self._broker
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if self._version == MQTTProtocolVersion.MQTTv5 else True,
            protocol=self._version,
            transport="websockets" if broker.path is not None else "tcp",
            reconnect_on_failure=False,
        )
        if broker.path is not None:
            client.ws_set_options(path=broker.path)
        if broker.tls:
            client.tls_set_context(make_context(broker))
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        client.connect_timeout = CONNECT_DEADLINE
        client.max_inflight_messages_set(WINDOW)
        client.max_queued_messages_set(WINDOW * 2)
        if self._will is not None:
            will = self._will
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        # Without this, publish() would write to the socket on the loop's thread.
        client.on_socket_register_write = _leave_it_to_the_thread
        return client

    def _start(self) -> dict[str, Any]:
        if self._version != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = _properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = MAX_PACKET
        return {"clean_start": True, "properties": properties}

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._answered = True
        if reason.is_failure:
            if str(reason) in UNSUPPORTED_VERSION:
                self._swap_version()
            self._reason = explain_reason(self._broker, str(reason))
            client.disconnect()
            return
        self._taken = True
        self._put(Connected(int(self._version)))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._reason = self._reason or explain_reason(self._broker, str(reason))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        size = len(message.payload)
        if len(self._events) >= MAX_QUEUED or self._queued_bytes() + size > MAX_QUEUED_BYTES:
            self.counters["messages_dropped"] += 1
            if len(self._events) < MAX_QUEUED * 2:
                self._put(Overflowed(_topic(message)))
            return
        self._bytes_in += size
        properties = message.properties
        self._put(
            Incoming(
                _topic(message),
                bytes(message.payload),
                message.retain,
                time.monotonic(),
                getattr(properties, "MessageExpiryInterval", None),
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            )
        )

    def _queued_bytes(self) -> int:
        """Each side writes one counter of its own, so none needs a lock."""
        return self._bytes_in - self._bytes_out

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, _reason: Any, _properties: Any
    ) -> None:
        self._put(Acknowledged(mid))

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        self._put(Subscribed(mid, tuple(not reason.is_failure for reason in reasons)))

    def _put(self, event: Event) -> None:
        self._events.append(event)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                self._stopping.set()  # the loop is closed: the program is ending

    # On the loop

    def _drain(self) -> None:
        self._woken = False
        for _ in range(len(self._events)):
            event = self._events.popleft()
            if isinstance(event, Incoming):
                self._bytes_out += len(event.payload)
            self._deliver(event)


def _topic(message: MQTTMessage) -> str:
    """Return the topic; one that is not UTF-8 matches nothing of ours."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _leave_it_to_the_thread(_client: Client, _data: Any, _socket: Any) -> None:
    """Writing is the network thread's business."""
