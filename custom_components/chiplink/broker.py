"""Home Assistant's own MQTT, as far as this integration needs it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from homeassistant.components import mqtt
from homeassistant.const import CONF_PROTOCOL
from homeassistant.core import callback

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.mqtt.models import ReceiveMessage
    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

QOS = 1

_KNOWS_EXPIRY = "message_expiry_interval" in inspect.signature(mqtt.async_publish).parameters
"""Whether this release of Home Assistant can let a message expire."""

_BIRTH_TOPIC = "homeassistant/status"


async def async_is_set_up(hass: HomeAssistant) -> bool:
    """Wait while MQTT is being set up; whether there is one, its broker there or not."""
    return _entry(hass) is not None and await mqtt.async_wait_for_mqtt_client(hass)


def is_connected(hass: HomeAssistant) -> bool:
    """Whether MQTT is set up and its broker there."""
    entry = _entry(hass)
    return entry is not None and mqtt.DATA_MQTT in hass.data and mqtt.is_connected(hass)


async def async_listen(
    hass: HomeAssistant, topic: str, take: Callable[[ReceiveMessage], None]
) -> CALLBACK_TYPE:
    """Subscribe; payloads come as bytes, and undecodable ones are no special case."""
    return await mqtt.async_subscribe(hass, topic, take, qos=QOS, encoding=None)


async def async_say(
    hass: HomeAssistant,
    topic: str,
    payload: bytes,
    *,
    retain: bool = False,
    expiry: int | None = None,
) -> None:
    """Publish and wait for the broker's word; expiry in seconds where both ends know it."""
    expires = expiry is not None and _KNOWS_EXPIRY and _setting(hass, CONF_PROTOCOL) == "5"
    more: dict[str, Any] = {"message_expiry_interval": expiry} if expires else {}
    await mqtt.async_publish(hass, topic, payload, QOS, retain, None, **more)


async def async_read_retained(hass: HomeAssistant, topic: str, seconds: float) -> bytes | None:
    """Return what is retained on `topic`, None if nothing comes within `seconds`."""
    found: asyncio.Future[bytes] = hass.loop.create_future()

    @callback
    def take(message: ReceiveMessage) -> None:
        if message.payload and not found.done():
            found.set_result(payload_of(message))

    stop = await async_listen(hass, topic, take)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await found
        return None
    finally:
        stop()


def payload_of(message: ReceiveMessage) -> bytes:
    """Return a message's payload as bytes."""
    payload = message.payload
    return payload.encode() if isinstance(payload, str) else bytes(payload)


def discovery_prefix(hass: HomeAssistant) -> str:
    """Return the prefix below which Home Assistant looks for devices."""
    prefix = _setting(hass, mqtt.CONF_DISCOVERY_PREFIX)
    return prefix if isinstance(prefix, str) else mqtt.DEFAULT_PREFIX


def birth_topic(hass: HomeAssistant) -> str:
    """Return the topic on which Home Assistant says that it has started."""
    birth = _setting(hass, mqtt.CONF_BIRTH_MESSAGE)
    topic = birth.get("topic") if isinstance(birth, dict) else None
    return topic if isinstance(topic, str) else _BIRTH_TOPIC


def _setting(hass: HomeAssistant, key: str) -> Any:
    entry = _entry(hass)
    return None if entry is None else entry.options.get(key, entry.data.get(key))


def _entry(hass: HomeAssistant) -> Any:
    entries = hass.config_entries.async_entries(
        mqtt.DOMAIN, include_disabled=False, include_ignore=False
    )
    return entries[0] if entries else None
