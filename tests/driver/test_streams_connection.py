"""Opening connections: what programs written for asyncio's streams see."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from chiplink.driver.sockets import Endpoint, KeepAlive, Kind
from chiplink.driver.streams import TIMEOUT, Streams
from chiplink.exceptions import BusyError, ClosedError, DeadlineError
from driver.driver_script import moment
from driver.fake_stack import HOST, WINDOW, FakeStack, Network, Service, Stream
from driver.virtual_clock import virtual

PAGE = b"<h1>It works</h1>" * 700
"""Longer than a window."""


def world() -> tuple[Network, FakeStack, Streams]:
    network = Network()
    stack = FakeStack(network)
    return network, stack, Streams(stack)


async def read_request(far: Stream) -> bytes:
    """Read a request's head."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += await far.read()
    return data


async def serve_page(service: Service) -> bytes:
    """Answer one request and close; returns its head."""
    far = await service.accept()
    head = await read_request(far)
    await far.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE))
    await far.send(PAGE)
    far.finish()
    return head


@virtual
async def test_a_page_over_http() -> None:
    network, stack, streams = world()
    served = asyncio.ensure_future(serve_page(network.listen(f"{HOST}:80")))
    reader, writer = await streams.open_connection(HOST, 80)
    writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    await writer.drain()
    status = await reader.readline()
    length = await reader.readline()
    assert await reader.readline() == b"\r\n"
    body = await reader.readexactly(int(length.split(b":")[1]))
    assert (status, body) == (b"HTTP/1.1 200 OK\r\n", PAGE)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert stack.open == []
    assert await served == b"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"


@virtual
async def test_who_drains_is_held_back() -> None:
    network, _stack, streams = world()
    service = network.listen(f"{HOST}:80")
    _reader, writer = await streams.open_connection(HOST, 80)
    far = await service.accept()

    async def pour() -> None:
        for _ in range(100):
            writer.write(b"x" * 1000)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    pouring = asyncio.ensure_future(pour())
    await asyncio.sleep(10)
    assert not pouring.done()
    assert len(far.arrived) == WINDOW
    assert writer.transport.get_write_buffer_size() < 20_000
    assert await far.read_exactly(100_000) == b"x" * 100_000
    await pouring


@virtual
async def test_who_does_not_read_holds_back() -> None:
    network, _stack, streams = world()
    service = network.listen(f"{HOST}:80")
    reader, writer = await streams.open_connection(HOST, 80, limit=1000)
    far = await service.accept()
    sending = asyncio.ensure_future(far.send(b"y" * 100_000))
    await asyncio.sleep(10)
    assert not sending.done()
    assert await reader.readexactly(100_000) == b"y" * 100_000
    await sending
    writer.close()
    await writer.wait_closed()


@virtual
async def test_a_lost_chip_is_a_reset_connection() -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")
    reader, writer = await streams.open_connection(HOST, 80)
    reading = asyncio.ensure_future(reader.read())
    await moment()
    stack.lose("the port was lost")
    with pytest.raises(ConnectionResetError, match="the port was lost"):
        await reading
    writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await writer.drain()
    with pytest.raises(ConnectionResetError):
        await writer.wait_closed()


@virtual
async def test_what_is_asked_of_the_stack() -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")
    keep_alive = KeepAlive(60, 10, 3)
    transport, _ = await streams.create_connection(
        asyncio.Protocol, HOST, 80, local_port=4000, keep_alive=keep_alive, ttl=9
    )
    assert stack.endpoints == [
        Endpoint(
            kind=Kind.TCP_CLIENT,
            host=HOST,
            port=80,
            local_port=4000,
            keep_alive=keep_alive,
            ttl=9,
        )
    ]
    assert transport.get_extra_info("sockname")[1] == 4000
    transport.close()


@virtual
async def test_nobody_listens() -> None:
    _network, _stack, streams = world()
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        await streams.open_connection(HOST, 80)


