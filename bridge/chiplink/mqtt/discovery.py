"""Home Assistant's MQTT device discovery, made from the rows; one payload a device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink import __version__
from chiplink.catalog import ValueType
from chiplink.catalog.bridge import BRIDGE_ROWS
from chiplink.catalog.link import CLOSE, LINK_SET, LINK_STATE, OPEN
from chiplink.mqtt.descriptor import is_enabled

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.catalog import Row
    from chiplink.mqtt.topics import Topics
    from chiplink.mqtt.view import DeviceView, LinkView

Component = dict[str, Any]

SUPPORT_URL = "https://github.com/chiplink/chiplink"

BRIDGE = "status"
"""The bridge's place among the devices: a word that no device can have."""

QOS = 1


class Discovery:
    """Builds the discovery payloads of one node.

    `typing` shows the entity to type text with, which is disabled otherwise: what passes
    through it can be read in Home Assistant's diagnostics and traces.
    """

    def __init__(self, node: str, prefix: str, topics: Topics, *, typing: bool) -> None:
        self._node = f"chiplink-{node}"
        self._title = node
        self._topics = topics
        self._typing = typing
        self._root = f"{prefix}/device/{self._node}"
        self.filter = f"{self._root}/+/config"

    def topic(self, device: str) -> str:
        """Return the topic of a device's payload."""
        return f"{self._root}/{device}/config"

    def device_of(self, topic: str) -> str | None:
        """Return the device whose payload `topic` holds, or None."""
        if not topic.startswith(self._root + "/") or not topic.endswith("/config"):
            return None
        return topic[len(self._root) + 1 : -len("/config")] or None

    def bridge(self) -> bytes:
        """Return the payload of the bridge."""
        components = {row.key: self._bridge_component(row) for row in BRIDGE_ROWS}
        about = {
            "identifiers": [self._node],
            "name": f"chiplink {self._title}",
            "manufacturer": "chiplink",
            "model": "Bridge",
            "sw_version": __version__,
        }
        return self._payload(about, components)

    def device(self, device: DeviceView) -> bytes:
        """Return a device's payload."""
        components = {
            shown.key: self._component(device, row, shown)
            for row in device.rows.values()
            for shown in row.entities
        }
        for link in device.links.values():
            components |= self._link_components(device, link)
        about = {
            "identifiers": [f"{self._node}-{device.id}"],
            "name": device.title,
            "manufacturer": device.chip.manufacturer,
            "model": device.chip.title,
            "via_device": self._node,
        }
        return self._payload(about, components)

    def _payload(self, about: dict[str, Any], components: dict[str, Component]) -> bytes:
        origin = {"name": "chiplink", "sw_version": __version__, "support_url": SUPPORT_URL}
        return msgspec.json.encode({"device": about, "origin": origin, "components": components})

    def _bridge_component(self, row: Row) -> Component:
        component = self._common(row, f"{self._node}-{BRIDGE}-{row.key}")
        if row.key == "status":
            online = {"payload_on": "online", "payload_off": "offline"}
            return component | {"state_topic": self._topics.status} | online
        return component | {
            "state_topic": self._topics.health,
            "value_template": f"{{{{ value_json.{row.key} }}}}",
            "availability": [{"topic": self._topics.status}],
        }

    def _component(self, device: DeviceView, row: Row, shown: Row) -> Component:
        """Return what shows `row`, or a part of it, on the row's topics."""
        component = self._common(shown, f"{self._node}-{device.id}-{shown.key}")
        component |= self._availability(device)
        topic = self._topics.key(device.id, row.key)
        if not shown.takes_commands or shown.has_state:
            component["state_topic"] = topic
        if shown.takes_commands:
            component["command_topic"] = f"{topic}/set"
            if shown.expiry is not None:
                component["message_expiry_interval"] = shown.expiry
        return component | _FORMS.get(shown.platform, _plain)(shown)

    def _link_components(self, device: DeviceView, link: LinkView) -> dict[str, Component]:
        """Return what shows a link; no key of a row has a hyphen."""
        prefix = f"link-{link.id}-"
        state = self._link_common(device, link, LINK_STATE) | {
            "options": list(LINK_STATE.options or ()),
        }
        switch = self._link_common(device, link, LINK_SET) | {
            "command_topic": self._topics.link_set(device.id, link.id),
            "payload_on": OPEN,
            "payload_off": CLOSE,
            "value_template": f"{{{{ '{CLOSE}' if value == 'closed' else '{OPEN}' }}}}",
        }
        return {prefix + LINK_STATE.key: state, prefix + LINK_SET.key: switch}

    def _link_common(self, device: DeviceView, link: LinkView, row: Row) -> Component:
        unique_id = f"{self._node}-{device.id}-link-{link.id}-{row.key}"
        named = replace(row, name=row.name.format(link=link.id))
        topic = {"state_topic": self._topics.link_state(device.id, link.id)}
        return self._common(named, unique_id) | self._availability(device) | topic

    def _availability(self, device: DeviceView) -> Component:
        topics = (self._topics.status, self._topics.availability(device.id))
        return {"availability": [{"topic": topic} for topic in topics], "availability_mode": "all"}

    def _common(self, row: Row, unique_id: str) -> Component:
        enabled = is_enabled(row, typing=self._typing)
        component: Component = {
            "platform": row.platform,
            "unique_id": unique_id,
            "name": row.name,
            "qos": QOS,
            "enabled_by_default": enabled,
        }
        optional = {
            "icon": row.icon,
            "entity_category": row.category,
            "device_class": row.device_class,
            "state_class": row.state_class,
            "unit_of_measurement": row.unit,
        }
        return component | {key: value for key, value in optional.items() if value is not None}


def _plain(_row: Row) -> Component:
    return {}


def _switch(_row: Row) -> Component:
    return {"payload_on": "ON", "payload_off": "OFF"}


def _button(row: Row) -> Component:
    return {"payload_press": (row.options or ("PRESS",))[0]}


def _select(row: Row) -> Component:
    return {"options": list(row.options or ())}


def _number(row: Row) -> Component:
    bounds = {"min": row.min, "max": row.max, "step": row.step}
    return {key: value for key, value in bounds.items() if value is not None} | {"mode": "box"}


def _event(row: Row) -> Component:
    return {"event_types": list(row.event_types or ())}


def _sensor(row: Row) -> Component:
    """An empty text would be shown as a blank."""
    if row.options:
        return {"options": list(row.options)}
    if row.type is ValueType.TEXT:
        return {"value_template": "{{ value or 'none' }}"}
    return {}


_FORMS: dict[str, Callable[[Row], Component]] = {
    "binary_sensor": _switch,
    "switch": _switch,
    "button": _button,
    "select": _select,
    "number": _number,
    "event": _event,
    "sensor": _sensor,
}
