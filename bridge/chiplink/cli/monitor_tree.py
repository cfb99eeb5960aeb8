"""What `chiplink monitor` knows of the nodes on a broker: the text of others, and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from chiplink.cli.printable import printable
from chiplink.mqtt.topics import BASE, is_name

if TYPE_CHECKING:
    from chiplink.mqtt.message import Incoming

MAX_NODES = 64
MAX_DEVICES = 32
MAX_VALUES = 64
MAX_LINKS = 16
MAX_DESCRIPTOR = 64 * 1024
"""Bounds; what is beyond them is ignored and counted."""

MAX_VALUE = 80
"""Characters of a value that are kept."""

FILTERS = (
    f"{BASE}/+/status",
    f"{BASE}/+/descriptor",
    f"{BASE}/+/+/+",
    f"{BASE}/+/+/link/+/state",
    f"{BASE}/+/+/link/+/info",
)
"""What is subscribed to: no commands, and no bytes of links."""

T = TypeVar("T")


class _Row(msgspec.Struct):
    key: str
    kind: str = ""


class _Device(msgspec.Struct):
    id: str
    name: str = ""
    model: str = ""
    rows: list[_Row] = []


class _Descriptor(msgspec.Struct):
    version: str = ""
    devices: list[_Device] = []


class _Result(msgspec.Struct):
    key: str = ""
    phase: str = ""
    error: str | None = None
    detail: str = ""
    ms: int | None = None


@dataclass
class LinkState:
    """A link: its state, and its counters as JSON."""

    state: str = "unknown"
    info: str = ""


@dataclass
class DeviceState:
    """A device; `known` are the keys its descriptor says have a value, None before it came."""

    title: str = ""
    model: str = ""
    availability: str = "unknown"
    values: dict[str, str] = field(default_factory=dict)
    known: frozenset[str] | None = None
    result: str = ""
    links: dict[str, LinkState] = field(default_factory=dict)

    def shown(self) -> list[tuple[str, str]]:
        """Return the values that its descriptor announces."""
        known = self.known
        return [pair for pair in sorted(self.values.items()) if known is None or pair[0] in known]


@dataclass
class NodeState:
    """A node and its devices."""

    status: str = "unknown"
    version: str = ""
    devices: dict[str, DeviceState] = field(default_factory=dict)


class Tree:
    """The nodes seen so far; `ignored` counts messages that fit no bound or no name."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeState] = {}
        self.ignored = 0

    def take(self, message: Incoming) -> str:
        """Note a message and return what it says in one line, empty if it is of no interest."""
        words = message.topic.split("/")
        if words[0] != BASE or len(message.payload) > MAX_DESCRIPTOR:
            self.ignored += 1
            return ""
        text = printable(message.payload.decode(errors="replace"), MAX_VALUE)
        match words[1:]:
            case [node, "status"]:
                return self._note_status(node, text)
            case [node, "descriptor"]:
                return self._note_descriptor(node, message.payload)
            case [_node, "response" | "homeassistant" | "health", _]:
                return ""
            case [node, device, key]:
                return self._note_key(node, device, key, text, message.payload)
            case [node, device, "link", link, "state" | "info" as what]:
                return self._note_link(node, device, link, what, text)
        return ""

    def _note_status(self, name: str, text: str) -> str:
        if not text:
            self.nodes.pop(name, None)
            return ""
        node = self._node(name)
        if node is None:
            return ""
        node.status = text
        return f"{name}: {text}"

    def _note_descriptor(self, name: str, payload: bytes) -> str:
        node = self._node(name) if payload else None
        if node is None:
            return ""
        try:
            content = msgspec.json.decode(payload, type=_Descriptor)
        except (ValueError, RecursionError):
            self.ignored += 1
            return f"{name}: its descriptor cannot be read"
        node.version = printable(content.version, MAX_VALUE)
        for gone in node.devices.keys() - {device.id for device in content.devices}:
            del node.devices[gone]
        for described in content.devices:
            device = self._device(node, described.id)
            if device is not None:
                device.title = printable(described.name, MAX_VALUE)
                device.model = printable(described.model, MAX_VALUE)
                device.known = frozenset(
                    row.key for row in described.rows if row.kind in ("state", "both", "event")
                )
        return f"{name}: chiplink {node.version}, {len(content.devices)} device(s)"

    def _note_key(self, name: str, device_name: str, key: str, text: str, payload: bytes) -> str:
        device = self._find(name, device_name)
        if device is None:
            return ""
        where = f"{name}/{device_name}"
        if key == "availability":
            device.availability = text or "unknown"
            return f"{where}: {device.availability}"
        if key == "result":
            device.result = _result(payload)
            return f"{where}: {device.result}"
        if not text:
            device.values.pop(key, None)
            return ""
        if not is_name(key) or not self._room(device.values, key, MAX_VALUES):
            return ""
        device.values[key] = text
        return f"{where}: {key} {text}"

    def _note_link(self, name: str, device_name: str, link_name: str, what: str, text: str) -> str:
        device = self._find(name, device_name)
        if device is None or not is_name(link_name):
            return ""
        if not self._room(device.links, link_name, MAX_LINKS):
            return ""
        link = device.links.setdefault(link_name, LinkState())
        if what == "state":
            link.state = text or "unknown"
        else:
            link.info = text
        return f"{name}/{device_name}: link {link_name} {text}"

    def _find(self, node_name: str, device_name: str) -> DeviceState | None:
        node = self._node(node_name)
        return None if node is None else self._device(node, device_name)

    def _node(self, name: str) -> NodeState | None:
        if not is_name(name):
            self.ignored += 1
            return None
        if not self._room(self.nodes, name, MAX_NODES):
            return None
        return self.nodes.setdefault(name, NodeState())

    def _device(self, node: NodeState, name: str) -> DeviceState | None:
        if not is_name(name):
            self.ignored += 1
            return None
        if not self._room(node.devices, name, MAX_DEVICES):
            return None
        return node.devices.setdefault(name, DeviceState())

    def _room(self, held: dict[str, T], name: str, bound: int) -> bool:
        """Whether `name` is held or may still be; counted if not."""
        if name in held or len(held) < bound:
            return True
        self.ignored += 1
        return False


def _result(payload: bytes) -> str:
    try:
        result = msgspec.json.decode(payload, type=_Result)
    except (ValueError, RecursionError):
        return "a result that cannot be read"
    words = [result.key, result.phase]
    if result.error:
        words.append(f"{result.error}: {result.detail}")
    elif result.ms is not None:
        words.append(f"in {result.ms} ms")
    return printable(" ".join(words), MAX_VALUE)
