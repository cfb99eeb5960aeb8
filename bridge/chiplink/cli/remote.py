"""One command through a bridge: found by its descriptor, answered by its result."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.exceptions import BrokerError, ChiplinkError, UsageError
from chiplink.mqtt.connection import Connection
from chiplink.mqtt.connection_events import Connected, Disconnected
from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.topics import BASE

if TYPE_CHECKING:
    from chiplink.mqtt.connection_events import Event
    from chiplink.mqtt.url import Broker

DEFAULT_BROKER = os.environ.get("CHIPLINK_BROKER", "mqtt://127.0.0.1:1883")

MAX_QUEUED = 1024
"""Messages that may wait to be looked at."""

FIND_DEADLINE = 3.0
"""Seconds to connect and to find the device."""

RESULT_DEADLINE = 35.0
"""Seconds to the first result; `accepted` extends it by what it announces."""


class _Client:
    """A short visit to a broker."""

    def __init__(self, broker: Broker) -> None:
        self.messages: asyncio.Queue[Incoming] = asyncio.Queue(MAX_QUEUED)
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        name = f"chiplink-cli-{secrets.token_hex(4)}"
        self._connection = Connection(broker, name, None, self._take)

    async def __aenter__(self) -> Connection:
        self._connection.start()
        try:
            async with asyncio.timeout(FIND_DEADLINE + 10):
                await asyncio.shield(self._up)
        except BaseException:
            await self._connection.stop()
            raise
        return self._connection

    async def __aexit__(self, *_error: object) -> None:
        await self._connection.stop()

    def _take(self, event: Event) -> None:
        if isinstance(event, Incoming):
            with contextlib.suppress(asyncio.QueueFull):  # a flood hides its own end only
                self.messages.put_nowait(event)
        elif isinstance(event, Connected) and not self._up.done():
            self._up.set_result(None)
        elif isinstance(event, Disconnected) and not self._up.done():
            self._up.set_exception(BrokerError(event.reason))


async def send_remote(broker: Broker, device: str | None, key: str, value: str) -> None:
    """Publish the command with an id and wait for its result; raises ChiplinkError."""
    client = _Client(broker)
    async with client as connection:
        if device is None:
            device = await _find(client, connection, key)
        topic = f"{BASE}/{device}"
        if device.count("/") != 1:
            raise UsageError(f"{device!r} is no device; write NODE/DEVICE")
        request_id = secrets.token_hex(8)
        connection.subscribe([Subscription(f"{topic}/result")])
        connection.publish(Message(f"{topic}/{key}/set/{request_id}", value.encode()))
        await _await_result(client, request_id)


async def _find(client: _Client, connection: Connection, key: str) -> str:
    """Return the only device that has `key`."""
    connection.subscribe([Subscription(f"{BASE}/+/descriptor", replay=True)])
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
    try:
        content: dict[str, Any] = msgspec.json.decode(payload)
        return [
            f"{content['node']}/{device['id']}"
            for device in content["devices"]
            if any(row["key"] == key for row in device["rows"])
        ]
    except (msgspec.DecodeError, KeyError, TypeError):
        return []


async def _await_result(client: _Client, request_id: str) -> None:
    deadline = RESULT_DEADLINE
    while True:
        async with asyncio.timeout(deadline):
            message = await client.messages.get()
        try:
            result: dict[str, Any] = msgspec.json.decode(message.payload)
        except msgspec.DecodeError:
            continue
        if not isinstance(result, dict) or result.get("id") != request_id:
            continue
        if result.get("phase") == "accepted":
            deadline = RESULT_DEADLINE + result.get("expect_ms", 0) / 1000
        elif result.get("phase") == "done":
            return
        else:
            raise ChiplinkError(f"{result.get('error')}: {result.get('detail', '')}")