@virtual
async def test_the_stack_says_no() -> None:
    _network, stack, streams = world()
    stack.errors.append(BusyError("all four sockets are in use"))
    with pytest.raises(OSError, match="all four sockets are in use") as failed:
        await streams.open_connection(HOST, 80)
    assert failed.value.errno == errno.ENOBUFS
    stack.errors.append(DeadlineError("no answer to SYN"))
    with pytest.raises(TimeoutError, match="no answer to SYN"):
        await streams.open_connection(HOST, 80)


@virtual
async def test_a_network_that_is_late() -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")
    stack.lose("no SIM card")
    opening = asyncio.ensure_future(streams.open_connection(HOST, 80))
    await asyncio.sleep(TIMEOUT - 1)
    stack.restore()
    _reader, writer = await opening
    writer.close()
    await writer.wait_closed()


@virtual
async def test_a_network_that_does_not_come() -> None:
    _network, stack, streams = world()
    stack.lose("no SIM card")
    with pytest.raises(TimeoutError, match="not within 5 s: no SIM card") as failed:
        await streams.open_connection(HOST, 80, timeout=5)
    assert failed.value.errno == errno.ETIMEDOUT
    waiting = asyncio.ensure_future(streams.open_connection(HOST, 80, timeout=None))
    await asyncio.sleep(10 * TIMEOUT)
    assert not waiting.done()
    waiting.cancel()


@virtual
async def test_a_chip_that_takes_too_long() -> None:
    _network, stack, streams = world()
    stack.stall(opening=True)
    with pytest.raises(TimeoutError, match="not within 120 s: no answer"):
        await streams.open_connection(HOST, 80)


@virtual
async def test_a_protocol_that_fails_at_once_leaves_nothing_open() -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")

    class BadError(Exception):
        pass

    class Bad(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raise BadError

    def fail() -> asyncio.Protocol:
        raise BadError

    def give_up() -> asyncio.Protocol:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await streams.create_connection(give_up, HOST, 80)
    for factory in (Bad, fail):
        with pytest.raises(BadError):
            await streams.create_connection(factory, HOST, 80)
        await moment()
        assert stack.open == []


@virtual
async def test_names_are_resolved_here(monkeypatch: pytest.MonkeyPatch) -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")
    asked = answer_names(monkeypatch, {"printer.example": HOST})
    _reader, writer = await streams.open_connection("printer.example", 80)
    assert stack.endpoints[0].host == HOST
    assert asked == ["printer.example"]
    writer.close()
    await writer.wait_closed()
    with pytest.raises(socket.gaierror, match=r"nobody\.example"):
        await streams.open_connection("nobody.example", 80)


def answer_names(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> list[str]:
    """Let the loop know these names and no others; returns what it is asked."""
    asked = []

    async def answer(host: str, *_a: object, **_k: object) -> list[Any]:
        asked.append(host)
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[host], 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
    return asked


@virtual
async def test_cancelled_while_opening() -> None:
    network, stack, streams = world()
    network.listen(f"{HOST}:80")
    stack.stall(opening=True)
    opening = asyncio.ensure_future(streams.open_connection(HOST, 80))
    await moment()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    stack.stall()
    await moment()
    assert stack.open == []


@virtual
async def test_many_tasks_read_and_write_until_the_chip_is_lost() -> None:
    network, stack, streams = world()
    service = network.listen(f"{HOST}:80")
    lost = []

    async def talk(size: int) -> None:
        reader, writer = await streams.open_connection(HOST, 80)
        try:
            while True:
                writer.write(b"x" * size)
                await writer.drain()
                await reader.readexactly(size)
        except OSError as error:
            lost.append(error)

    async def echo() -> None:
        far = await service.accept()
        while data := await far.read():
            await far.send(data)
            await asyncio.sleep(0.01)

    echoes = [asyncio.ensure_future(echo()) for _ in range(5)]
    talks = [asyncio.ensure_future(talk(size)) for size in (1, 10, 1000, 5000, 30_000)]
    await asyncio.sleep(5)
    stack.lose("unplugged")
    await asyncio.gather(*talks)
    assert [str(error) for error in lost] == ["[Errno 104] unplugged"] * 5
    assert all(isinstance(error.__cause__, ClosedError) for error in lost)
    for each in echoes:
        each.cancel()  # nobody tells the other side
