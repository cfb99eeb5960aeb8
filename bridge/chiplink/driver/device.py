"""What a running device offers to the node, and what it tells it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from chiplink.model import (
    Availability,
    CommandRequest,
    DeviceEvent,
    LinkData,
    LinkInfo,
    LinkState,
    Outcome,
    StateUpdate,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from chiplink.catalog import Chip, Row

Emission = StateUpdate | DeviceEvent | Availability | LinkState | LinkInfo | LinkData
Emit = Callable[[Emission], None]

Memory = MutableMapping[str, Any]
"""What a device remembers over restarts."""

Started = Callable[[int], None]
"""Called once a command's first byte is out, with the milliseconds it will take."""


class LinkView(Protocol):
    """A link as others see it."""

    @property
    def id(self) -> str:
        """Its name in the configuration."""

    @property
    def kind(self) -> str:
        """What it is, as the configuration says it."""

    @property
    def several(self) -> bool:
        """Whether it may have several peers at once: then each message names one."""


class Device(Protocol):
    """A chip that is kept running."""

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
        """Its rows by key, as its configuration makes them."""

    @property
    def links(self) -> Mapping[str, LinkView]:
        """Its links by name."""

    async def run(self, emit: Emit) -> None:
        """Keep it connected until cancelled; release and close before returning."""

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        """Begin one command now, and return what waits for its end.

        Links' commands have keys of their own (model.CommandRequest). Both raise
        CommandError. Urgent commands may come in between.
        """

    def abort(self) -> None:
        """Stop the command that runs, leaving nothing pressed."""

    def unattended(self) -> None:
        """Nobody can send commands for now: let go of what is held."""

    def counters(self) -> Mapping[str, int]:
        """What was counted since the start, by name."""
