"""Names behind a simulated chip: a table first, then whatever the machine resolves."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .ether import Ether

PATIENCE = 10.0  # seconds that the machine's own resolver gets
Answer = list[bytes]


class Names:
    """Asks for addresses as the chip sees them; an answer comes after a round trip, never at once.

    hosts leads a name to an address, or to nothing if it must not be found.
    """

    def __init__(self, ether: Ether, hosts: Mapping[str, str]) -> None:
        self.hosts = {name.lower(): address for name, address in hosts.items()}
        self._ether = ether
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, name: str, done: Callable[[Answer], None]) -> Callable[[], None]:
        """Call done with the addresses of name, none if there are none; the result cancels it."""
        task = asyncio.get_running_loop().create_task(self._resolve(name, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return lambda: _cancel(task)

    def close(self) -> None:
        """Answer nothing any more."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _resolve(self, name: str, done: Callable[[Answer], None]) -> None:
        if numeric := _numeric(name):
            done([numeric])
            return
        await asyncio.sleep(self._ether.rtt)
        done(await self._look_up(name) if self._ether.up else [])

    async def _look_up(self, name: str) -> Answer:
        if name.lower() in self.hosts:
            address = self.hosts[name.lower()]
            return [ip_address(address).packed] if address else []
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await loop.getaddrinfo(
                    name, None, family=socket.AF_INET, type=socket.SOCK_STREAM
                )
        except (OSError, UnicodeError, TimeoutError):
            return []
        return [self._ether.seen(str(address[0])) for *_, address in found]


def _numeric(name: str) -> bytes | None:
    try:
        return ip_address(name).packed
    except ValueError:
        return None


def _cancel(task: asyncio.Task[None]) -> None:
    # What is told an answer may cancel the question: the task must not end itself.
    if asyncio.current_task() is not task:
        task.cancel()
