"""A plain MQTT client that sees everything and publishes what a test wants."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from e2e_waiting import until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

if TYPE_CHECKING:
    import ssl

MQTT_5, MQTT_3 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
FILTERS = ("chiplink/#", "elsewhere/#")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it arrived; `replayed` says that it was kept from before we listened."""

    topic: str
    payload: bytes
    retain: bool
    seq: int | None
    correlation: bytes | None


class Observer:
    """Listens to every topic of chiplink; keeps what it saw and the newest of each topic."""

    def __init__(
        self,
        port: int,
        *,
        version: MQTTProtocolVersion = MQTT_5,
        tls: ssl.SSLContext | None = None,
        user: tuple[str, str] | None = None,
        name: str = "",
    ) -> None:
        self.seen: list[Seen] = []
        self.latest: dict[str, bytes] = {}
        self.subscriptions = 0
        self._port = port
        self._version = version
        self._loop = asyncio.get_running_loop()
        self._acknowledged: Counter[int] = Counter()
        client = self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=version)
        client.reconnect_delay_set(1, 1)
        client.on_socket_open = _at_once
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._call(self._on_subscribe)
        client.on_publish = lambda *args: self._call(self._on_publish, args[2])
        if tls is not None:
            client.tls_set_context(tls)
        if user is not None:
            client.username_pw_set(*user)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._client.connect, "127.0.0.1", self._port, 60)
        self._client.loop_start()
        try:
            await until(lambda: self.subscriptions, "the observer could not subscribe")
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    # What was seen

    def payloads(self, topic: str) -> list[bytes]:
        """Everything that came on `topic`, in order."""
        return [seen.payload for seen in self.seen if seen.topic == topic]

    def count(self, topic: str) -> int:
        return len(self.payloads(topic))

    def retained(self) -> dict[str, bytes]:
        """What was kept from before this observer listened, by topic."""
        return {seen.topic: seen.payload for seen in self.seen if seen.retain}

    def results(self, command_id: str | None = None, device: str = "cellar/kvm") -> list[Any]:
        """Results of a device, or those that carry an id."""
        found = [json.loads(payload) for payload in self.payloads(f"chiplink/{device}/result")]
        return [item for item in found if command_id is None or item.get("id") == command_id]

    def finals(self, command_id: str | None = None, device: str = "cellar/kvm") -> list[Any]:
        """Results that are an end."""
        return [item for item in self.results(command_id, device) if item["phase"] != "accepted"]

    async def sees(self, topic: str, payload: str) -> None:
        """Wait until the newest message of `topic` is this one."""
        await until(
            lambda: self.latest.get(topic) == payload.encode(),
            lambda: f"{topic} is {self.latest.get(topic)!r}, not {payload!r}",
        )

    async def final(self, command_id: str, device: str = "cellar/kvm") -> Any:
        """Wait for the end of a command."""
        await until(
            lambda: self.finals(command_id, device),
            lambda: f"no end of {command_id!r} among {self.results(device=device)}",
        )
        return self.finals(command_id, device)[-1]

    # What is said

    async def publish(
        self, topic: str, payload: str | bytes = b"", *, retain: bool = False, **properties: Any
    ) -> None:
        """Publish with QoS 1 and MQTT 5 properties by paho's names; return when the broker has it.

        A message that nobody listens to is acknowledged as well.
        """
        wanted = None
        if properties:
            wanted = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(wanted, name, value)
        data = payload.encode() if isinstance(payload, str) else payload
        info = self._client.publish(topic, data, 1, retain, wanted)
        await until(lambda: self._acknowledged[info.mid], f"{topic} was not acknowledged")
        self._acknowledged[info.mid] = 0

    # On the network thread

    def _on_connect(self, client: Client, *_more: object) -> None:
        if self._version == MQTT_5:
            options = SubscribeOptions(qos=1, retainAsPublished=False)
            client.subscribe([(topic, options) for topic in FILTERS])
        else:
            client.subscribe([(topic, 1) for topic in FILTERS])

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        properties = message.properties
        user = dict(getattr(properties, "UserProperty", []))
        seen = Seen(
            message.topic,
            bytes(message.payload),
            bool(message.retain),
            int(user["seq"]) if "seq" in user else None,
            getattr(properties, "CorrelationData", None),
        )
        self._call(self._note, seen)

    def _call(self, function: Any, *args: object) -> None:
        self._loop.call_soon_threadsafe(function, *args)

    # On the loop

    def _on_subscribe(self) -> None:
        self.subscriptions += 1

    def _on_publish(self, mid: int) -> None:
        self._acknowledged[mid] += 1

    def _note(self, seen: Seen) -> None:
        self.seen.append(seen)
        self.latest[seen.topic] = seen.payload


def _at_once(_client: Client, _data: object, stream: socket.socket) -> None:
    """Send small packets without waiting for the acknowledgement of the last."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
