"""A Port whose lines can be listened to; while nobody does, it costs one look a chunk."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.exceptions import PortError
    from chiplink.transport.base import Port, Transport


class Direction(StrEnum):
    """Which way bytes go, as the bridge sees it."""

    IN = "in"
    OUT = "out"


OnBytes = Callable[[Direction, bytes], None]
"""Called with each chunk as it was read or before it is written; must not raise or wait."""


class Tap:
    """Where a listener hangs; None while nobody listens."""

    __slots__ = ("on_bytes",)

    def __init__(self, on_bytes: OnBytes | None = None) -> None:
        self.on_bytes = on_bytes


class TapPort:
    """`port`, with `tap` on every line it opens."""

    def __init__(self, port: Port, tap: Tap) -> None:
        self._port = port
        self._tap = tap
        self.name = port.name

    @property
    def baud(self) -> int | None:
        """The rate the user fixed, or None."""
        return self._port.baud

    async def open(self, baud: int) -> TapTransport:
        """Open at `baud`; raises PortError with the way out."""
        return TapTransport(await self._port.open(baud), self._tap)


class TapTransport:
    """An open line whose bytes a tap can see."""

    def __init__(self, line: Transport, tap: Tap) -> None:
        self._line = line
        self._tap = tap

    @property
    def baud(self) -> int:
        """Bits a second, or 0."""
        return self._line.baud

    def start(self, on_data: Callable[[bytes], None], on_lost: Callable[[PortError], None]) -> None:
        """Deliver what arrives, to the tap first."""
        tap = self._tap

        def deliver(data: bytes) -> None:
            if tap.on_bytes is not None:
                tap.on_bytes(Direction.IN, data)
            on_data(data)

        self._line.start(deliver, on_lost)

    def write(self, data: bytes) -> None:
        """Send; raises PortError."""
        if self._tap.on_bytes is not None:
            self._tap.on_bytes(Direction.OUT, data)
        self._line.write(data)

    async def set_baud(self, baud: int) -> None:
        """Change the rate of both directions."""
        await self._line.set_baud(baud)

    async def close(self) -> None:
        """Close; harmless when closed or lost."""
        await self._line.close()
