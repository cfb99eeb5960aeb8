"""What MQTT needs to know of the node; the node need not know MQTT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.catalog import Chip, Row
    from chiplink.model import CommandRequest, Json, LinkPhase, Scalar


class LinkView(Protocol):
    """A link as a sink sees it."""

    @property
    def id(self) -> str:
        """Its name in the configuration."""

    @property
    def kind(self) -> str:
        """What it is, as the configuration says it."""

    @property
    def several(self) -> bool:
        """Whether it may have several peers at once: then each message names one."""


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

    @property
    def links(self) -> Mapping[str, LinkView]:
        """Its links by name."""

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
    def link_states(self) -> Mapping[tuple[str, str], LinkPhase]:
        """What each link is doing, by device and link."""

    @property
    def link_infos(self) -> Mapping[tuple[str, str], Mapping[str, Json]]:
        """What there is to know about each link that has told it, by device and link."""

    @property
    def available(self) -> Mapping[str, bool]:
        """Whether each device answers."""

    def submit(self, request: CommandRequest) -> None:
        """Queue a command."""

    def unattended(self) -> None:
        """Nobody can send commands for now."""

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait, by device, and by `device/link/name`."""
