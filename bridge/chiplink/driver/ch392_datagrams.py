"""UDP and IPRAW on the CH392 (section 8.2.2).

A UDP client of the chip gets what arrives as one stream of bytes, and where one datagram
ends is lost. So a link to one peer, too, is opened as the chip's server, whose datagrams have
a header each, and what comes from others is dropped here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from chiplink.driver.cancellation import to_the_end
from chiplink.driver.ch392_tcp import RECEIPT_DEADLINE, after_open
from chiplink.driver.sockets import Chunk, Kind, Level, check_datagram
from chiplink.exceptions import (
    BadPayloadError,
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    RefusedError,
)
from chiplink.protocol.ch392 import Protocol
from chiplink.protocol.ch392_commands import (
    clear_recv_buf_sn,
    set_dest_port_sn,
    set_ip_addr_sn,
    set_ipraw_pro_sn,
    set_proto_type_sn,
    set_sour_port_sn,
    udp_server_sn,
)
from chiplink.protocol.ch392_datagram import read_datagrams

if TYPE_CHECKING:
    from chiplink.driver.ch392_pool import Lease
    from chiplink.driver.ch392_socket import ChipSocket
    from chiplink.driver.sockets import Endpoint

SENSELESS = 3
"""Buffers in a row without one whole datagram after which the socket is set up anew: a setting
may have been lost on the line."""

_PORT_MAX = 0xFFFF
_SERVER = "255.255.255.255"


class DatagramSocket:
    """A Socket of datagrams: UDP with one peer or many, or IPRAW.

    The chip closes it when a datagram cannot be sent; it is opened again by itself.
    """

    def __init__(self, lease: Lease, endpoint: Endpoint, local_port: int) -> None:
        self._lease = lease
        self._endpoint = endpoint
        self._raw = endpoint.kind is Kind.IPRAW
        self._waiting: deque[Chunk] = deque()
        self._closed = False
        self.window = lease.write_limit(Protocol.UDP)
        self.datagram_limit: int | None = self.window
        self.local_port = local_port
        self.dropped = 0
        self._senseless = 0
        self._reading = lease.chip.profile.header_length
        self._reopening: asyncio.Task[None] | None = None
        self.peer = self._only_peer()

    def _only_peer(self) -> str:
        if self._endpoint.kind is Kind.UDP_SERVER:
            return ""
        return self._endpoint.host if self._raw else f"{self._endpoint.host}:{self._endpoint.port}"

    @property
    def _socket(self) -> ChipSocket:
        return self._lease.socket

    async def open(self) -> None:
        """Open it on the chip; raises CommandError."""
        number = self._socket.number
        await self._socket.open(*self._settings(number))
        await after_open(self._lease.chip, number, self._endpoint)
        if self.peer and not self._raw:
            await self._socket.set(*self._destination(self.peer))

    def _settings(self, number: int) -> tuple[bytes, ...]:
        if self._raw:
            return (
                set_proto_type_sn(number, Protocol.IPRAW),
                set_ipraw_pro_sn(number, self._endpoint.port),
                set_ip_addr_sn(number, self._endpoint.host),
            )
        return (
            set_proto_type_sn(number, Protocol.UDP),
            udp_server_sn(number),
            set_sour_port_sn(number, self.local_port),
        )

    def _destination(self, peer: str) -> tuple[bytes, bytes]:
        ip, _colon, port = peer.rpartition(":")
        number = self._socket.number
        return set_ip_addr_sn(number, ip), set_dest_port_sn(number, int(port))

    async def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Level:
        """Send one datagram; `sent` once the chip says that it went out."""
        check_datagram(self, data)
        if not data:
            raise BadPayloadError("the chip cannot send an empty datagram")
        before = self._addressed(peer)
        socket = await self._taking()
        try:
            await socket.write(data, *before)
        except OfflineError as error:
            raise ClosedError(str(error)) from None
        if not confirm:
            return Level.ACCEPTED
        try:
            async with asyncio.timeout(RECEIPT_DEADLINE):
                came = await socket.wait_receipt()
        except TimeoutError:
            if socket.free:
                return Level.ACCEPTED
            unknown = OutcomeUnknownError("the chip does not take what was written")
            socket.end(unknown)
            raise unknown from None
        if not came and isinstance(socket.error, DeadlineError):
            raise DeadlineError(f"{peer or self.peer}, or the way to it, does not answer; not sent")
        if not came:
            raise OutcomeUnknownError(str(socket.error))
        return Level.SENT

    async def _taking(self) -> ChipSocket:
        """Wait until it takes a datagram, opened again if need be; raises ClosedError."""
        while True:
            if self._reopening is not None:
                await asyncio.shield(self._reopening)
            socket = self._socket
            try:
                await socket.wait_free()
            except DeadlineError:
                await self._again(socket)
            except CommandError as error:
                if self._reopening is None and socket is self._socket:
                    raise ClosedError(str(error)) from None
            else:
                return socket

    def _addressed(self, peer: str) -> tuple[bytes, ...]:
        if self.peer:
            if peer not in ("", self.peer):
                raise BadPayloadError(f"it sends to {self.peer} only")
            return ()
        if not is_peer(peer):
            raise BadPayloadError(f"{peer!r} is nobody to send to; write <ip>:<port>")
        return self._destination(peer)

    async def receive(self) -> Chunk:
        """Wait for the next datagram; all that wait in the chip are read at once."""
        while not self._waiting:
            socket = self._socket
            try:
                await self._sort(await socket.read())
            except DeadlineError:
                await self._again(socket)
            except CommandError as error:
                raise ClosedError(str(error)) from None
            if self._senseless >= SENSELESS:
                await self._again(socket)
        return self._waiting.popleft()

    async def _sort(self, data: bytes) -> None:
        """Take a whole buffer apart; what the chip has overwritten is counted."""
        if self._raw:
            self._waiting.append(Chunk(data, self.peer))
            return
        counters = self._lease.chip.counters
        found = read_datagrams(data, self._reading)
        if found.reading is not None and found.sure and data:
            self._reading = found.reading
        for item in found.items:
            if self.peer and str(item.peer) != self.peer:
                counters["foreign_datagrams"] += 1
            else:
                self._waiting.append(Chunk(item.data, str(item.peer)))
        self._senseless = 0 if found.items else self._senseless + 1
        if found.rest:
            self.dropped += 1
            await self._lease.chip.tell(clear_recv_buf_sn(self._socket.number))

    async def _again(self, socket: ChipSocket) -> None:
        """Have it opened again, once, whoever finds that `socket` is over; raises ClosedError.

        Cancelled, it is opened nevertheless: the next call needs it.
        """
        if self._reopening is None and socket is self._socket:
            self._reopening = asyncio.create_task(self._reopen())
            self._reopening.add_done_callback(self._reopened)
        if self._reopening is not None:
            await asyncio.shield(self._reopening)

    def _reopened(self, task: asyncio.Task[None]) -> None:
        self._reopening = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CommandError):
            self._socket.end(error)

    async def _reopen(self) -> None:
        """Close and open: a datagram could not be sent (section 5.16), or nothing makes sense."""
        self._senseless = 0
        self._reading = self._lease.chip.profile.header_length
        self._lease.chip.counters["reopened"] += 1
        await self._lease.close()
        if self._closed:
            raise ClosedError("it was closed")
        self._lease.renew()
        try:
            await self.open()
        except CommandError as error:
            raise ClosedError(str(error)) from None

    async def close(self) -> None:
        """Close it."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        self._closed = True
        self._socket.end(ClosedError("it was closed"))
        if self._reopening is not None:
            await asyncio.wait({self._reopening})
        await self._lease.give_back()


async def open_datagrams(lease: Lease, endpoint: Endpoint, local_port: int) -> DatagramSocket:
    """Open UDP or IPRAW; raises CommandError, and the lease is to be given back then."""
    if endpoint.host == _SERVER:
        raise RefusedError(f"to {_SERVER} the chip becomes a server; make the link udp-server")
    socket = DatagramSocket(lease, endpoint, local_port)
    await socket.open()
    return socket


def is_peer(peer: str) -> bool:
    """Whether `peer` is `ip:port` of one machine."""
    ip, _colon, port = peer.rpartition(":")
    try:
        address = IPv4Address(ip)
    except AddressValueError:
        return False
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= len("65535") else 0
    return 0 < number <= _PORT_MAX and str(address) != _SERVER and not address.is_unspecified
