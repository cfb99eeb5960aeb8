"""What every byte line offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chiplink.exceptions import PortError

MAX_QUEUED = 64 * 1024
"""Bytes a transport holds for a line that takes none; more is an error."""


class Transport(Protocol):
    """An open line. All methods are called on the loop; `write` never waits."""

    @property
    def baud(self) -> int:
        """Bits a second, or 0 where a line has no such rate."""

    def start(self, on_data: Callable[[bytes], None], on_lost: Callable[[PortError], None]) -> None:
        """Deliver what arrives, cut anywhere; `on_lost` is called at most once."""

    def write(self, data: bytes) -> None:
        """Send, or queue up to MAX_QUEUED bytes; raises PortError beyond or when lost."""

    async def set_baud(self, baud: int) -> None:
        """Change the rate of both directions; bytes on the way may be garbled."""

    async def close(self) -> None:
        """Throw away what is queued and close; harmless when closed or lost."""


class Port(Protocol):
    """A place where a transport can be opened again and again."""

    @property
    def name(self) -> str:
        """How the user wrote it."""

    @property
    def baud(self) -> int | None:
        """The rate the user fixed, or None where it is to be found."""

    def open(self, baud: int) -> Awaitable[Transport]:
        """Open at `baud`; raises PortError with the way out."""
