"""The line to the broker: paho-mqtt speaks, the loop reads and writes for it.

Resolving, connecting and the TLS handshake may take long and happen on a thread of
their own. A new paho client serves each connection, so nothing of an old one is sent
again behind our back: what was not confirmed comes back to the caller, who decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from paho.mqtt.enums import MQTTErrorCode

from chiplink.exceptions import BrokerError
from chiplink.mqtt.connection_events import (
    Acknowledged,
    Connected,
    Disconnected,
    Event,
    Subscribed,
)
from chiplink.mqtt.failures import (
    explain_exception,
    explain_hang_up,
    explain_reason,
    explain_rival,
)
from chiplink.mqtt.paho import (
    V5,
    V311,
    connect_arguments,
    incoming,
    make_client,
    publish_properties,
    subscribe_options,
)
from chiplink.mqtt.promptness import Promptness

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

    from chiplink.mqtt.message import Message, Subscription
    from chiplink.mqtt.url import Broker

_LOG = logging.getLogger(__name__)

KEEPALIVE = 20
"""Seconds; a broker that vanishes without a word is noticed within twice as many."""

CONNECT_DEADLINE = 10.0
"""Seconds to a TCP connection, and to the broker's answer behind it."""

FIRST_DELAY = 1.0
MAX_DELAY = 30.0
"""Seconds between attempts."""

SHORT_LIFE = 10.0
"""Seconds; a second client of our name makes the broker close each in turn."""

TICK = 1.0
"""Seconds between looks at the keepalive."""

MAX_READS = 64
"""Packets handled before others get a turn on the loop."""

UNSUPPORTED_VERSION = ("Unsupported protocol version", "Protocol error", "Malformed packet")


