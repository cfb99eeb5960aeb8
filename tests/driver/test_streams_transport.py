"""The transport of a stream: what asyncio's protocols count on."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from chiplink.driver.socket_transport import CLOSE_DEADLINE, LINGER
from chiplink.driver.stream_transport import PIECE, StreamTransport
from chiplink.driver.streams import Streams
from chiplink.exceptions import ClosedError, OutcomeUnknownError
from driver.driver_script import moment
from driver.fake_stack import HOST, WINDOW, FakeStack, Network, Stream
from driver.virtual_clock import VirtualLoop, virtual

ADDRESS = f"{HOST}:80"


class Watcher(asyncio.Protocol):
    """Writes down what a transport tells."""

    keep_open = False

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("end")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", exc))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    @property
    def lost(self) -> list[Exception | None]:
        return [each[1] for each in self.told if isinstance(each, tuple)]


class Opened:
    """A connection of a chip to a service of the test."""

    stack: FakeStack
    transport: StreamTransport
    watcher: Watcher
    far: Stream

    @property
    def told(self) -> list[Any]:
        return self.watcher.told


async def opened(watcher: Watcher | None = None) -> Opened:
    it = Opened()
    network = Network()
    it.stack = FakeStack(network)
    service = network.listen(ADDRESS)
    transport, it.watcher = await Streams(it.stack).create_connection(
        lambda: watcher or Watcher(), HOST, 80
    )
    assert isinstance(transport, StreamTransport)
    it.transport = transport
    it.far = await service.accept()
    return it


@virtual
async def test_both_ways_and_the_end() -> None:
    it = await opened()
    it.transport.write(b"hel")
    it.transport.writelines([b"l", bytearray(b"o")])
    assert await it.far.read_exactly(5) == b"hello"
    await it.far.send(b"bye")
    it.far.finish()
    await moment()
    assert it.told == ["made", b"bye", "end", ("lost", None)]
    assert it.stack.open == []
    assert await it.far.read() == b""


@virtual
async def test_what_it_says_of_itself() -> None:
    it = await opened()
    host, port = it.far.peer.split(":")
    assert it.transport.get_extra_info("peername") == (HOST, 80)
    assert it.transport.get_extra_info("sockname") == ("0.0.0.0", int(port))  # noqa: S104
    assert it.transport.get_extra_info("socket") is None
    assert it.transport.get_extra_info("sslcontext", "none") == "none"
    assert not it.transport.can_write_eof()
    with pytest.raises(NotImplementedError):
        it.transport.write_eof()
    assert it.transport.get_protocol() is it.watcher
    assert it.transport.is_reading()
    assert not it.transport.is_closing()
    assert repr(it.transport) == "<StreamTransport 192.0.2.1:80 open waiting=0>"
    it.transport.abort()
    assert repr(it.transport) == "<StreamTransport 192.0.2.1:80 closed waiting=0>"
    assert host == "10.0.0.2"


@virtual
async def test_closing_sends_what_waits() -> None:
    it = await opened()
    it.transport.write(b"x" * (3 * WINDOW))
    it.transport.close()
    it.transport.close()
    assert it.transport.is_closing()
    assert not it.transport.is_reading()
    await moment()
    assert it.watcher.lost == []
    assert await it.far.read_exactly(3 * WINDOW) == b"x" * (3 * WINDOW)
    assert await it.far.read() == b""
    await moment()
    assert it.watcher.lost == [None]


@virtual
async def test_nothing_is_received_while_it_is_closed() -> None:
    it = await opened()
    it.transport.pause_reading()
    it.transport.write(b"x" * (2 * WINDOW))
    await it.far.send(b"y" * WINDOW)
    it.transport.close()
    await it.far.send(b"z" * (2 * WINDOW))  # fetched and thrown away
    await it.far.read_exactly(2 * WINDOW)
    await moment()
    assert [each for each in it.told if isinstance(each, bytes)] == []
    assert it.watcher.lost == [None]


@virtual
async def test_the_end_while_it_is_closed() -> None:
    it = await opened()
    it.transport.write(b"x" * (2 * WINDOW))
    it.transport.close()
    it.far.finish()
    await moment()
    assert it.watcher.lost == []
    await it.far.read_exactly(2 * WINDOW)
    await moment()
    assert "end" not in it.told
    assert it.watcher.lost == [None]


@virtual
async def test_aborting_loses_what_waits() -> None:
    it = await opened()
    it.transport.write(b"x" * (3 * WINDOW))
    await moment()
    it.transport.abort()
    it.transport.abort()
    it.transport.close()
    await moment()
    assert it.watcher.lost == [None]
    assert it.transport.get_write_buffer_size() == 0
    assert it.stack.open == []


@virtual
async def test_aborting_while_closing() -> None:
    it = await opened()
    it.stack.stall(sending=True)
    it.transport.write(b"x")
    it.transport.close()
    await moment()
    it.transport.abort()
    await moment()
    assert it.watcher.lost == [None]


@virtual
async def test_closing_has_an_end_when_the_chip_takes_nothing() -> None:
    it = await opened()
    it.transport.write(b"x" * (3 * WINDOW))
    it.transport.close()
    await asyncio.sleep(LINGER - 1)
    await it.far.read_exactly(WINDOW)  # progress: the chip is given as long again
    await asyncio.sleep(LINGER - 1)
    assert it.watcher.lost == []
    await asyncio.sleep(LINGER + 2)
    (error,) = it.watcher.lost
    assert isinstance(error, TimeoutError)
    assert "could not be sent" in str(error)


@virtual
async def test_a_socket_that_does_not_close_is_left() -> None:
    it = await opened()
    it.stack.stall(closing=True)
    it.transport.close()
    await asyncio.sleep(CLOSE_DEADLINE - 1)
    assert it.watcher.lost == []
    await asyncio.sleep(2)
    assert it.watcher.lost == [None]


@virtual
async def test_a_lost_chip_ends_it() -> None:
    it = await opened()
    it.stack.lose("the modem restarted")
    await moment()
    (error,) = it.watcher.lost
    assert isinstance(error, ConnectionResetError)
    assert error.strerror == "the modem restarted"
    assert isinstance(error.__cause__, ClosedError)
    it.transport.write(b"into the void")
    it.transport.pause_reading()
    it.transport.resume_reading()
    it.transport.close()
    await moment()
    assert it.told == ["made", ("lost", error)]


@virtual
async def test_a_chip_lost_while_closing_is_no_error_unless_something_waited() -> None:
    idle, busy = await opened(), await opened()
    idle.stack.stall(closing=True)
    idle.transport.close()
    idle.stack.lose()
    busy.transport.write(b"x" * (2 * WINDOW))
    busy.transport.close()
    busy.stack.lose()
    await moment()
    assert idle.watcher.lost == [None]
    (error,) = busy.watcher.lost
    assert isinstance(error, ConnectionResetError)


@virtual
async def test_a_send_that_fails_ends_it() -> None:
    it = await opened()
    it.stack.send_errors.append(OutcomeUnknownError("SEND FAIL"))
    it.transport.write(b"x")
    await moment()
    (error,) = it.watcher.lost
    assert isinstance(error, ConnectionResetError)
    assert error.strerror == "SEND FAIL"


@virtual
async def test_writing_is_paused_and_resumed() -> None:
    it = await opened()
    it.transport.set_write_buffer_limits(high=1000, low=100)
    assert it.transport.get_write_buffer_limits() == (100, 1000)
    it.stack.stall(sending=True)
    it.transport.write(b"x" * 1000)
    assert it.told == ["made"]
    it.transport.write(b"x")
    it.transport.write(b"x")
    assert it.told == ["made", "pause"]
    assert it.transport.get_write_buffer_size() == 1002
    it.stack.stall()
    await it.far.read_exactly(1002)
    await moment()
    assert it.told == ["made", "pause", "resume"]
    it.transport.abort()


@virtual
async def test_limits() -> None:
    it = await opened()
    assert it.transport.get_write_buffer_limits() == (8192, 16384)
    it.transport.set_write_buffer_limits(low=500)
    assert it.transport.get_write_buffer_limits() == (500, 2000)
    it.transport.set_write_buffer_limits(high=400)
    assert it.transport.get_write_buffer_limits() == (100, 400)
    with pytest.raises(ValueError, match="must be >= low"):
        it.transport.set_write_buffer_limits(high=1, low=2)
    it.stack.stall(sending=True)
    it.transport.write(b"x" * 400)
    assert "pause" not in it.told
    it.transport.set_write_buffer_limits(high=0)
    assert "pause" in it.told
    it.transport.abort()


@virtual
async def test_what_resumes_may_write_at_once() -> None:
    class Pump(Watcher):
        def resume_writing(self) -> None:
            super().resume_writing()
            if self.told.count("resume") < 3:
                self.transport.write(b"x" * 20_000)

    it = await opened(Pump())
    it.transport.write(b"x" * 20_000)
    await it.far.read_exactly(60_000)
    await moment()
    assert it.told.count("resume") == 3
    it.transport.abort()


@virtual
async def test_writes_are_handed_over_in_pieces_without_waiting_for_receipts() -> None:
    it = await opened()
    (socket,) = it.stack.sockets
    it.transport.write(b"x" * (PIECE + 1))
    await it.far.read_exactly(PIECE + 1)
    await moment()
    assert [len(piece) for piece in socket.sent] == [PIECE, 1]
    assert socket.confirms == [False, False]
    it.transport.abort()


@virtual
async def test_who_drains_fills_whole_windows() -> None:
    it = await opened()
    (socket,) = it.stack.sockets
    socket.window = 1000
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    it.transport.set_protocol(protocol)
    protocol.connection_made(it.transport)
    writer = asyncio.StreamWriter(it.transport, protocol, None, asyncio.get_running_loop())

    async def pour() -> None:
        for _ in range(20):
            writer.write(b"x" * 3300)
            await writer.drain()

    pouring = asyncio.ensure_future(pour())
    await it.far.read_exactly(20 * 3300)
    await pouring
    await moment()
    assert [len(piece) for piece in socket.sent] == [5000] * 13 + [1000]
    it.transport.abort()


@virtual
async def test_a_pause_closes_the_window() -> None:
    it = await opened()
    it.transport.pause_reading()
    it.transport.pause_reading()
    assert not it.transport.is_reading()
    sending = asyncio.ensure_future(it.far.send(b"x" * (10 * WINDOW)))
    await asyncio.sleep(60)
    assert not sending.done()
    assert it.told == ["made"]
    it.transport.resume_reading()
    it.transport.resume_reading()
    await sending
    await moment()
    assert b"".join(it.told[1:]) == b"x" * (10 * WINDOW)
    it.transport.abort()


@virtual
async def test_a_pause_in_the_middle() -> None:
    class Sip(Watcher):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    it = await opened(Sip())
    await it.far.send(b"x" * 2000)
    it.far.finish()
    await moment()
    assert it.told == ["made", b"x" * 1460]
    it.transport.resume_reading()
    await moment()
    assert it.told == ["made", b"x" * 1460, b"x" * 540]
    it.transport.resume_reading()
    await moment()
    assert it.told[3:] == ["end", ("lost", None)]


@virtual
async def test_a_paused_and_dead_connection_is_heard_of() -> None:
    it = await opened()
    await moment()
    it.transport.pause_reading()  # it asks already
    it.stack.lose()
    await moment()
    (error,) = it.watcher.lost
    assert isinstance(error, ConnectionResetError)


@virtual
async def test_the_other_side_may_end_first() -> None:
    class Patient(Watcher):
        keep_open = True

    it = await opened(Patient())
    it.far.finish()
    await moment()
    assert it.told == ["made", "end"]
    it.transport.write(b"still here")
    assert await it.far.read() == b"still here"
    it.transport.pause_reading()
    it.transport.resume_reading()
    await moment()
    assert it.told == ["made", "end"]
    it.transport.close()
    await moment()
    assert it.watcher.lost == [None]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no eager tasks")
@virtual
async def test_nothing_is_told_within_a_call_even_by_eager_tasks() -> None:
    class Greedy(Watcher):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()
            self.transport.resume_reading()

    it = await opened(Greedy())
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
    it.transport.pause_reading()
    await moment()
    await it.far.send(b"x" * 3000)
    it.transport.resume_reading()
    assert it.told == ["made"]
    await moment()
    assert it.told == ["made", b"x" * 1460, b"x" * 1460, b"x" * 80]
    it.transport.write(b"y")
    it.transport.abort()
    assert it.watcher.lost == []
    await moment()
    assert it.watcher.lost == [None]


@virtual
async def test_what_is_written_must_be_bytes() -> None:
    it = await opened()
    with pytest.raises(TypeError, match="not str"):
        it.transport.write("text")  # type: ignore[arg-type]
    it.transport.write(b"")
    it.transport.write(memoryview(b"abc")[1:])
    assert await it.far.read() == b"bc"
    it.transport.abort()


@virtual
async def test_writing_after_the_end_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    it = await opened()
    it.transport.abort()
    for _ in range(10):
        it.transport.write(b"x")
    assert caplog.text.count("is lost") == 1


@virtual
async def test_a_buffered_protocol() -> None:
    class Small(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(5)
            self.got = b""

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.got += self.buffer[:nbytes]

        def eof_received(self) -> None:
            self.got += b"."

    it = await opened()
    small = Small()
    it.transport.set_protocol(small)
    await it.far.send(b"twelve bytes")
    it.far.finish()
    await moment()
    assert small.got == b"twelve bytes."


def complaints() -> list[dict[str, Any]]:
    """The exceptions that nobody took, which are expected here."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    taken, loop.complaints = loop.complaints, []
    return taken


