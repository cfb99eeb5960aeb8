"""A broker behind Home Assistant's MQTT client, and a bridge on it: neither has a socket."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

from homeassistant.components import mqtt
from paho.mqtt.client import topic_matches_sub
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockMqttReasonCode,
    async_fire_mqtt_message,
)
from said import SAID

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

ROOT = "chiplink/cellar"

DESCRIPTORS = "chiplink/+/descriptor"
"""What Home Assistant subscribes for the manifest, after everything for its own discovery."""


class Info:
    """What the client's library returns for a message."""

    def __init__(self, mid: int) -> None:
        self.mid = mid
        self.rc = 0


class Broker:
    """Keeps what is retained, in the order in which a real one would hand it out."""

    def __init__(self, hass: HomeAssistant, paho: Any) -> None:
        self.hass = hass
        self.paho = paho
        self.retained: dict[str, bytes] = {}
        self.published: list[tuple[str, bytes, bool]] = []
        self.expiries: dict[str, int | None] = {}
        self.subscribed: set[str] = set()
        self._asked = asyncio.Event()
        self.denied: set[str] = set()
        self.readers: list[Callable[[str, bytes], None]] = []
        self._mid = 0
        paho.publish.side_effect = self._publish
        paho.subscribe.side_effect = self._subscribe
        paho.unsubscribe.side_effect = self._unsubscribe

    async def connect(self, **data: Any) -> MockConfigEntry:
        """Set Home Assistant's MQTT integration up."""
        entry = MockConfigEntry(
            domain=mqtt.DOMAIN,
            title="MQTT",
            data={mqtt.CONF_BROKER: "broker", "protocol": "5", **data},
            version=1,
            minor_version=2,
        )
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.listens(DESCRIPTORS)
        return entry

    async def listens(self, topic: str) -> None:
        """Wait until Home Assistant has subscribed, and has taken what was retained."""
        async with asyncio.timeout(10):
            while topic not in self.subscribed:
                self._asked.clear()
                await self._asked.wait()
        await self.hass.async_block_till_done()

    def lose(self) -> None:
        """Lose the connection."""
        self.subscribed.clear()
        self.paho.on_disconnect(Mock(), None, 7, MockMqttReasonCode())

    async def regain(self) -> None:
        """Let it come back, and Home Assistant listen again."""
        self.paho.on_connect(self.paho, None, 0, MockMqttReasonCode())
        await self.listens(f"{ROOT}/status")

    def say(self, topic: str, payload: str | bytes, *, retain: bool = True) -> None:
        """Let somebody else publish."""
        data = payload.encode() if isinstance(payload, str) else payload
        if retain:
            self.retained.pop(topic, None)
            if data:
                self.retained[topic] = data
        if any(topic_matches_sub(wanted, topic) for wanted in self.subscribed):
            async_fire_mqtt_message(self.hass, topic, data, 1, False)

    def last(self, topic: str) -> bytes:
        """Return what Home Assistant published last on a topic."""
        return [payload for where, payload, _retain in self.published if where == topic][-1]

    def sent(self, part: str) -> list[tuple[str, bytes]]:
        """Return what Home Assistant published on topics that hold `part`."""
        return [(topic, payload) for topic, payload, _retain in self.published if part in topic]

    # The library

    def _publish(
        self,
        topic: str,
        payload: Any,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002 - the library's
        properties: Any = None,
    ) -> Info:
        data = payload.encode() if isinstance(payload, str) else bytes(payload or b"")
        info = Info(self._next())
        self.published.append((topic, data, retain))
        self.expiries[topic] = getattr(properties, "MessageExpiryInterval", None)
        self.hass.loop.call_soon(
            self.paho.on_publish, Mock(), 0, info.mid, MockMqttReasonCode(), None
        )
        if not any(topic_matches_sub(denied, topic) for denied in self.denied):
            self.hass.loop.call_soon(partial(self._arrived, topic, data, retain=retain))
        return info

    def _arrived(self, topic: str, data: bytes, *, retain: bool) -> None:
        self.say(topic, data, retain=retain)
        for reader in self.readers:
            reader(topic, data)

    def _subscribe(self, topics: Any, qos: int = 0, **_more: Any) -> tuple[int, int]:
        filters = [topics] if isinstance(topics, str) else [topic for topic, _qos in topics]
        mid = self._next()
        self.subscribed.update(filters)
        self._asked.set()
        self.hass.loop.call_soon(
            self.paho.on_subscribe, Mock(), 0, mid, [MockMqttReasonCode()], None
        )
        for wanted in filters:
            for topic, payload in list(self.retained.items()):
                if topic_matches_sub(wanted, topic):
                    self.hass.loop.call_soon(
                        async_fire_mqtt_message, self.hass, topic, payload, 1, True
                    )
        return 0, mid

    def _unsubscribe(self, topics: list[str]) -> tuple[int, int]:
        mid = self._next()
        self.subscribed.difference_update(topics)
        self.hass.loop.call_soon(
            self.paho.on_unsubscribe, Mock(), 0, mid, [MockMqttReasonCode()], None
        )
        return 0, mid

    def _next(self) -> int:
        self._mid += 1
        return self._mid


class Bridge:
    """Answers as the bridge does: empties discovery for a claim, and commands with results."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.said: dict[str, Any] = deepcopy(SAID["descriptor"])
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.commands: list[tuple[str, bytes]] = []
        self.came = asyncio.Event()
        self.clears = True
        broker.readers.append(self._read)

    @property
    def kvm(self) -> dict[str, Any]:
        """The description of the one device."""
        device: dict[str, Any] = self.said["devices"][0]
        return device

    def row(self, key: str) -> dict[str, Any]:
        """The description of one row."""
        found: dict[str, Any] = next(row for row in self.kvm["rows"] if row["key"] == key)
        return found

    def describe(self) -> None:
        """Publish the descriptor."""
        self.broker.say(f"{ROOT}/descriptor", json.dumps(self.said))

    def start(self) -> None:
        """Publish what a bridge publishes at its start."""
        self.describe()
        self.broker.say(f"{ROOT}/status", "online")
        self.broker.say(f"{ROOT}/health", '{"started":"2026-11-20T10:18:00+00:00"}')
        for device in self.said["devices"]:
            self.broker.say(f"{ROOT}/{device['id']}/availability", "online")

    def states(self, device: str = "kvm", **values: str) -> None:
        """Publish states."""
        for key, value in values.items():
            self.broker.say(f"{ROOT}/{device}/{key}", value)

    def discover(self, scene: str = "first") -> None:
        """Publish discovery."""
        for topic, payload in SAID["scenes"][scene]:
            self.broker.say(topic, payload)

    def answer(self, path: str, *results: dict[str, Any]) -> None:
        """Answer commands on `path` so from now on; without any, not at all."""
        self.answers[path] = list(results)

    def _read(self, topic: str, payload: bytes) -> None:
        if topic == f"{ROOT}/homeassistant":
            if payload and self.clears:
                for name in [one for one in self.broker.retained if one.endswith("/config")]:
                    self.broker.say(name, b"")
            return
        path, _slash, name = topic.removeprefix(f"{ROOT}/").rpartition("/")
        if not topic.startswith(f"{ROOT}/") or not ("/set" in path or "/tx" in path):
            return
        self.commands.append((path, payload))
        self.came.set()
        device, _slash, key = path.partition("/")
        for result in self.answers.get(path, [{"phase": "done", "ms": 12}]):
            content = {"id": name, "key": key.removesuffix("/set"), **result}
            self.broker.say(f"{ROOT}/{device}/result", json.dumps(content), retain=False)
