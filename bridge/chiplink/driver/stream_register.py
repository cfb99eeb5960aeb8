"""What goes over a chip at the moment, so that all of it can be closed at once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.socket_transport import SocketTransport
    from chiplink.driver.stream_server import StreamServer

    Connection = asyncio.Transport | asyncio.DatagramTransport


class Connections:
    """Transports until they end; `on_end` is called after each."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._shown: dict[SocketTransport, Connection | None] = {}
        self._on_end = on_end

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._shown)

    def note(self, transport: SocketTransport) -> None:
        """Note a transport until its end; nobody else uses its `on_end`."""
        self._shown[transport] = None
        transport.on_end = lambda: self._forget(transport)

    def show(self, transport: SocketTransport, outer: Connection) -> None:
        """Note what is to be closed in its place: TLS sends the rest and takes leave."""
        if transport in self._shown:
            self._shown[transport] = outer

    def close(self, *, in_order: bool) -> None:
        """Close all, after sending what waits or at once."""
        for transport, outer in list(self._shown.items()):
            what = transport if outer is None else outer
            (what.close if in_order else transport.abort)()

    def _forget(self, transport: SocketTransport) -> None:
        self._shown.pop(transport, None)
        self._on_end()


class Register:
    """Knows the connections until they end, and the servers while anybody has them."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self.connections = Connections(self._ended.set)
        self.servers: WeakSet[StreamServer] = WeakSet()

    async def close(self, seconds: float, *, in_order: bool) -> None:
        """Close all, after sending what waits or at once, in at most `seconds`."""
        servers = list(self.servers)
        for server in servers:
            server.close()
            (server.close_clients if in_order else server.abort_clients)()
        self.connections.close(in_order=in_order)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(server.wait_closed() for server in servers))
                while self.connections:
                    self._ended.clear()
                    await self._ended.wait()
