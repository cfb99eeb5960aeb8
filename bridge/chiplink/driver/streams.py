"""asyncio over a chip: connections, servers and datagrams as programs know them.

What is written for asyncio's streams, transports and protocols runs over a chip
unchanged; errors are OSErrors. Names are resolved by this host, to IPv4.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from typing import TYPE_CHECKING, TypeVar

from chiplink.driver.datagram_transport import DatagramTransport
from chiplink.driver.sockets import Endpoint, Kind
from chiplink.driver.stream_addresses import find
from chiplink.driver.stream_errors import os_error
from chiplink.driver.stream_register import Register
from chiplink.driver.stream_server import StreamServer
from chiplink.driver.stream_tls import Tls, begin_tls, client_tls
from chiplink.driver.stream_transport import StreamTransport
from chiplink.exceptions import CommandError

if TYPE_CHECKING:
    import ssl as tls_module
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from ipaddress import IPv4Network

    from chiplink.driver.sockets import KeepAlive, Socket, Stack

    Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]

TIMEOUT = 120.0
"""Seconds for finding the network, opening and shaking hands: a SIM800 alone may take 75."""

LIMIT = 64 * 1024
"""Bytes of the longest line a StreamReader reads; it stops asking at twice as many."""

P = TypeVar("P", bound=asyncio.BaseProtocol)
D = TypeVar("D", bound=asyncio.DatagramProtocol)


class Streams:
    """asyncio's way to open connections, over `stack`.

    Everything opened here ends by itself when the chip is lost; only servers come back.
    `timeout` is in seconds and None is for ever. All raise OSError.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._opened = Register()
        self._openings: set[asyncio.Timeout] = set()
        self._over = False

    async def open_connection(  # noqa: PLR0913 - asyncio's, and the chip's
        self,
        host: str,
        port: int,
        *,
        local_port: int = 0,
        keep_alive: KeepAlive | None = None,
        ttl: int | None = None,
        limit: int = LIMIT,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109 - as asyncio's users expect
        ssl: tls_module.SSLContext | bool | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection; `limit` is the reader's, in bytes."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        transport, protocol = await self.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
            host,
            port,
            local_port=local_port,
            keep_alive=keep_alive,
            ttl=ttl,
            timeout=timeout,
            ssl=ssl,
            server_hostname=server_hostname,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def create_connection(  # noqa: PLR0913 - asyncio's, and the chip's
        self,
        protocol_factory: Callable[[], P],
        host: str,
        port: int,
        *,
        local_port: int = 0,
        keep_alive: KeepAlive | None = None,
        ttl: int | None = None,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109 - as asyncio's users expect
        ssl: tls_module.SSLContext | bool | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Open a TCP connection for a protocol; `ssl` and `server_hostname` as in asyncio."""
        tls = client_tls(ssl, server_hostname, host)
        async with self._within(timeout):
            endpoint = Endpoint(
                kind=Kind.TCP_CLIENT,
                host=await find(host),
                port=port,
                local_port=local_port,
                keep_alive=keep_alive,
                ttl=ttl,
            )
            transport = StreamTransport(await self._connect(endpoint))
            self._opened.connections.note(transport)
            try:
                shown, protocol = await _begin(transport, protocol_factory(), tls)
            except BaseException:
                transport.abort()
                raise
            self._opened.connections.show(transport, shown)
            return shown, protocol

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], D],
        *,
        local_port: int = 0,
        remote_addr: tuple[str, int] | None = None,
        ttl: int | None = None,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109 - as asyncio's users expect
    ) -> tuple[asyncio.DatagramTransport, D]:
        """Open a UDP socket, to `remote_addr` or, where there is none, for all."""
        async with self._within(timeout):
            host, port = remote_addr or ("", 0)
            endpoint = Endpoint(
                kind=Kind.UDP if host else Kind.UDP_SERVER,
                host=await find(host) if host else "",
                port=port,
                local_port=local_port,
                ttl=ttl,
            )
            protocol = protocol_factory()
            transport = DatagramTransport(await self._connect(endpoint), protocol)
            self._opened.connections.note(transport)
            try:
                transport.begin()
            except BaseException:
                transport.abort()
                raise
            return transport, protocol

    async def start_server(
        self,
        client_connected_cb: Connected,
        port: int,
        *,
        peers: int = 1,
        allow: Iterable[IPv4Network] | None = None,
        keep_alive: KeepAlive | None = None,
        limit: int = LIMIT,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109 - as asyncio's users expect
        ssl: tls_module.SSLContext | None = None,
    ) -> StreamServer:
        """Listen on `port`; `client_connected_cb` gets each connection's reader and writer."""
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = asyncio.StreamReader(limit=limit, loop=loop)
            return asyncio.StreamReaderProtocol(reader, client_connected_cb, loop=loop)

        return await self.create_server(
            protocol,
            port,
            peers=peers,
            allow=allow,
            keep_alive=keep_alive,
            timeout=timeout,
            ssl=ssl,
        )

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        port: int,
        *,
        peers: int = 1,
        allow: Iterable[IPv4Network] | None = None,
        keep_alive: KeepAlive | None = None,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109 - as asyncio's users expect
        ssl: tls_module.SSLContext | None = None,
    ) -> StreamServer:
        """Listen on `port` for at most `peers` connections at once.

        Only those in one of the networks `allow` are let in; None lets in all. `timeout`
        is for the beginning: from then on it listens again whenever the chip was lost,
        until closed.
        """
        endpoint = Endpoint(
            kind=Kind.TCP_SERVER, local_port=port, peers=peers, keep_alive=keep_alive
        )
        server = StreamServer(
            self._stack,
            endpoint,
            protocol_factory,
            allow=None if allow is None else tuple(allow),
            tls=Tls(ssl, server_side=True) if ssl else None,
        )
        async with self._within(timeout):
            await self._stack.ready()
            await server.open()
        self._opened.servers.add(server)
        return server

    async def _connect(self, endpoint: Endpoint) -> Socket:
        await self._stack.ready()
        return await self._stack.connect(endpoint)

    def _check(self) -> None:
        """Raise CommandError where nothing can be opened."""

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float | None) -> AsyncIterator[None]:
        """Bound the opening of something, and make its errors OSErrors."""
        try:
            self._check()
            async with asyncio.timeout(seconds) as bound:
                self._openings.add(bound)
                try:
                    yield
                finally:
                    self._openings.discard(bound)
        except CommandError as error:
            raise os_error(error) from error
        except TimeoutError as error:
            if not bound.expired():
                raise
            why = self._stack.obstacle or "no answer"
            late = "given up" if self._over or seconds is None else f"not within {seconds:g} s"
            raise TimeoutError(errno.ETIMEDOUT, f"{late}: {why}") from error

    async def _close_all(self, seconds: float, *, in_order: bool) -> None:
        """Give up what is being opened, and close what is open."""
        self._over = True
        for bound in self._openings:
            if not bound.expired():
                bound.reschedule(asyncio.get_running_loop().time())
        await self._opened.close(seconds, in_order=in_order)


async def _begin(
    transport: StreamTransport, protocol: P, tls: Tls | None
) -> tuple[asyncio.Transport, P]:
    if tls is not None:
        return await begin_tls(transport, protocol, tls), protocol
    transport.begin(protocol)
    return transport, protocol
