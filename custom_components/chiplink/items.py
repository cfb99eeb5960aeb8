"""From a descriptor to the entities that shall exist: one Item each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .const import BRIDGE, LINK_STATES
from .model import Row
from .topics import BASE

if TYPE_CHECKING:
    from .model import Descriptor, Device, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entity to be; paths are below the node's topic.

    `link` is the link it belongs to, if any. `event` and `state` name the same kind of
    path: what is heard there.
    """

    device: str
    suffix: str
    row: Row
    state: str
    command: str
    link: str | None = None

    def unique_id(self, node: str) -> str:
        """Return the unique id, the same as MQTT discovery's."""
        return f"{identifier(node, self.device)}-{self.suffix}"


BRIDGE_ROWS = (
    Row(
        key="status",
        kind="state",
        platform="binary_sensor",
        type="bool",
        name="Connection",
        translation_key="status",
        category="diagnostic",
        device_class="connectivity",
    ),
    Row(
        key="started",
        kind="state",
        platform="sensor",
        type="text",
        name="Started",
        translation_key="started",
        category="diagnostic",
        device_class="timestamp",
    ),
)
"""What the bridge itself shows; its descriptor does not list it."""


def identifier(node: str, device: str | None = None) -> str:
    """Return what a device is known by, the same as in MQTT discovery; None is the bridge."""
    return f"{BASE}-{node}" if device is None else f"{BASE}-{node}-{device}"


def items_of(descriptor: Descriptor) -> dict[str, Item]:
    """Return every entity of a node by its unique id."""
    items = [item for row in BRIDGE_ROWS for item in _of_row(BRIDGE, row)]
    for device in descriptor.devices.values():
        for row in device.rows.values():
            items += _of_row(device.id, row)
        for link in device.links.values():
            items += _of_link(device, link)
    return {item.unique_id(descriptor.node): item for item in items}


def _of_row(device: str, row: Row) -> list[Item]:
    """A row is an entity, or a state and the button beside it."""
    path = f"{device}/{row.key}"
    shown = [row]
    if row.button is not None:
        press = replace(
            row,
            key=f"{row.key}_button",
            kind="command",
            platform="button",
            name=row.button,
            translation_key=row.translation_key and f"{row.translation_key}_button",
            options=("PRESS",),
            device_class=None,
        )
        shown = [replace(row, kind="state"), press]
    return [
        Item(device=device, suffix=one.key, row=one, state=path, command=f"{path}/set")
        for one in shown
    ]


def _of_link(device: Device, link: Link) -> list[Item]:
    """A link is a state to watch and a switch to open and close it."""
    path = f"{device.id}/link/{link.id}"
    watched = Row(
        key="state",
        kind="state",
        platform="sensor",
        type="enum",
        name=f"Link {link.id} state",
        translation_key="link_state",
        icon="mdi:lan",
        category="diagnostic",
        device_class="enum",
        options=LINK_STATES,
    )
    switch = Row(
        key="set",
        kind="both",
        platform="switch",
        type="enum",
        name=f"Link {link.id}",
        translation_key="link_set",
        icon="mdi:lan-connect",
        category="config",
        options=("OPEN", "CLOSE"),
    )
    return [
        Item(
            device=device.id,
            suffix=f"link-{link.id}-{row.key}",
            row=row,
            state=f"{path}/state",
            command=f"{path}/set",
            link=link.id,
        )
        for row in (watched, switch)
    ]
