"""UDP as asyncio's datagram protocols know it."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from chiplink.driver.datagram_transport import MAX_WAITING, DatagramTransport
from chiplink.driver.sockets import Endpoint, Kind
from chiplink.driver.streams import Streams
from chiplink.exceptions import ChipError, ClosedError, OutcomeUnknownError
from driver.driver_script import moment
from driver.fake_stack import CHIP, HOST, FakeStack, Network
from driver.virtual_clock import VirtualLoop, virtual

TIME_SERVER = (HOST, 123)


class Watcher(asyncio.DatagramProtocol):
    """Writes down what a transport tells."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.errors: list[Exception] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.told.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Opened:
    """A UDP socket of a chip."""

    def __init__(self) -> None:
        self.network = Network()
        self.stack = FakeStack(self.network)
        self.far = self.network.mailbox(f"{HOST}:123")

    async def open(self, **options: Any) -> Opened:
        transport, self.watcher = await Streams(self.stack).create_datagram_endpoint(
            Watcher, **options
        )
        assert isinstance(transport, DatagramTransport)
        self.transport = transport
        return self

    @property
    def told(self) -> list[Any]:
        return self.watcher.told


@virtual
async def test_to_one_peer() -> None:
    it = await Opened().open(remote_addr=TIME_SERVER, local_port=1123, ttl=2)
    assert it.stack.endpoints == [
        Endpoint(kind=Kind.UDP, host=HOST, port=123, local_port=1123, ttl=2)
    ]
    it.transport.sendto(b"what time is it?")
    it.transport.sendto(b"hello?", TIME_SERVER)
    assert await it.far.get() == (b"what time is it?", f"{CHIP}:1123")
    assert await it.far.get() == (b"hello?", f"{CHIP}:1123")
    it.far.post(b"noon", f"{CHIP}:1123")
    await moment()
    assert it.told == ["made", (b"noon", TIME_SERVER)]
    assert it.transport.get_extra_info("peername") == TIME_SERVER
    with pytest.raises(ValueError, match="must be None or"):
        it.transport.sendto(b"x", ("192.0.2.9", 1))
    it.transport.close()
    await moment()
    assert it.told[-1] is None
    assert it.stack.open == []


@virtual
async def test_to_anybody() -> None:
    it = await Opened().open(local_port=5353)
    assert it.stack.endpoints[0].kind is Kind.UDP_SERVER
    it.far.post(b"who is there?", f"{CHIP}:5353")
    it.far.post(b"", f"{CHIP}:5353")
    await moment()
    assert it.told == ["made", (b"who is there?", TIME_SERVER), (b"", TIME_SERVER)]
    it.transport.sendto(b"me", TIME_SERVER)
    assert await it.far.get() == (b"me", f"{CHIP}:5353")
    assert it.transport.get_extra_info("peername") is None
    with pytest.raises(ValueError, match="an address is needed"):
        it.transport.sendto(b"x")
    for wrong in ("name", ("192.0.2.1",), (1, 2)):
        with pytest.raises(ValueError, match="a pair of host and port"):
            it.transport.sendto(b"x", wrong)
    with pytest.raises(TypeError, match="not str"):
        it.transport.sendto("x", TIME_SERVER)  # type: ignore[arg-type]
    it.transport.abort()


@virtual
async def test_what_does_not_fit_is_told_at_once() -> None:
    it = await Opened().open(remote_addr=TIME_SERVER)
    it.transport.sendto(b"x" * 1473)
    (error,) = it.watcher.errors
    assert isinstance(error, OSError)
    assert error.errno == errno.EMSGSIZE
    assert "at most 1472" in str(error)
    it.transport.abort()


@virtual
async def test_the_newest_is_refused_when_too_many_wait() -> None:
    it = await Opened().open(remote_addr=TIME_SERVER)
    it.stack.stall(sending=True)
    for number in range(70):
        it.transport.sendto(bytes([number]) * 1016)
    assert it.transport.get_write_buffer_size() == MAX_WAITING == 64 * 1024
    assert it.transport.refused == 6
    assert [error.errno for error in it.watcher.errors if isinstance(error, OSError)] == [
        errno.ENOBUFS
    ] * 6
    assert it.told == ["made", "pause"]
    it.stack.stall()
    got = [(await it.far.get())[0][0] for _ in range(64)]
    assert got == list(range(64))
    await moment()
    assert it.told == ["made", "pause", "resume"]
    it.transport.abort()


@virtual
async def test_a_datagram_that_failed_does_not_end_the_socket() -> None:
    it = await Opened().open(remote_addr=TIME_SERVER)
    it.stack.send_errors.extend([ChipError("SEND FAIL"), OutcomeUnknownError("no answer")])
    for data in (b"1", b"2", b"3"):
        it.transport.sendto(data)
    await moment()
    assert [str(error) for error in it.watcher.errors] == [
        "[Errno 5] SEND FAIL",
        "[Errno 104] no answer",
    ]
    assert it.told == ["made"]
    it.transport.sendto(b"4")
    await moment()
    assert len(it.far.arrived) == 4
    it.transport.abort()


@virtual
async def test_closing_sends_what_waits() -> None:
    it = await Opened().open(remote_addr=TIME_SERVER)
    it.stack.stall(sending=True)
    it.transport.sendto(b"last")
    it.transport.sendto(b"")
    it.transport.close()
    it.transport.sendto(b"too late")
    it.far.post(b"nobody listens", it.stack.address)
    await moment()
    assert it.told == ["made"]
    it.stack.stall()
    await moment()
    assert it.told == ["made", None]
    assert [data for data, _ in it.far.arrived] == [b"last", b""]


@virtual
async def test_a_lost_chip_ends_it() -> None:
    waiting, sending = await Opened().open(local_port=1), await Opened().open(local_port=2)
    sending.stack.stall(sending=True)
    sending.transport.sendto(b"x", TIME_SERVER)
    for each in (waiting, sending):
        each.stack.lose("unplugged")
        await moment()
        (_made, error) = each.told
        assert isinstance(error, ConnectionResetError)
        assert isinstance(error.__cause__, ClosedError)
        assert each.watcher.errors == []
        each.transport.sendto(b"x", TIME_SERVER)
        each.transport.close()


@virtual
async def test_a_protocol_that_fails_is_reported_and_the_socket_lives() -> None:
    it = await Opened().open(local_port=1)
    it.watcher.datagram_received = _fail  # type: ignore[assignment, method-assign]
    it.watcher.error_received = _fail  # type: ignore[assignment, method-assign]
    it.far.post(b"x", f"{CHIP}:1")
    it.transport.sendto(b"x" * 2000, TIME_SERVER)
    await moment()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    assert {each["message"] for each in loop.complaints} == {
        "protocol.datagram_received() failed",
        "protocol.error_received() failed",
    }
    loop.complaints.clear()
    it.transport.sendto(b"well", TIME_SERVER)
    assert (await it.far.get())[0] == b"well"
    it.transport.abort()


@virtual
async def test_a_socket_that_cannot_be_opened() -> None:
    it = Opened()
    it.stack.free = 0
    with pytest.raises(OSError, match="no socket is free"):
        await it.open(local_port=1)


@virtual
async def test_a_protocol_that_fails_at_once_leaves_nothing_open() -> None:
    class BadError(Exception):
        pass

    class Bad(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raise BadError

    it = Opened()
    with pytest.raises(BadError):
        await Streams(it.stack).create_datagram_endpoint(Bad, local_port=1)
    await moment()
    assert it.stack.open == []


def _fail(*_arguments: object) -> None:
    raise RuntimeError
