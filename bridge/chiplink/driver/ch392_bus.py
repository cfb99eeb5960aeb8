"""What the CH392's driver asks of a line, be it UART or SPI, and how a line fails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chiplink.exceptions import ChipError, ChiplinkError
from chiplink.protocol.ch392 import status_words

if TYPE_CHECKING:
    import asyncio
    from collections import Counter
    from collections.abc import Awaitable, Callable, Sequence


class LostReplyError(ChiplinkError):
    """A reply was lost on the line; the chip answers again. What was asked may have happened."""


class StatusError(ChipError):
    """A command ended with an error of the chip's own (section 5.12)."""

    def __init__(self, command: str, status: int) -> None:
        super().__init__(f"{command}: {status_words(status)}")
        self.status = status


class InterruptPin(Protocol):
    """INT#, wired to this host."""

    @property
    def fd(self) -> int:
        """Becomes readable at an edge."""

    def acknowledge(self) -> None:
        """Read the edges away; never waits."""

    def level(self) -> int | None:
        """Return 0 (something waits) or 1; None if it cannot be read."""

    def close(self) -> None:
        """Let go of it."""


class Bus(Protocol):
    """An open line to a chip that answers. One caller at a time."""

    lost: asyncio.Future[ChiplinkError]
    """Done when the port is lost."""

    interrupt: InterruptPin | None

    def run(self, commands: Sequence[bytes]) -> Awaitable[list[bytes]]:
        """Send commands at once and return the replies of those that have one, in order.

        Raises LostReplyError, ProbeError (the chip stays silent), PortError.
        """

    def reset(self) -> Awaitable[None]:
        """RESET_ALL, and wait until the chip answers again; raises ProbeError, PortError."""

    def close(self) -> Awaitable[None]:
        """Close the line."""


class BusPort(Protocol):
    """Where a chip is."""

    @property
    def name(self) -> str:
        """How the user wrote it."""

    def connect(self, counters: Counter[str], on_stray: Callable[[], None]) -> Awaitable[Bus]:
        """Open the line and find the chip on it; raises PortError, ProbeError.

        `on_stray` is called for bytes that nobody asked for.
        """
