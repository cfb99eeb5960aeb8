"""Datagrams over the chip by asyncio's own protocol, to sockets of this machine and back."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from e2e_chips import NEIGHBOUR, ready_chip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chiplink.chips import Ch392Chip

DEADLINE = 20
PORT = 5140


class Mailbox(asyncio.DatagramProtocol):
    """Keeps what comes and what goes wrong."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.errors: list[Exception] = []
        self.ended = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended.set()

    async def get(self) -> tuple[bytes, tuple[str, int]]:
        async with asyncio.timeout(DEADLINE):
            return await self.came.get()


@asynccontextmanager
async def neighbour() -> AsyncIterator[tuple[asyncio.DatagramTransport, Mailbox, int]]:
    """A UDP socket of this machine and its port."""
    transport, box = await asyncio.get_running_loop().create_datagram_endpoint(
        Mailbox, local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport, box, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await box.ended.wait()


async def asks(chip: Ch392Chip, port: int) -> tuple[asyncio.DatagramTransport, Mailbox]:
    return await chip.create_datagram_endpoint(Mailbox, remote_addr=(NEIGHBOUR, port))


@pytest.mark.parametrize("sockets", [1, 4])
async def test_one_peer(tmp_path: Path, sockets: int) -> None:
    """Borders are kept: a byte, the longest, each by itself; what is too long is refused."""
    async with (
        neighbour() as (there, far, port),
        ready_chip(tmp_path, sockets=sockets) as (_lan, chip),
    ):
        transport, near = await asks(chip, port)
        longest = 1472 if sockets == 1 else 536
        for size in (1, 2, 500, longest):
            data = bytes(number % 251 for number in range(size))
            transport.sendto(data)
            got, (host, source) = await far.get()
            assert (got, host) == (data, "127.0.0.1")
            there.sendto(data[: longest - 8][::-1], (host, source))
            assert await near.get() == (data[: longest - 8][::-1], (NEIGHBOUR, port))
        transport.sendto(bytes(longest + 1))
        assert [error.errno for error in near.errors if isinstance(error, OSError)] == [
            errno.EMSGSIZE
        ]
        transport.close()
        async with asyncio.timeout(DEADLINE):
            await near.ended.wait()


async def test_empty_datagrams(tmp_path: Path) -> None:
    """One that comes is one. The chip cannot send any: the program hears so, and goes on."""
    with socket.socket(type=socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.setblocking(False)
        port = there.getsockname()[1]
        async with ready_chip(tmp_path) as (_lan, chip), asyncio.timeout(DEADLINE):
            transport, near = await asks(chip, port)
            transport.sendto(b"")
            transport.sendto(b"a word")
            loop = asyncio.get_running_loop()
            got, sender = await loop.sock_recvfrom(there, 100)
            assert got == b"a word"
            assert [type(error) for error in near.errors] == [OSError]
            there.sendto(b"", sender)
            there.sendto(b"another", sender)
            assert await near.get() == (b"", (NEIGHBOUR, port))
            assert await near.get() == (b"another", (NEIGHBOUR, port))


async def test_many_peers(tmp_path: Path) -> None:
    async with (
        neighbour() as (one, first, first_port),
        neighbour() as (other, second, second_port),
        ready_chip(tmp_path, ports=(PORT,)) as (lan, chip),
    ):
        transport, near = await chip.create_datagram_endpoint(Mailbox, local_port=PORT)
        here = ("127.0.0.1", lan.port(PORT, "udp"))
        for number in range(10):
            one.sendto(b"one %d" % number, here)
            data, sender = await near.get()
            assert (data, sender) == (b"one %d" % number, (NEIGHBOUR, first_port))
            other.sendto(b"other %d" % number, here)
            data, sender = await near.get()
            assert (data, sender) == (b"other %d" % number, (NEIGHBOUR, second_port))
            transport.sendto(b"for one %d" % number, (NEIGHBOUR, first_port))
            transport.sendto(b"for other %d" % number, (NEIGHBOUR, second_port))
            assert (await first.get())[0] == b"for one %d" % number
            assert (await second.get())[0] == b"for other %d" % number
        assert near.errors == []


async def test_the_cable_is_pulled_out(tmp_path: Path) -> None:
    """The socket ends with the network; another one is there when it is back."""
    async with (
        neighbour() as (_there, far, port),
        ready_chip(tmp_path) as (lan, chip),
    ):
        transport, near = await asks(chip, port)
        transport.sendto(b"before")
        assert (await far.get())[0] == b"before"
        lan.sim.unplug_cable()
        async with asyncio.timeout(DEADLINE):
            await near.ended.wait()
        lan.sim.plug_cable()
        transport, _box = await asks(chip, port)
        transport.sendto(b"after")
        assert (await far.get())[0] == b"after"
