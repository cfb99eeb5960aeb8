"""The claim of a node, and the wait until MQTT discovery has left.

Entities registered both ways, even for a moment, get ids that end in `_2` for good. So the
node is claimed, the bridge empties its discovery topics, and only then platforms are set up.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from homeassistant.components import mqtt
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .broker import (
    async_listen,
    async_read_retained,
    async_say,
    discovery_prefix,
    is_connected,
    payload_of,
)
from .items import identifier
from .topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.mqtt.models import ReceiveMessage
    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

_LOGGER = logging.getLogger(__name__)

ANSWER = 10.0
"""Seconds in which the broker must let us hear our own claim."""

GRACE = 5.0
"""Seconds for the bridge to empty its discovery topics, and then again for the broker."""

LOOK = 2.0
"""Seconds to look for a claim that shall be taken away."""

MAX_CLAIM = 1024
"""Bytes; a longer claim is none."""

MAX_SHOWN = 64
"""Discovery topics of one node that are looked at; a bridge has at most 33."""


class ClaimError(Exception):
    """The node could not be claimed; str() is the key of the text that says why."""


class Claim:
    """This Home Assistant's claim of one node; `changed` is called when its standing changes."""

    def __init__(
        self,
        hass: HomeAssistant,
        node: str,
        identity: tuple[str, str],
        changed: Callable[[], None],
    ) -> None:
        self._hass = hass
        self._node = node
        self._topics = Topics(node, discovery_prefix(hass))
        self._instance, version = identity
        self._payload = json.dumps({"instance": self._instance, "version": version}).encode()
        self._changed = changed
        self._heard = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._shown: set[str] = set()
        self._stops: list[CALLBACK_TYPE] = []
        self.holder: str | None = None

    @property
    def stolen(self) -> bool:
        """Whether another Home Assistant claims the node."""
        return self.holder not in (None, self._instance)

    @property
    def shown(self) -> bool:
        """Whether the bridge shows itself by MQTT discovery."""
        return bool(self._shown)

    async def async_start(self) -> None:
        """Claim the node and return when discovery has left; raises ClaimError."""
        # The order matters: wildcards are subscribed first, and what is retained there
        # comes before our own claim, heard live.
        self._stops.append(await async_listen(self._hass, self._topics.discovery, self._discovery))
        self._stops.append(await async_listen(self._hass, self._topics.claim, self._take))
        await self.async_publish()
        try:
            async with asyncio.timeout(ANSWER):
                await self._heard.wait()
        except TimeoutError:
            raise ClaimError("claim_refused") from None
        if not await self._emptied():
            await self._clear()
            if not await self._emptied():
                raise ClaimError("discovery_stays")
        await self._entities_left()

    async def async_publish(self) -> None:
        """Say the claim, or say it again."""
        await async_say(self._hass, self._topics.claim, self._payload, retain=True)

    async def async_repeat(self) -> None:
        """Say the claim again; what cannot be said now is said after the next reconnect."""
        try:
            await self.async_publish()
        except HomeAssistantError as error:
            _LOGGER.debug("The claim of %s could not be said: %s", self._node, error)

    @callback
    def stop(self) -> None:
        """Listen no more; the claim stands."""
        while self._stops:
            self._stops.pop()()

    # What is heard

    @callback
    def _take(self, message: ReceiveMessage) -> None:
        before = self.holder
        self.holder = claimant(payload_of(message))
        if self.holder == self._instance and not message.retain:
            self._heard.set()
        elif self.holder == self._instance or (self.holder is None and self._heard.is_set()):
            # Found, not heard: what is retained elsewhere may still come. Or taken away.
            self._again()
        if self.holder != before:
            self._changed()

    @callback
    def _again(self) -> None:
        self._hass.async_create_task(self.async_repeat(), f"chiplink claim {self._node}")

    @callback
    def _discovery(self, message: ReceiveMessage) -> None:
        before = self.shown
        if not message.payload:
            self._shown.discard(message.topic)
        elif len(self._shown) < MAX_SHOWN:
            self._shown.add(message.topic)
        if self._shown:
            self._empty.clear()
        else:
            self._empty.set()
        if self.shown != before:
            self._changed()

    # The way there

    async def _emptied(self) -> bool:
        """Whether every discovery topic is empty, or becomes so in time."""
        try:
            async with asyncio.timeout(GRACE):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def _clear(self) -> None:
        _LOGGER.info("The bridge %s does not empty its discovery topics; doing it", self._node)
        for topic in sorted(self._shown):
            await async_say(self._hass, topic, b"", retain=True)

    async def _entities_left(self) -> None:
        """Wait until MQTT's entities of the node are gone; remove what stays."""
        registry = er.async_get(self._hass)
        left = asyncio.Event()

        @callback
        def look(_event: object = None) -> None:
            if not self._discovered(registry):
                left.set()

        stop = self._hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, look)
        try:
            look()
            async with asyncio.timeout(GRACE):
                await left.wait()
        except TimeoutError:
            for entity_id in self._discovered(registry):
                registry.async_remove(entity_id)
        finally:
            stop()

    def _discovered(self, registry: er.EntityRegistry) -> list[str]:
        prefix = f"{identifier(self._node)}-"
        return [
            entity.entity_id
            for entry in self._hass.config_entries.async_entries(mqtt.DOMAIN)
            for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
            if entity.unique_id.startswith(prefix)
        ]


def claimant(payload: bytes) -> str | None:
    """Return which Home Assistant claims; anything that is no claim counts as none."""
    try:
        content = json.loads(payload) if 0 < len(payload) <= MAX_CLAIM else None
    except (ValueError, RecursionError):
        return None
    instance = content.get("instance") if isinstance(content, dict) else None
    return instance if isinstance(instance, str) and instance else None


async def async_release(hass: HomeAssistant, node: str, instance: str) -> None:
    """Take the claim of a node away if it is ours; the bridge returns to discovery.

    Without a broker it stays, and the bridge finds it stale after the next birth.
    """
    if not is_connected(hass):
        return
    topic = Topics(node).claim
    if claimant(await async_read_retained(hass, topic, LOOK) or b"") == instance:
        await async_say(hass, topic, b"", retain=True)