class Connection:
    """Keeps a connection to one broker; `deliver` is called on the loop with each Event."""

    def __init__(
        self, broker: Broker, client_id: str, will: Message | None, deliver: Callable[[Event], None]
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._deliver_to = deliver
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        self._promptness: Promptness | None = None
        self._version = V5
        self._task: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._answered = asyncio.Event()
        self._taken = False
        self._taken_at = 0.0
        self._short_lives = 0
        self._stopping = False
        self._delivered = False
        self._in_callback = False
        self._reason = ""
        self._closes_before_answer = 0
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to connect."""
        self._task = self._loop.create_task(self._run(), name="mqtt connection")

    async def stop(self) -> None:
        """Disconnect in good order."""
        self._stopping = True
        if self._client is not None:
            self._client.disconnect()
            self._flush()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def restart(self, reason: str) -> None:
        """End this connection and try again after a while."""
        self._taken, self._reason = False, reason
        self._closed.set()

    def publish(self, message: Message) -> int:
        """Send `message` and return its mid; raises BrokerError when not connected."""
        info = self._live().publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            publish_properties(message, self._version),
        )
        self._flush()
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError("not connected to the broker")
        return info.mid

    def subscribe(self, subscriptions: list[Subscription]) -> int:
        """Subscribe and return the mid that its answer will carry; raises BrokerError."""
        filters: list[Any] = [
            (item.filter, subscribe_options(item, self._version)) for item in subscriptions
        ]
        code, mid = self._live().subscribe(filters)
        self._flush()
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise BrokerError("not connected to the broker")
        return mid

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back."""
        self._live().unsubscribe(topic_filter)
        self._flush()

    def _live(self) -> Client:
        if self._client is None:
            raise BrokerError("not connected to the broker")
        return self._client

    # One connection after another

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._stopping:
            reason = await self._serve_once()
            if self._is_rival():
                reason = explain_rival(self._broker)
            self._deliver(Disconnected(reason))
            lasting = self._taken and not self._short_lives
            delay = FIRST_DELAY if lasting else min(delay * 2, MAX_DELAY)
            await asyncio.sleep(delay)

    def _is_rival(self) -> bool:
        """Count connections that were taken and soon closed; whether there are several."""
        short = self._taken and self._loop.time() - self._taken_at < SHORT_LIFE
        self._short_lives = self._short_lives + 1 if short else 0
        return self._short_lives > 1

    async def _serve_once(self) -> str:
        """Serve one connection to its end and return why it ended."""
        self._taken, self._reason = False, ""
        self._closed.clear()
        self._answered.clear()
        connected = False
        try:
            client = self._make_client()
            await self._connect(client)
            connected = True
            self._client = client
            await self._serve(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt must come
            self._reason = self._reason or explain_exception(self._broker, error)
            _LOG.debug("connection failed", exc_info=True)
        finally:
            self._let_go()
        if connected:
            self._choose_version()
        return self._reason or f"the broker {self._broker} closed the connection"

    async def _connect(self, client: Client) -> None:
        """Run paho's blocking connect on a thread that nobody has to wait for."""
        done: asyncio.Future[None] = self._loop.create_future()

        def finish(error: Exception | None) -> None:
            if done.done():
                _close(client)
            elif error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def work() -> None:
            error: Exception | None = None
            try:
                client.connect(
                    self._broker.host,
                    self._broker.port,
                    KEEPALIVE,
                    **connect_arguments(self._version),
                )
            except Exception as caught:  # noqa: BLE001 - carried over to the loop
                # Its frames hold the socket, which would stay open until garbage is collected.
                error = caught.with_traceback(None)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the program ended
                self._loop.call_soon_threadsafe(finish, error)

        threading.Thread(target=work, name="mqtt connect", daemon=True).start()
        await done

    async def _serve(self, client: Client) -> None:
        line = client.socket()
        if line is None:
            return
        self._promptness = Promptness(line)
        self._loop.add_reader(line, self._readable)
        deadline = self._loop.time() + CONNECT_DEADLINE
        self._readable()
        while not self._closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._closed.wait()
            client.loop_misc()
            self._readable()
            if not self._answered.is_set() and self._loop.time() > deadline:
                self._reason = f"the broker {self._broker} does not answer; is this its port?"
                return

    def _let_go(self) -> None:
        if self._promptness is not None:
            self._promptness.close()
            self._promptness = None
        client, self._client = self._client, None
        if client is not None:
            _close(client)

    def _choose_version(self) -> None:
        """Speak 3.1.1 to a broker that hangs up on MQTT 5, and the other way round."""
        hung_up = not self._answered.is_set()
        self._closes_before_answer = self._closes_before_answer + 1 if hung_up else 0
        if self._closes_before_answer > 1:
            self._closes_before_answer = 0
            self._swap_version()

    def _swap_version(self) -> None:
        self._version = V311 if self._version == V5 else V5

    def _make_client(self) -> Client:
        client = make_client(self._broker, self._client_id, self._will, self._version)
        client.connect_timeout = CONNECT_DEADLINE
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_close = self._on_socket_close
        return client

    # The socket

    def _readable(self) -> None:
        """Read until nothing more comes: TLS and WebSockets hold packets back in buffers."""
        client = self._client
        if client is None:
            return
        for _ in range(MAX_READS):
            self._delivered = False
            client.loop_read()
            self._flush()
            if not self._delivered and not _holds_back(client):
                break
        else:
            self._loop.call_soon(self._readable)
        if self._promptness is not None:
            self._promptness.acknowledge()

    def _flush(self) -> None:
        """Write what waits; what the socket does not take goes out when it does.

        Not within paho's callbacks: it holds a lock then that it wants again when a write
        fails. Reading writes behind them.
        """
        client = self._client
        if client is None or self._in_callback or not client.want_write():
            return
        client.loop_write()
        line = client.socket()
        if line is not None and client.want_write():
            self._loop.add_writer(line, self._writable)

    def _writable(self) -> None:
        client = self._client
        if client is None:
            return
        client.loop_write()
        line = client.socket()
        if line is not None and not client.want_write():
            self._loop.remove_writer(line)

    def _on_socket_close(self, _client: Client, _data: Any, line: Any) -> None:
        if self._client is not None:
            self._loop.remove_reader(line)
            self._loop.remove_writer(line)
            self._closed.set()

    # What paho tells

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self._answered.set()
        if reason.is_failure:
            if str(reason) in UNSUPPORTED_VERSION:
                self._swap_version()
            self._reason = explain_reason(self._broker, str(reason))
            client.disconnect()
            self._closed.set()
            return
        self._taken = True
        self._taken_at = self._loop.time()
        max_packet = getattr(properties, "MaximumPacketSize", None)
        self._deliver(Connected(int(self._version), max_packet))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if not self._answered.is_set() and not self._reason:
            self._reason = explain_hang_up(self._broker)
        self._reason = self._reason or explain_reason(self._broker, str(reason))
        self._closed.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._deliver(incoming(message))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        self._deliver(Acknowledged(mid, str(reason) if reason.is_failure else ""))

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        self._deliver(Subscribed(mid, tuple(not reason.is_failure for reason in reasons)))

    def _deliver(self, event: Event) -> None:
        """Hand an event on; a defect behind it must not end the connection."""
        self._delivered = self._in_callback = True
        try:
            self._deliver_to(event)
        except Exception:  # noqa: BLE001 - whatever it is, it is logged
            _LOG.exception("handling %s failed", type(event).__name__)
            self.counters["defects"] += 1
        finally:
            self._in_callback = False


def _holds_back(client: Client) -> bool:
    """Whether TLS has bytes for us that the socket will not become readable for."""
    pending = getattr(client.socket(), "pending", None)  # a plain socket has none
    return pending is not None and pending() > 0


def _close(client: Client) -> None:
    """Close the socket of a client that is not needed any more."""
    line = client.socket()
    if line is not None:
        client.on_disconnect = None
        asyncio.get_running_loop().remove_reader(line)
        asyncio.get_running_loop().remove_writer(line)
        line.close()
