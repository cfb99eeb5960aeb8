"""Writes what the bridge publishes for Home Assistant, scene by scene, as JSON.

Home Assistant's environments have no chiplink: its tests read this instead of importing it.
usage: python tests/homeassistant/payloads.py FILE
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chiplink
from chiplink import __version__
from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.catalog.bridge import BRIDGE_ROWS
from chiplink.config import check_config
from chiplink.daemon import Bridge
from chiplink.exceptions import Code
from chiplink.mqtt.descriptor import descriptor, row_fields
from chiplink.mqtt.discovery import Discovery
from chiplink.mqtt.homeassistant import HomeAssistant, Mode
from chiplink.mqtt.topics import RESERVED, Topics
from chiplink.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.config import Config
    from chiplink.mqtt.message import Message

NODE = "cellar"

SCHEMA = Path(chiplink.__file__).parent / "schema/descriptor-1.json"

CLAIM = b'{"instance":"0123456789abcdef","version":"1.0.0"}'

EXTRA = (
    Row(
        key="signal",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.INT,
        name="Signal",
        category="diagnostic",
        device_class="signal_strength",
        state_class="measurement",
        unit="dBm",
    ),
    Row(
        key="registration",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.ENUM,
        name="Registration",
        device_class="enum",
        options=("home", "roaming", "denied"),
    ),
    Row(
        key="pace",
        kind=Kind.BOTH,
        platform="number",
        type=ValueType.FLOAT,
        name="Pace",
        category="config",
        unit="ms",
        min=1,
        max=500,
        step=0.5,
        expiry=10,
    ),
)
"""Forms that no row of today has: a measurement, an enumeration, a number."""


class Device:
    """A device by its rows alone."""

    def __init__(self, name: str, title: str, rows: tuple[Row, ...]) -> None:
        self.id = name
        self.title = title
        self.chip: Chip = CHIPS["ch9329"]
        self.rows = {row.key: row for row in rows}
        self.links: dict[str, Any] = {}

    def counters(self) -> Mapping[str, int]:
        """Return nothing: nothing happens here."""
        return {}


LAN = {
    "chip": "ch392",
    "port": "/dev/zero",
    "name": "Annex",
    "dhcp": True,
    "link": {
        "plc": {"kind": "tcp-client", "remote": "192.168.1.50:502"},
        "door": {"kind": "udp-server", "local": 4000, "allow": ["192.168.1.0/24"]},
    },
}
"""A chip with links, one of them with several peers."""


def configured(device: str = "kvm", more: Any = None, **tables: Any) -> Node:
    """Return the node of a configuration file; nothing is opened."""
    os.environ["CHIPLINK_DOOR"] = "Sesame7"
    config = check_config(
        {
            "node": {"id": NODE},
            "secrets": {"door": {"env": "CHIPLINK_DOOR"}},
            "mqtt": {"url": "mqtt://127.0.0.1"},
            "device": {
                device: {"chip": "ch9329", "port": "/dev/null", "name": "Desk", **tables},
                **(more or {}),
            },
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(assembled(config, Path(folder)))


async def assembled(config: Config, folder: Path) -> Node:
    """Return the node as the daemon puts it together, without running it."""
    return Bridge(config, folder).node


def drawn(*devices: Device) -> Any:
    """Return a node of drawn devices."""
    node = Node([])
    node.devices.update({device.id: device for device in devices})  # type: ignore[misc]
    return node


def home(node: Any, *, typing: bool = False, mode: Mode = Mode.AUTO) -> HomeAssistant:
    """Return what decides for this node."""
    discovery = Discovery(NODE, "homeassistant", Topics(NODE), typing=typing)
    return HomeAssistant(mode, discovery, node, {})


def start(node: Any, existing: dict[str, bytes] | None = None, **more: Any) -> list[Message]:
    """Return what a bridge says at its start."""
    return home(node, **more).surveyed(b"", existing or {})


def kept(messages: list[Message]) -> dict[str, bytes]:
    """Return what a broker holds after these messages."""
    held = {message.topic: message.payload for message in messages}
    return {topic: payload for topic, payload in held.items() if payload}


def scenes() -> dict[str, list[Message]]:
    """Return the messages of each scene."""
    rows = tuple(configured().devices["kvm"].rows.values())
    more = drawn(Device("kvm", "Desk", (*rows, *EXTRA)))
    other = tuple(
        replace(row, platform="sensor", device_class=None) if row.key == "usb" else row
        for row in rows
    )
    claimed = home(configured())
    claimed.surveyed(b"", {})
    first = start(configured())
    return {
        "first": first,
        "typing": start(configured(), typing=True),
        "networked": start(configured(more={"lan": LAN})),
        "more": start(more),
        "fewer": start(configured(), kept(start(more))),
        "platform": start(drawn(Device("kvm", "Desk", other)), kept(first)),
        "renamed": start(configured("desk"), kept(first)),
        "retitled": start(configured(name="Attic"), kept(first)),
        "claimed": claimed.claimed(CLAIM),
        "off": start(configured(), kept(first), mode=Mode.OFF),
    }


def listed() -> dict[str, Any]:
    """Return everything the tests read."""
    extra = drawn(Device("kvm", "Desk", EXTRA)).devices["kvm"].rows.values()
    return {
        "version": __version__,
        "node": NODE,
        "rows": [row_fields(row) for row in configured().devices["kvm"].rows.values()],
        "extra_rows": [row_fields(row) for row in extra],
        "bridge_rows": [row_fields(row) for row in BRIDGE_ROWS],
        "chips": {name: [row_fields(row) for row in chip.rows] for name, chip in CHIPS.items()},
        "codes": list(Code),
        "reserved": sorted(RESERVED),
        "descriptor": json.loads(descriptor(NODE, configured())),
        "networked": json.loads(descriptor(NODE, configured(more={"lan": LAN}))),
        "schema": json.loads(SCHEMA.read_text("utf-8")),
        "scenes": {
            name: [[message.topic, message.payload.decode()] for message in messages]
            for name, messages in scenes().items()
        },
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(listed(), indent=1), "utf-8")
