"""UDP over the machine's sockets, with what the machine hears by ICMP."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from .ether_delay import OrderedDelay

if TYPE_CHECKING:
    from .ether import Ether

LARGEST = 65536
REMEMBERED = 64  # peers that were written to
AT_ONCE = 64  # datagrams before others have their turn
IP_RECVERR = 11  # linux/in.h; the socket module has no name for it before 3.14
EXTENDED_ERROR = struct.Struct("=IBBBBII")  # errno, origin, type, code, pad, info, data
ORIGIN_ICMP = 2
DESTINATION_UNREACHABLE = 3


class UdpUser(Protocol):
    """Who has a UDP port."""

    def datagram(self, data: bytes, ip: bytes, port: int) -> None:
        """Take a datagram from there."""

    def unreachable(self, code: int, ip: bytes, port: int) -> None:
        """A datagram to there was refused, by this code of ICMP."""

    def missed(self, count: int) -> None:
        """A datagram of so many bytes came while the wire was down."""


class UdpPort:
    """A bound port."""

    def __init__(self, ether: Ether, port: int, user: UdpUser) -> None:
        self._loop = asyncio.get_running_loop()
        self._ether = ether
        self._user = user
        self._out = OrderedDelay(ether.one_way)
        self._in = OrderedDelay(ether.one_way)
        # Whom the chip has written to answers from the address that it was written to at.
        self._written: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._sock = socket.socket(type=socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        try:
            self._sock.bind((ether.bind_address, port))
            self._sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        except OSError:
            self._sock.close()
            raise
        self._loop.add_reader(self._sock, self._on_readable)

    def send(self, data: bytes, ip: bytes, port: int) -> None:
        """Send a datagram; nobody says whether it arrives."""
        address = (self._ether.real(ip), port)
        self._written[address] = ip
        self._written.move_to_end(address)
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)
        self._out.push(lambda: self._send(data, address))

    def close(self) -> None:
        """Give the port back."""
        self._out.run_all()
        self._in.clear()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        # The first call may only report that an earlier datagram was refused.
        for _ in range(2):
            try:
                self._sock.sendto(data, address)
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            return

    def _on_readable(self) -> None:
        self._read_error()
        for _ in range(AT_ONCE):
            try:
                data, (ip, port) = self._sock.recvfrom(LARGEST)
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            if self._ether.up:
                self._arrive(data, self._seen(ip, port), port)
            else:
                self._user.missed(len(data))

    def _arrive(self, data: bytes, ip: bytes, port: int) -> None:
        self._in.push(lambda: self._user.datagram(data, ip, port))

    def _seen(self, real: str, port: int) -> bytes:
        return self._written.get((real, port)) or self._ether.seen(real)

    def _read_error(self) -> None:
        try:
            _, controls, _, address = self._sock.recvmsg(LARGEST, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in controls:
            if (level, kind) != (socket.IPPROTO_IP, IP_RECVERR):
                continue
            _, origin, icmp, code, *_ = EXTENDED_ERROR.unpack_from(data)
            if (origin, icmp) == (ORIGIN_ICMP, DESTINATION_UNREACHABLE) and self._ether.up:
                self._refuse(code, self._seen(*address), address[1])

    def _refuse(self, code: int, ip: bytes, port: int) -> None:
        self._in.push(lambda: self._user.unreachable(code, ip, port))
