"""A line within the process: tests and simulated chips stand at the far end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from chiplink.exceptions import PortError

if TYPE_CHECKING:
    from collections.abc import Callable


class Peer(Protocol):
    """The far end of a line."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Take the function that sends to this side."""

    def receive(self, data: bytes) -> None:
        """Take what this side sent."""

    def detach(self) -> None:
        """The line was closed."""


class MemoryTransport:
    """A Transport to a Peer; each direction hands its bytes over in the next turn of the loop."""

    def __init__(self, peer: Peer, baud: int, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._peer = peer
        self._name = name
        self._open = True
        self._early: list[bytes] = []
        self._on_data: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[PortError], None] | None = None
        self.baud = baud
        peer.attach(self._from_peer)

    def start(self, on_data: Callable[[bytes], None], on_lost: Callable[[PortError], None]) -> None:
        """Deliver what arrives from now on, and what came before."""
        self._on_data, self._on_lost = on_data, on_lost
        early, self._early = self._early, []
        for data in early:
            self._from_peer(data)

    def write(self, data: bytes) -> None:
        """Hand `data` to the peer in the next turn of the loop."""
        if not self._open:
            raise PortError(f"{self._name}: the line is closed")
        self._loop.call_soon(self._to_peer, data)

    async def set_baud(self, baud: int) -> None:
        """Remember the rate; a line in memory has none."""
        self.baud = baud

    async def close(self) -> None:
        """Detach from the peer."""
        if self._open:
            self._open = False
            self._peer.detach()

    def break_line(self) -> None:
        """Behave as a line that was unplugged."""
        if self._open:
            self._open = False
            self._peer.detach()
            if self._on_lost is not None:
                self._on_lost(PortError(f"{self._name}: unplugged"))

    def _to_peer(self, data: bytes) -> None:
        if self._open:
            self._peer.receive(data)

    def _from_peer(self, data: bytes) -> None:
        self._loop.call_soon(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self._open:
            return
        if self._on_data is None:
            self._early.append(data)
        else:
            self._on_data(data)


class MemoryPort:
    """A Port whose peer is in this process; `lines` are the transports it opened."""

    def __init__(self, peer: Peer, name: str = "memory", baud: int | None = None) -> None:
        self._peer = peer
        self.name = name
        self.baud = baud
        self.lines: list[MemoryTransport] = []

    async def open(self, baud: int) -> MemoryTransport:
        """Open a new line to the peer."""
        line = MemoryTransport(self._peer, baud, self.name)
        self.lines.append(line)
        return line
