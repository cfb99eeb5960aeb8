"""What the CH392's driver asks of a line, be it UART or SPI, and how a line fails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chiplink.exceptions import ChipError, ChiplinkError
from chiplink.protocol.ch392 import status_words

if TYPE_CHECKING:
    import asyncio
    from collections import Counter
    from collections.abc import Awaitable, Callable, Sequence

    from chiplink.transport.interrupt import IntLine


class LostReplyError(ChiplinkError):
    """A reply was lost on the line; the chip answers again. What was asked may have happened."""


class StatusError(ChipError):
    """A command ended with an error of the chip's own (section 5.12)."""

    def __init__(self, command: str, status: int) -> None:
        super().__init__(f"{command}: {status_words(status)}")
        self.status = status


class Bus(Protocol):
    """An open line to a chip that answers. One caller at a time."""

    lost: asyncio.Future[ChiplinkError]
    """Done when the port is lost."""

    interrupt: IntLine | None
    """INT#, where it is wired to this host."""

    @property
    def baud(self) -> int:
        """Bits a second of a UART; 0 over SPI."""

    max_write: int
    """Data bytes of the longest WRITE_SEND_BUF_SN that the line carries."""

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

        `on_stray` is called for bytes that nobody asked for. The chip is reset first.
        """

    def find(self, counters: Counter[str], on_stray: Callable[[], None]) -> Awaitable[Bus]:
        """Open the line and find the chip on it, as it is; raises as `connect` does."""
