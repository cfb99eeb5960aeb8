"""Home Assistant's MQTT device discovery, made from the rows; one payload a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from chiplink import __version__
from chiplink.catalog import ValueType
from chiplink.catalog.bridge import BRIDGE_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.catalog import Row
    from chiplink.mqtt.topics import Topics
    from chiplink.mqtt.view import DeviceView

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
        components = {row.key: self._component(device, row) for row in device.rows.values()}
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

    def _component(self, device: DeviceView, row: Row) -> Component:
        component = self._common(row, f"{self._node}-{device.id}-{row.key}")
        component["availability"] = [
            {"topic": self._topics.status},
            {"topic": self._topics.availability(device.id)},
        ]
        component["availability_mode"] = "all"
        topic = self._topics.key(device.id, row.key)
        if not row.takes_commands or row.has_state:
            component["state_topic"] = topic
        if row.takes_commands:
            component["command_topic"] = f"{topic}/set"
            if row.expiry is not None:
                component["message_expiry_interval"] = row.expiry
        return component | _FORMS.get(row.platform, _plain)(row)

    def _common(self, row: Row, unique_id: str) -> Component:
        enabled = row.enabled or (self._typing and row.key == "type")
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
