"""One command through a bridge: found by its descriptor, answered by its result."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.exceptions import ChiplinkError, UsageError
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.results import decode_result
from chiplink.mqtt.topics import BASE, is_name
from chiplink.mqtt.visit import Visitor

if TYPE_CHECKING:
    from chiplink.mqtt.connection_events import Event
    from chiplink.mqtt.url import Broker

DEFAULT_BROKER = os.environ.get("CHIPLINK_BROKER", "mqtt://127.0.0.1:1883")

MAX_QUEUED = 1024
"""Messages that may wait to be looked at."""

FIND_DEADLINE = 3.0
"""Seconds to find the device, and to hear that its bridge is there."""

RESULT_DEADLINE = 35.0
"""Seconds to the first result; `accepted` extends it by what it announces."""

LONGEST_MS = 3_600_000
"""Milliseconds that may be announced."""


class _Client(Visitor):
    """Sends commands and keeps what comes until it is looked at."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker, "cli")
        self.messages: asyncio.Queue[Incoming] = asyncio.Queue(MAX_QUEUED)

    def subscribe(self, topic: str, *, replay: bool = False) -> None:
        """Have what is published on `topic`, and with `replay` what is retained, too."""
        self._connection.subscribe([Subscription(topic, replay=replay)])

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish once."""
        self._connection.publish(Message(topic, payload))

    def _heard(self, event: Event) -> None:
        if isinstance(event, Incoming):
            with contextlib.suppress(asyncio.QueueFull):  # a flood hides its own end only
                self.messages.put_nowait(event)


async def send_remote(broker: Broker, device: str | None, key: str, value: str) -> None:
    """Publish the command with an id and wait for its result; raises ChiplinkError."""
    if device is not None and not _is_device(device):
        raise UsageError(f"{device!r} is no device; write NODE/DEVICE")
    async with _Client(broker) as client:
        if device is None:
            device = await _find(client, key)
        topic = f"{BASE}/{device}"
        request_id = secrets.token_hex(8)
        client.subscribe(_status_of(device), replay=True)
        client.subscribe(f"{topic}/result")
        client.publish(f"{topic}/{key}/set/{request_id}", value.encode())
        await _await_result(client, device, request_id)


def _is_device(text: str) -> bool:
    node, _slash, device = text.partition("/")
    return is_name(node) and is_name(device)


def _status_of(device: str) -> str:
    return f"{BASE}/{device.partition('/')[0]}/status"


async def _find(client: _Client, key: str) -> str:
    """Return the only device that has `key`."""
    client.subscribe(f"{BASE}/+/descriptor", replay=True)
    found: list[str] = []
    try:
        async with asyncio.timeout(FIND_DEADLINE):
            while True:
                message = await client.messages.get()
                found += _devices(message.payload, key)
                if found and client.messages.empty():
                    break
    except TimeoutError:
        raise ChiplinkError("no bridge with such a device on this broker") from None
    if len(found) > 1:
        raise UsageError(f"several devices: {', '.join(found)}; choose one with --device")
    return found[0]


def _devices(payload: bytes, key: str) -> list[str]:
    """Return the devices with `key` of a descriptor; none of what is no descriptor."""
    try:
        content: dict[str, Any] = msgspec.json.decode(payload)
        return [
            f"{content['node']}/{device['id']}"
            for device in content["devices"]
            if any(row["key"] == key for row in device["rows"])
            and is_name(content["node"])
            and is_name(device["id"])
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


async def _await_result(client: _Client, device: str, request_id: str) -> None:
    status = _status_of(device)
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(FIND_DEADLINE) as limit:
            while True:
                message = await client.messages.get()
                if message.topic == status:
                    if message.payload != b"online":
                        raise ChiplinkError(f"the bridge of {device} is offline")
                    _extend(limit, begun + RESULT_DEADLINE)
                    continue
                result = decode_result(message.payload)
                if result is None or result.id != request_id:
                    continue
                if result.phase == "done":
                    return
                if result.phase != "accepted":
                    raise ChiplinkError(f"{result.error}: {result.detail}")
                expected = min(max(result.expect_ms, 0), LONGEST_MS) / 1000
                _extend(limit, asyncio.get_running_loop().time() + RESULT_DEADLINE + expected)
    except TimeoutError:
        raise ChiplinkError(f"{device} gives no result; is its bridge running?") from None


def _extend(limit: asyncio.Timeout, ends: float) -> None:
    """Let `limit` end then, unless it ends later already."""
    limit.reschedule(max(ends, limit.when() or ends))
