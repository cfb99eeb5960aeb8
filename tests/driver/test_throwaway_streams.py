"""The same programs over a stack in memory and over AT modems, whichever way they work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from driver.driver_script import moment
from driver.fake_stack import HOST
from driver.throwaway_modem_worlds import WORLDS
from driver.virtual_clock import virtual

ADDRESS = f"{HOST}:80"
BULK = bytes(range(256)) * 80
"""More than a window, and every byte."""


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Any:
    return WORLDS[request.param]


@virtual
async def test_much_both_ways_at_once(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        reader, writer = await it.streams.open_connection(HOST, 80)
        far = await service.accept()
        back = asyncio.ensure_future(far.send(BULK[::-1]))
        there = asyncio.ensure_future(far.read_exactly(len(BULK)))
        for begin in range(0, len(BULK), 3000):
            writer.write(BULK[begin : begin + 3000])
            await writer.drain()
        assert await reader.readexactly(len(BULK)) == BULK[::-1]
        assert await there == BULK
        await back
        writer.close()
        await writer.wait_closed()
        assert await far.read() == b""


@virtual
async def test_the_other_side_ends(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        reader, writer = await it.streams.open_connection(HOST, 80)
        far = await service.accept()
        await far.send(b"x" * 3000)
        far.finish()
        assert await reader.read() == b"x" * 3000
        writer.close()
        await writer.wait_closed()


@virtual
async def test_closing_sends_what_waits(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        _reader, writer = await it.streams.open_connection(HOST, 80)
        writer.write(BULK)
        writer.close()
        far = await service.accept()
        assert await far.read_exactly(len(BULK)) == BULK
        await writer.wait_closed()
        assert await far.read() == b""


@virtual
async def test_one_after_the_other_on_one_socket(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        for number in range(8):
            reader, writer = await it.streams.open_connection(HOST, 80)
            far = await service.accept()
            writer.write(b"%d" % number)
            assert await far.read() == b"%d" % number
            await far.send(b"answer %d" % number)
            assert await reader.readexactly(8) == b"answer %d" % number
            writer.close()
            await writer.wait_closed()


@virtual
async def test_the_other_side_resets_while_much_is_sent(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        reader, writer = await it.streams.open_connection(HOST, 80)
        far = await service.accept()
        writer.write(BULK)
        await moment()
        far.reset()
        await asyncio.sleep(1)
        writer.write(BULK)
        with pytest.raises(ConnectionResetError):
            await writer.drain()
        with pytest.raises(ConnectionResetError):
            await writer.wait_closed()
        assert reader.at_eof() or reader.exception()


@virtual
async def test_the_chip_is_lost(world: Any) -> None:
    async with world() as it:
        it.network.listen(ADDRESS)
        reader, writer = await it.streams.open_connection(HOST, 80)
        reading = asyncio.ensure_future(reader.read())
        writer.write(BULK)
        await moment()
        it.lose()
        with pytest.raises(ConnectionResetError):
            await reading
        with pytest.raises(ConnectionResetError):
            await writer.wait_closed()


@virtual
async def test_nobody_listens(world: Any) -> None:
    async with world() as it:
        with pytest.raises(ConnectionRefusedError):
            await it.streams.open_connection(HOST, 80)
        it.network.listen(ADDRESS)
        _reader, writer = await it.streams.open_connection(HOST, 80)
        writer.transport.abort()
        await moment()


@virtual
async def test_datagrams(world: Any) -> None:
    got: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            got.put_nowait((data, addr))

    async with world() as it:
        far = it.network.mailbox(f"{HOST}:123")
        transport, _ = await it.streams.create_datagram_endpoint(
            Receiver, remote_addr=(HOST, 123), local_port=1123
        )
        for data in (b"one", b"two\r\n0, CLOSED\r\n", b"\x1a\x1b\x03> "):
            transport.sendto(data)
            assert (await far.get())[0] == data
            far.post(data[::-1], f"{it.ip}:1123")
            assert await got.get() == (data[::-1], (HOST, 123))
        transport.close()
        await moment()


@virtual
async def test_a_server(world: Any) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async with world() as it, await it.streams.start_server(shout, 8080) as server:
        for port in (1, 2, 3):
            far = it.network.call(f"{HOST}:{port}", f"{it.ip}:8080")
            await far.send(b"hello\n" * 500)
            assert await far.read_exactly(3000) == b"HELLO\n" * 500
            far.finish()
            assert await far.read() == b""
            await moment()
        server.close()
        await server.wait_closed()
        assert it.network.services == {}


@virtual
async def test_a_silent_reader_leaves_no_task(world: Any) -> None:
    async with world() as it:
        service = it.network.listen(ADDRESS)
        transport, _ = await it.streams.create_connection(asyncio.Protocol, HOST, 80)
        far = await service.accept()
        transport.pause_reading()
        await far.send(b"x" * 2000)
        await asyncio.sleep(10)
        it.lose()
        await asyncio.sleep(10)
        transport.abort()
        await moment()
