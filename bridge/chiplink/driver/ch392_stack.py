"""The CH392's TCP/IP as a Stack: it outlives each connection to the chip."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from chiplink.driver.cancellation import to_the_end
from chiplink.driver.ch392_datagrams import open_datagrams
from chiplink.driver.ch392_layout import MAX_PEERS
from chiplink.driver.ch392_pool import Pool, give_back
from chiplink.driver.ch392_tcp import TcpListener, connect
from chiplink.driver.sockets import KeepAlive, Kind
from chiplink.exceptions import (
    BadPayloadError,
    ClosedError,
    OfflineError,
    UsageError,
)
from chiplink.protocol.ch392 import KEEP_ALIVE_IDLE, KEEP_ALIVE_INTERVAL
from chiplink.protocol.ch392_commands import keep_alive
from chiplink.protocol.ch392_profile import ServerMode

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.driver.ch392_layout import Layout
    from chiplink.driver.ch392_pool import Lease
    from chiplink.driver.sockets import Endpoint, Listener, Socket

T = TypeVar("T")

EPHEMERAL = (49152, 65535)
"""Source ports for clients, taken in turn: a peer remembers the last for a while."""

_MILLISECONDS = 1000
_DEFAULT_TIMES = (KEEP_ALIVE_IDLE, KEEP_ALIVE_INTERVAL)


class Ch392Stack:
    """A Stack on whatever chip is attached."""

    def __init__(self, layout: Layout, reserved_ports: frozenset[int] = frozenset()) -> None:
        self._layout = layout
        self._reserved = reserved_ports
        self._next_port = random.randint(*EPHEMERAL)  # noqa: S311 - keeps no secret
        self._pool: Pool | None = None
        self._up = asyncio.Event()
        self._keep_alive = _DEFAULT_TIMES
        self._setting_keep_alive = asyncio.Lock()
        self.obstacle = "the chip is being looked for"

    # What the driver says

    def attach(self, chip: Ch392Chip) -> Pool:
        """Use a chip that was just initialised."""
        self._pool = Pool(chip, self._layout)
        self._keep_alive = _DEFAULT_TIMES
        return self._pool

    def detach(self, reason: str) -> None:
        """The chip is gone, and with it every socket."""
        self.network_down(reason)
        self._pool = None

    def network_up(self) -> None:
        """The cable is in and there is an address."""
        self.obstacle = ""
        self._up.set()
        if self._pool is not None:
            self._pool.revive()

    def network_down(self, reason: str) -> None:
        """Nothing can be reached; what was open is over."""
        self.obstacle = reason
        self._up.clear()
        if self._pool is not None:
            self._pool.end(ClosedError(reason))

    # Stack

    async def ready(self) -> None:
        """Wait until the network can be used."""
        await self._up.wait()

    async def connect(self, endpoint: Endpoint) -> Socket:
        """Open a TCP connection, a UDP or an IPRAW socket."""
        if endpoint.kind is Kind.TCP_SERVER:
            raise BadPayloadError("a server listens")
        tcp = endpoint.kind is Kind.TCP_CLIENT
        (lease,) = self._lease(endpoint, 1, tcp=tcp)
        local_port = endpoint.local_port or self._fresh_port()
        return await self._opened([lease], self._open(lease, endpoint, local_port))

    async def _open(self, lease: Lease, endpoint: Endpoint, local_port: int) -> Socket:
        if endpoint.kind is not Kind.TCP_CLIENT:
            return await open_datagrams(lease, endpoint, local_port)
        await self._set_keep_alive(lease.chip, endpoint.keep_alive)
        return await connect(lease, endpoint, local_port)

    async def listen(self, endpoint: Endpoint) -> Listener:
        """Open a TCP server for up to three connections."""
        if not 1 <= endpoint.peers <= MAX_PEERS:
            raise BadPayloadError(f"a server takes 1 to {MAX_PEERS} peers, not {endpoint.peers}")
        pool = self._attached()
        listens_apart = pool.chip.profile.server_mode is ServerMode.SPARE
        wanted = endpoint.peers + (endpoint.peers > 1 or listens_apart)
        if endpoint.owner:
            wanted = max(wanted, pool.available(endpoint.owner))
        leases = self._lease(endpoint, wanted, tcp=True)
        return await self._opened(leases, self._listen(leases, endpoint))

    async def _listen(self, leases: list[Lease], endpoint: Endpoint) -> Listener:
        await self._set_keep_alive(leases[0].chip, endpoint.keep_alive)
        listener = TcpListener(leases, endpoint)
        try:
            await listener.start()
        except BaseException:
            await listener.close()  # somebody may have come to it already
            raise
        return listener

    # Inside

    def _attached(self) -> Pool:
        if self._pool is None or self.obstacle:
            raise OfflineError(self.obstacle)
        return self._pool

    def _lease(self, endpoint: Endpoint, count: int, *, tcp: bool) -> list[Lease]:
        return self._attached().lease(endpoint.owner, count, tcp=tcp)

    async def _opened(self, leases: list[Lease], opening: Coroutine[Any, Any, T]) -> T:
        """Await `opening`; the sockets go back if it fails."""
        try:
            return await opening
        except UsageError as error:
            await give_back(leases)
            raise BadPayloadError(str(error)) from None
        except BaseException:
            await give_back(leases)
            raise

    def _fresh_port(self) -> int:
        while True:
            self._next_port += 1
            if self._next_port > EPHEMERAL[1]:
                self._next_port = EPHEMERAL[0]
            if self._next_port not in self._reserved:
                return self._next_port

    async def _set_keep_alive(self, chip: Ch392Chip, wanted: KeepAlive | None) -> None:
        """Set the chip's times, which all of its connections share, in the legal order.

        To the end: half of it set, the next order would be wrong.
        """
        if wanted is not None:
            await to_the_end(self._tell_keep_alive(chip, wanted))

    async def _tell_keep_alive(self, chip: Ch392Chip, wanted: KeepAlive) -> None:
        idle, interval = (int(time * _MILLISECONDS) for time in (wanted.idle, wanted.interval))
        async with self._setting_keep_alive:
            commands = keep_alive(idle, interval, wanted.count, was=self._keep_alive)
            self._keep_alive = (idle, interval)
            for command in commands:
                await chip.tell(command)
