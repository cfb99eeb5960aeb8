"""The CH392's sockets during one connection to the chip: who has which."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.cancellation import to_the_end
from chiplink.driver.ch392_socket import ChipSocket
from chiplink.exceptions import BusyError, ClosedError, CommandError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.driver.ch392_layout import Layout
    from chiplink.protocol.ch392 import Protocol
    from chiplink.protocol.ch392_buffers import SocketBuffers

_MILLISECONDS = 1000


class Lease:
    """A socket of the chip that somebody has; `socket` is its present life."""

    def __init__(self, pool: Pool, buffers: SocketBuffers, *, tcp: bool) -> None:
        self._pool = pool
        self._tcp = tcp
        self._kept = True
        self.chip = pool.chip
        self.buffers = buffers
        self.on_give_back: Callable[[], Awaitable[None]] | None = None
        """Called once instead of giving it back: a server keeps its sockets."""
        self.socket = self.renew()

    def write_limit(self, protocol: Protocol) -> int:
        """Return how many bytes one WRITE may have."""
        return min(self.buffers.write_limit(protocol), self.chip.bus.max_write)

    def renew(self) -> ChipSocket:
        """Begin the next life of the socket, which is closed."""
        number = self.buffers.socket
        pause = self.chip.profile.reopen_pause_ms / _MILLISECONDS
        self.socket = ChipSocket(
            self.chip,
            self.buffers,
            tcp=self._tcp,
            not_before=self._pool.closed_at.get(number, float("-inf")) + pause,
        )
        self._pool.sockets[number] = self.socket
        if self._pool.down is not None:
            self.socket.end(self._pool.down)
        return self.socket

    async def close(self) -> None:
        """Close the socket on the chip, as well as that can be done."""
        self.socket.end(ClosedError("it was closed"))
        try:
            await self.socket.close()
        except CommandError:
            self.chip.counters["unclosed"] += 1
        self._pool.closed_at[self.buffers.socket] = asyncio.get_running_loop().time()

    async def give_back(self) -> None:
        """Close it and let others have it, to the end; harmless when that was done."""
        await to_the_end(self._give_back())

    async def _give_back(self) -> None:
        hook, self.on_give_back = self.on_give_back, None
        if hook is not None:
            await hook()
            return
        if self._kept:
            self._kept = False
            await self.close()
            self._pool.free(self.buffers.socket)


class Pool:
    """Sockets by number, and those that nobody has."""

    def __init__(self, chip: Ch392Chip, layout: Layout) -> None:
        self.chip = chip
        self.sockets: dict[int, ChipSocket] = {}
        """Those that somebody has."""
        self.closed_at: dict[int, float] = {}
        self.down: ClosedError | None = None
        """Why no socket can be used for now."""
        self._layout = layout
        self._taken: set[int] = set()

    def lease(self, owner: str, count: int, *, tcp: bool) -> list[Lease]:
        """Return `count` sockets; raises BusyError."""
        mine = [number for number in self._layout.of(owner) if number not in self._taken]
        mine.sort(key=lambda number: self.closed_at.get(number, float("-inf")))
        if len(mine) < count:
            raise BusyError(f"{len(mine)} sockets of the chip are free, {count} are needed")
        self._taken.update(mine[:count])
        return [Lease(self, self._layout.plan.of(number), tcp=tcp) for number in mine[:count]]

    def available(self, owner: str) -> int:
        """Return how many sockets `owner` could have."""
        return len(self._layout.of(owner))

    def free(self, number: int) -> None:
        """Take a socket back."""
        self._taken.discard(number)
        self.sockets.pop(number, None)

    def end(self, error: ClosedError) -> None:
        """End every socket, until `revive`: whoever has one closes it."""
        self.down = error
        for socket in list(self.sockets.values()):
            socket.end(error)

    def revive(self) -> None:
        """Let sockets be opened again."""
        self.down = None


async def give_back(leases: Iterable[Lease]) -> None:
    """Give all of them back, to the end."""
    await to_the_end(_give_back(leases))


async def _give_back(leases: Iterable[Lease]) -> None:
    for lease in leases:
        await lease.give_back()
