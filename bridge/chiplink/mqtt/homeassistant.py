"""What is published for Home Assistant, and when: discovery or the integration, never both.

The integration claims the node on a retained topic; then the discovery topics are empty.
A claim that is not repeated within ten minutes of Home Assistant's birth is stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.mqtt.discovery import BRIDGE
from chiplink.mqtt.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chiplink.mqtt.discovery import Discovery
    from chiplink.mqtt.view import NodeView

Memory = MutableMapping[str, Any]

CLAIM_DEADLINE = 600.0
"""Seconds after a birth within which the integration repeats its claim."""

MAX_CLAIM = 1024
"""Bytes; a longer claim is none."""


class Mode(StrEnum):
    """`homeassistant.mode`."""

    AUTO = "auto"
    MQTT = "mqtt"
    COMPONENT = "component"
    OFF = "off"


class HomeAssistant:
    """Decides which discovery messages are due; each method returns what to publish.

    `memory` keeps which devices were deleted in Home Assistant: they stay away until
    their configuration changes.
    """

    def __init__(self, mode: Mode, discovery: Discovery, node: NodeView, memory: Memory) -> None:
        self._mode = mode
        self._discovery = discovery
        self._node = node
        self._memory = memory
        self._claim: str | None = None
        self._deadline: float | None = None
        self._shown = False
        self.stale = False

    @property
    def shown(self) -> str:
        """Return how Home Assistant sees this node, for `health`."""
        hidden = "off" if self._mode is Mode.OFF else "component"
        way = "mqtt" if self._shown else hidden
        return f"{way}, the integration's claim is stale" if self.stale else way

    def surveyed(self, claim: bytes, existing: Mapping[str, bytes]) -> list[Message]:
        """Begin, knowing what is retained: the claim, and payloads by discovery topic."""
        self._note_claim(claim, again=False)
        payloads = self._payloads()
        configured = {self._discovery.device_of(topic) for topic in payloads}
        for device in self._memory.keys() - configured:
            del self._memory[device]
        decided = self._decide(existing)
        messages = self._clear(existing.keys() - payloads.keys()) if self._shown else []
        for message in decided:
            messages += _take_components_away(message, existing.get(message.topic, b""))
        return messages + decided

    def claimed(self, payload: bytes) -> list[Message]:
        """Take a claim, its repetition, or its end (an empty payload)."""
        self._note_claim(payload, again=True)
        return self._decide(self._payloads())

    def born(self, now: float) -> None:
        """Home Assistant has started: from now on it has its time to repeat its claim."""
        if self._claim is not None and self._deadline is None:
            self._deadline = now + CLAIM_DEADLINE

    def again(self) -> list[Message]:
        """Return discovery once more, for somebody who has just begun to listen."""
        return self._publish() if self._shown else []

    def tick(self, now: float) -> list[Message]:
        """Look whether a claim has become stale."""
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        self.stale = True
        return self._decide({})

    def emptied(self, topic: str) -> None:
        """Somebody cleared a discovery topic: a device was deleted in Home Assistant.

        While the integration claims the node, it is that one that clears.
        """
        if self._claim is not None and not self.stale:
            return
        device = self._discovery.device_of(topic)
        payload = self._payloads().get(topic)
        if device is not None and payload is not None and self._shown:
            self._memory[device] = _fingerprint(payload)

    def owns(self, topic: str) -> bool:
        """Whether `topic` is one of our discovery topics."""
        return self._discovery.device_of(topic) is not None

    def _note_claim(self, payload: bytes, *, again: bool) -> None:
        """Note a claim; one that was only found, not said `again`, may go on being stale."""
        self._claim = _instance(payload)
        if again or self._claim is None:
            self._deadline = None
            self.stale = False

    def _decide(self, existing: Iterable[str]) -> list[Message]:
        claimed = self._claim is not None and not self.stale
        self._shown = self._mode is Mode.MQTT or (self._mode is Mode.AUTO and not claimed)
        return self._publish() if self._shown else self._clear(existing)

    def _publish(self) -> list[Message]:
        return [
            Message(topic, payload, retain=True)
            for topic, payload in self._payloads().items()
            if not self._is_deleted(topic, payload)
        ]

    def _is_deleted(self, topic: str, payload: bytes) -> bool:
        device = self._discovery.device_of(topic) or ""
        kept = self._memory.get(device)
        if kept is not None and kept != _fingerprint(payload):
            del self._memory[device]
            return False
        return kept is not None

    def _payloads(self) -> dict[str, bytes]:
        payloads = {self._discovery.topic(BRIDGE): self._discovery.bridge()}
        for device in self._node.devices.values():
            payloads[self._discovery.topic(device.id)] = self._discovery.device(device)
        return payloads

    @staticmethod
    def _clear(topics: Iterable[str]) -> list[Message]:
        return [Message(topic, b"", retain=True) for topic in topics]


def _instance(payload: bytes) -> str | None:
    """Return which Home Assistant claims; anything that is no claim counts as none."""
    if len(payload) > MAX_CLAIM:
        return None
    instance = _object(payload).get("instance")
    return instance if isinstance(instance, str) and instance else None


def _take_components_away(message: Message, old: bytes) -> list[Message]:
    """Name each component that is gone with its platform alone: that removes its entity."""
    now = _platforms(message.payload)
    gone = {key: item for key, item in _platforms(old).items() if now.get(key) != item}
    if not gone or not now:
        return []
    content = _object(message.payload)
    content["components"] |= {key: {"platform": platform} for key, platform in gone.items()}
    return [replace(message, payload=msgspec.json.encode(content))]


def _platforms(payload: bytes) -> dict[str, str]:
    """Return the platform of each component of a discovery payload, as far as it is one."""
    components = _object(payload).get("components")
    if not isinstance(components, dict):
        return {}
    platforms = {
        key: item.get("platform") for key, item in components.items() if isinstance(item, dict)
    }
    return {key: item for key, item in platforms.items() if isinstance(item, str)}


def _object(payload: bytes) -> dict[str, Any]:
    """Return a JSON object; anything else, from whoever wrote it, counts as an empty one."""
    try:
        content = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _fingerprint(payload: bytes) -> str:
    """Return what changes with the device's configuration, but not with our version."""
    content = msgspec.json.decode(payload)
    content.pop("origin", None)
    content["device"].pop("sw_version", None)
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()