class BadError(Exception):
    """What a protocol should not raise."""


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
@virtual
async def test_a_protocol_that_fails_loses_its_connection(method: str) -> None:
    it = await opened()
    setattr(it.watcher, method, _fail)
    await it.far.send(b"x")
    it.far.finish()
    await moment()
    (error,) = it.watcher.lost
    assert isinstance(error, BadError)
    (complaint,) = complaints()
    assert complaint["exception"] is error
    assert complaint["transport"] is it.transport


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing", "connection_lost"])
@virtual
async def test_a_protocol_that_fails_elsewhere_is_reported(method: str) -> None:
    it = await opened()
    setattr(it.watcher, method, _fail)
    it.transport.write(b"x" * 20_000)
    assert await it.far.read_exactly(20_000)
    it.transport.abort()
    await moment()
    (complaint,) = complaints()
    assert f"{method}() " in complaint["message"]
    assert it.stack.open == []


@virtual
async def test_a_driver_that_fails_to_close_is_reported() -> None:
    it = await opened()
    (socket,) = it.stack.sockets
    socket.close = _fail  # type: ignore[assignment, method-assign]
    it.transport.close()
    await moment()
    assert it.watcher.lost == [None]
    (complaint,) = complaints()
    assert complaint["message"] == "the socket could not be closed"


@virtual
async def test_a_buffered_protocol_without_a_buffer() -> None:
    class Roomless(asyncio.BufferedProtocol):
        def get_buffer(self, sizehint: int) -> bytearray:
            return bytearray()

        def buffer_updated(self, nbytes: int) -> None:
            raise AssertionError

    it = await opened()
    it.transport.set_protocol(Roomless())
    await it.far.send(b"x")
    await moment()
    (complaint,) = complaints()
    assert "empty buffer" in str(complaint["exception"])


def _fail(*_arguments: object) -> None:
    raise BadError
