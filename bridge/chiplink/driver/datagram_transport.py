"""A chip's UDP socket as the transport of an asyncio datagram protocol."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from typing import TYPE_CHECKING, Any

from chiplink.driver.socket_transport import SocketTransport
from chiplink.driver.sockets import check_datagram
from chiplink.driver.stream_addresses import host_and_port, peer_of
from chiplink.driver.stream_errors import os_error
from chiplink.exceptions import ClosedError, CommandError

if TYPE_CHECKING:
    from chiplink.driver.sockets import Chunk, Socket
    from chiplink.driver.stream_addresses import Address

MAX_WAITING = 64 * 1024
"""Bytes that may wait for the chip; a datagram that would be more is refused."""

HEADER = 8
"""Bytes of UDP's header, by which an empty datagram counts too."""


class DatagramTransport(SocketTransport, asyncio.DatagramTransport):
    """A DatagramTransport over `socket`; nothing is received before `begin`.

    What could not be sent is told by `error_received`, and by nothing else. `refused`
    counts the datagrams for which there was no room.
    """

    def __init__(self, socket: Socket, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__(socket)
        self.refused = 0
        self._protocol = protocol
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._size = 0

    def begin(self) -> None:
        """Tell the protocol of its socket and receive from now on."""
        self._protocol.connection_made(self)
        self._keep_receiving()

    @property
    def _user(self) -> asyncio.BaseProtocol:
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the chip, each datagram's header too."""
        return self._size

    def sendto(  # type: ignore[override] # asyncio too takes no other buffers
        self, data: bytes | bytearray | memoryview, addr: tuple[Any, ...] | str | None = None
    ) -> None:
        """Send a datagram when those before are sent; `addr` is `(ip, port)`, no name.

        Raises ValueError for an address where there is one, or where there is none.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        peer = self._peer_for(addr)
        if self._closing:
            return
        try:
            self._admit(bytes(data), peer)
        except CommandError as error:
            self._tell(os_error(error))

    def _peer_for(self, addr: tuple[Any, ...] | str | None) -> str:
        """Return the receiver as the socket wants it: empty where it has only one."""
        named = _address(addr) if addr is not None else None
        if self._socket.peer:
            only = host_and_port(self._socket.peer)
            if named not in (None, only):
                raise ValueError(f"Invalid address: must be None or {only}")
            return ""
        if named is None:
            raise ValueError("this socket has several peers: an address is needed")
        return peer_of(named)

    def _admit(self, data: bytes, peer: str) -> None:
        check_datagram(self._socket, data)
        if self._size + len(data) + HEADER > MAX_WAITING:
            self.refused += 1
            self._tell(OSError(errno.ENOBUFS, f"{self._size} bytes wait for the chip already"))
            return
        self._waiting.append((data, peer))
        self._size += len(data) + HEADER
        self._keep_sending()
        self._heed_limits()

    async def _send(self) -> None:
        while self._waiting:
            data, peer = self._waiting[0]
            try:
                await self._socket.send(data, peer)
            except ClosedError:
                raise
            except CommandError as error:
                self._tell(os_error(error))
            self._waiting.popleft()
            self._size -= len(data) + HEADER
            self._heed_limits()
        if self._closing:
            self._end(None)

    def _forget(self) -> None:
        self._waiting.clear()
        self._size = 0

    async def _read(self) -> None:
        while self._ending is None:
            chunk = await self._socket.receive()
            if not self._closing:
                self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        try:
            self._protocol.datagram_received(
                chunk.data, host_and_port(chunk.peer or self._socket.peer)
            )
        except Exception as error:  # noqa: BLE001 - the protocol's; the next may be better
            self._report(error, "protocol.datagram_received() failed")

    def _tell(self, error: OSError) -> None:
        try:
            self._protocol.error_received(error)
        except Exception as failure:  # noqa: BLE001 - the protocol's; the socket is well
            self._report(failure, "protocol.error_received() failed")


def _address(addr: tuple[Any, ...] | str) -> Address:
    """Check that it is `(ip, port)`; asyncio's types allow other families' too."""
    if isinstance(addr, tuple) and len(addr) >= 2:  # noqa: PLR2004 - a pair
        host, port = addr[:2]
        if isinstance(host, str) and isinstance(port, int):
            return host, port
    raise ValueError(f"an address is a pair of host and port, not {addr!r}")
