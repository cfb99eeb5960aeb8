"""A node while its entry is loaded: what it says, and what follows from it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback

from .absence import Absence
from .broker import async_listen, birth_topic, is_connected, payload_of
from .claim import Claim
from .commands import Commands
from .const import BRIDGE, CONF_NODE
from .descriptor import NewerSchemaError, parse_descriptor
from .fields import DescriptorError
from .issues import Issues
from .items import items_of
from .registry import async_sync
from .states import States
from .topics import Topics
from .values import object_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from homeassistant.components.mqtt.models import ReceiveMessage
    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from .entity import ChiplinkEntity
    from .items import Item
    from .model import Descriptor
    from .texts import Texts

_LOGGER = logging.getLogger(__name__)

type ChiplinkConfigEntry = ConfigEntry[Node]

DESCRIPTOR_DEADLINE = 10.0
"""Seconds for a retained descriptor to come."""

MAX_HEALTH = 64 * 1024


class Node:
    """One bridge: its descriptor, states, results, claim and issues."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ChiplinkConfigEntry,
        texts: Texts,
        identity: tuple[str, str],
    ) -> None:
        self._hass = hass
        self._entry = entry
        self.name: str = entry.data[CONF_NODE]
        self.texts = texts
        self.topics = Topics(self.name)
        self.states = States()
        self.commands = Commands(hass, self)
        self.issues = Issues(hass, entry.entry_id, self.name)
        self.claim = Claim(hass, self.name, identity, self._claim_changed)
        self.items: dict[str, Item] = {}
        self.entities: dict[str, ChiplinkEntity] = {}
        self.descriptor: Descriptor | None = None
        self.problem: DescriptorError | None = None
        self._adders: list[Callable[[Iterable[Item]], None]] = []
        self._stops: list[CALLBACK_TYPE] = []
        self._said = b""
        self._described = asyncio.Event()
        self._applying = asyncio.Lock()
        self._events: frozenset[str] = frozenset()
        self._online = False
        self._absence = Absence(hass, self.name, self.issues)
        self._running = False

    # Life

    async def async_start(self) -> None:
        """Claim the node and learn what it has; raises ClaimError and TimeoutError.

        No platform may be set up before.
        """
        listen = {
            self.topics.descriptor: self._take_descriptor,
            self.topics.status: self._take_status,
            self.topics.health: self._take_health,
            birth_topic(self._hass): self._take_birth,
            **dict.fromkeys(self.topics.values, self._take_value),
        }
        for topic, take in listen.items():
            self._stops.append(await async_listen(self._hass, topic, take))
        self._stops.append(
            mqtt.async_subscribe_connection_status(self._hass, self._connection_changed)
        )
        await self.claim.async_start()
        async with asyncio.timeout(DESCRIPTOR_DEADLINE):
            await self._described.wait()
        self._running = True
        self._adopt(self._known_descriptor)
        self._absence.note(there=self.online)
        self._claim_changed()

    @property
    def _known_descriptor(self) -> Descriptor:
        if self.descriptor is None:
            raise TimeoutError
        return self.descriptor

    @callback
    def stop(self) -> None:
        """Listen no more."""
        self._running = False
        while self._stops:
            self._stops.pop()()
        self.claim.stop()
        self.commands.results.close()
        self._absence.stop()

    # What there is

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return is_connected(self._hass)

    @property
    def online(self) -> bool:
        """Whether the bridge is there."""
        return self._online and self.connected

    def is_available(self, item: Item) -> bool:
        """Whether what an entity shows is true now."""
        if item.device == BRIDGE:
            return self.connected if item.row.key == BRIDGE else self.online
        return self.online and self.states.get(f"{item.device}/availability") == b"online"

    def title(self, device: str) -> str:
        """Return what people call a device."""
        known = self.descriptor.devices.get(device) if self.descriptor else None
        return known.name if known else device

    @callback
    def add_platform(self, add: Callable[[Iterable[Item]], None]) -> None:
        """Let a platform add its entities, now and whenever there are more."""
        self._adders.append(add)
        add(self.items.values())

    # What is heard

    @callback
    def _take_descriptor(self, message: ReceiveMessage) -> None:
        payload = payload_of(message)
        if not payload or payload == self._said:
            return
        self._said = payload
        try:
            descriptor = parse_descriptor(payload, self.name)
        except DescriptorError as error:
            self._refuse(error)
            return
        self.problem = None
        self.issues.clear("schema_newer")
        self.descriptor = descriptor
        self._described.set()
        if self._running:
            self._entry.async_create_task(
                self._hass, self._async_follow(), f"chiplink descriptor {self.name}"
            )

    @callback
    def _refuse(self, error: DescriptorError) -> None:
        """What was known before stays."""
        self.problem = error
        _LOGGER.warning("The descriptor of %s is refused: %s", self.name, error)
        if isinstance(error, NewerSchemaError):
            self.issues.set("schema_newer")

    @callback
    def _take_status(self, message: ReceiveMessage) -> None:
        payload = payload_of(message)
        self._online = payload == b"online"
        self.states.put(f"{BRIDGE}/{BRIDGE}", b"ON" if self._online else b"OFF")
        if self._running:
            self._absence.note(there=self.online)
        self._write_all()

    @callback
    def _take_health(self, message: ReceiveMessage) -> None:
        health = object_of(payload_of(message), MAX_HEALTH)
        started = health.get("started")
        if isinstance(started, str):
            self.states.put(f"{BRIDGE}/started", started.encode("utf-8", "replace"))

    @callback
    def _take_value(self, message: ReceiveMessage) -> None:
        path = message.topic.removeprefix(self.topics.root)
        device, _slash, key = path.partition("/")
        payload = payload_of(message)
        if device == BRIDGE:
            return
        if key == "result":
            if not message.retain:
                self.commands.results.take(payload)
        elif path in self._events:
            # A replayed event happened some other time.
            if not message.retain:
                self.states.tell(path, payload)
        elif self.states.put(path, payload):
            self._noted(device, key, payload)

    def _noted(self, device: str, key: str, payload: bytes) -> None:
        if key == "availability":
            self._write_all(device)
            return
        if key == "armed" and payload == b"ON":
            self.issues.clear("not_armed", device)
        self._look(device, key, payload)

    def _look(self, device: str, key: str, payload: bytes) -> None:
        known = self.descriptor.devices.get(device) if self.descriptor else None
        if known is not None and key in known.rows:
            self.issues.look(device, known.name, key, payload.decode("utf-8", "replace"))

    @callback
    def _take_birth(self, message: ReceiveMessage) -> None:
        """The bridge expects the claim again after a birth."""
        if self._running and payload_of(message) == b"online":
            self._claim_again()

    @callback
    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - Home Assistant's
        if not connected:
            self._online = False  # until the bridge is heard of again
        elif self._running:
            self._claim_again()
        if self._running:
            self._absence.note(there=self.online)
        self._write_all()

    def _claim_again(self) -> None:
        self._entry.async_create_task(
            self._hass, self.claim.async_repeat(), f"chiplink claim {self.name}"
        )

    @callback
    def _claim_changed(self) -> None:
        if not self._running:
            return
        for kind, stands in (
            ("claim_stolen", self.claim.stolen),
            ("both_ways", self.claim.shown),
        ):
            if stands:
                self.issues.set(kind)
            else:
                self.issues.clear(kind)

    # What follows

    async def _async_follow(self) -> None:
        """Bring entities in line with the newest descriptor."""
        async with self._applying:
            descriptor = self._known_descriptor
            items = items_of(descriptor)
            for unique_id, item in self.items.items():
                entity = self.entities.get(unique_id)
                if entity is not None and items.get(unique_id) != item:
                    await entity.async_remove()
            if self._running:
                self._adopt(descriptor)

    @callback
    def _adopt(self, descriptor: Descriptor) -> None:
        before, self.items = self.items, items_of(descriptor)
        self._events = frozenset(
            item.state for item in self.items.values() if item.row.kind == "event"
        )
        self.states.keep({BRIDGE, *descriptor.devices})
        async_sync(self._hass, self._entry, descriptor, self.items)
        new = [item for unique_id, item in self.items.items() if before.get(unique_id) != item]
        for add in self._adders:
            add(new)
        for device in descriptor.devices.values():
            for key in device.rows:
                self._look(device.id, key, self.states.get(f"{device.id}/{key}") or b"")

    @callback
    def _write_all(self, device: str | None = None) -> None:
        for entity in tuple(self.entities.values()):
            if device in (None, entity.item.device):
                entity.async_write_ha_state()
