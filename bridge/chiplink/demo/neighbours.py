"""Who else is on the demonstration's network: real sockets of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Self

CHUNK = 64 * 1024


class Echo:
    """A TCP server that sends everything back: the PLC of the demonstration."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(CHUNK):
                    writer.write(data)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


class UdpNeighbour(asyncio.DatagramProtocol):
    """A UDP socket of this machine that keeps what it gets."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue(maxsize=256)
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it, while there is room."""
        with contextlib.suppress(asyncio.QueueFull):
            self.heard.put_nowait((data, addr))

    def send(self, data: bytes, port: int) -> None:
        """Send to a port of this machine."""
        if self._transport is not None:
            self._transport.sendto(data, ("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        """Bind a free port."""
        loop = asyncio.get_running_loop()
        self._transport, _protocol = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def free_port(kind: int) -> int:
    """Return a port of this machine that was free a moment ago; `kind` is socket.SOCK_*."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
