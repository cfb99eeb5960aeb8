"""What MQTT needs to know of the node; the node need not know MQTT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.catalog import Chip, Row
    from chiplink.model import CommandRequest, Scalar


class DeviceView(Protocol):
    """A device as a sink sees it."""

    @property
    def id(self) -> str:
        """Its name in the configuration."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def chip(self) -> Chip:
        """Which kind of chip it is."""

    @property
    def rows(self) -> Mapping[str, Row]:
        """Its rows by key."""

    def counters(self) -> Mapping[str, int]:
        """What was counted since the start, by name."""


class NodeView(Protocol):
    """The node as a sink sees it."""

    @property
    def devices(self) -> Mapping[str, DeviceView]:
        """Devices by name."""

    @property
    def states(self) -> Mapping[tuple[str, str], Scalar]:
        """The newest value of each state, by device and key."""

    @property
    def available(self) -> Mapping[str, bool]:
        """Whether each device answers."""

    def submit(self, request: CommandRequest) -> None:
        """Queue a command."""

    def unattended(self) -> None:
        """Nobody can send commands for now."""

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait for each device."""
