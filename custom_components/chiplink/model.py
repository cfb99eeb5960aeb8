"""What a node has, as its descriptor says; every value was checked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capability of a device (SPEC.md, "Descriptor")."""

    key: str
    kind: str
    platform: str
    type: str
    name: str
    translation_key: str = ""
    icon: str | None = None
    category: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    unit: str | None = None
    options: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    step: float | None = None
    event_types: tuple[str, ...] = ()
    button: str | None = None
    enabled: bool = True
    expiry: int | None = None

    @property
    def takes_commands(self) -> bool:
        """Whether anything may be sent to this row."""
        return self.kind in ("command", "both")

    @property
    def has_state(self) -> bool:
        """Whether the row has a retained value."""
        return self.kind in ("state", "both")

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.type in ("int", "float")


@dataclass(frozen=True, slots=True)
class Link:
    """A connection of a device; with `several`, its data names the peer."""

    id: str
    kind: str
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A chip with its rows and links by name."""

    id: str
    name: str
    chip: str
    model: str
    manufacturer: str
    rows: dict[str, Row]
    links: dict[str, Link]


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A node with its devices by name."""

    node: str
    version: str
    devices: dict[str, Device]

    @property
    def chips(self) -> list[str]:
        """Which chips there are, each once."""
        return sorted({device.chip for device in self.devices.values()})
