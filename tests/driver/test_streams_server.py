"""A server on a chip: connections, the loss of the chip, the end."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network
from typing import Any

import pytest

from chiplink.driver.sockets import Endpoint, KeepAlive, Kind
from chiplink.driver.stream_server import FIRST_DELAY, MAX_DELAY, StreamServer
from chiplink.driver.streams import Streams
from chiplink.exceptions import BusyError, ChipError
from driver.driver_script import moment
from driver.fake_stack import CHIP, HOST, FakeListener, FakeStack, Network
from driver.virtual_clock import VirtualLoop, virtual

ADDRESS = f"{CHIP}:8080"
CALLER = f"{HOST}:5000"


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line in capitals."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Opened:
    """A server of a chip that shouts."""

    def __init__(self) -> None:
        self.network = Network()
        self.stack = FakeStack(self.network)

    async def open(self, **options: Any) -> Opened:
        self.server = await Streams(self.stack).start_server(shout, 8080, **options)
        return self

    async def ask(self, line: bytes, caller: str = CALLER) -> bytes:
        far = self.network.call(caller, ADDRESS)
        await far.send(line)
        answer = await far.read_exactly(len(line))
        far.finish()
        await far.read()
        await moment()
        return answer

    async def end(self) -> None:
        self.server.close()
        await self.server.wait_closed()


@virtual
async def test_a_line_and_its_answer() -> None:
    it = await Opened().open(keep_alive=KeepAlive(1, 2, 3))
    assert await it.ask(b"hello\n") == b"HELLO\n"
    assert await it.ask(b"again\n") == b"AGAIN\n"
    assert it.stack.endpoints == [
        Endpoint(kind=Kind.TCP_SERVER, local_port=8080, keep_alive=KeepAlive(1, 2, 3))
    ]
    assert it.server.sockets[0].getsockname() == ("0.0.0.0", 8080)  # noqa: S104
    assert it.server.get_loop() is asyncio.get_running_loop()
    assert it.server.is_serving()
    await it.server.start_serving()
    await it.end()
    assert it.stack.open == []
    assert not it.server.is_serving()
    assert it.server.sockets == ()


@virtual
async def test_connections_live_on_when_it_closes() -> None:
    it = await Opened().open()
    far = it.network.call(CALLER, ADDRESS)
    await moment()
    it.server.close()
    ended = asyncio.ensure_future(it.server.wait_closed())
    await moment()
    assert ADDRESS not in it.network.services
    await far.send(b"still here\n")
    assert await far.read() == b"STILL HERE\n"
    assert not ended.done()
    far.finish()
    await ended
    await it.server.wait_closed()


@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
@virtual
async def test_its_connections_can_be_closed(how: str) -> None:
    it = await Opened().open(peers=3)
    callers = [it.network.call(f"{HOST}:{port}", ADDRESS) for port in (1, 2, 3)]
    await moment()
    getattr(it.server, how)()
    for each in callers:
        assert await each.read() == b""
    await it.end()


@virtual
async def test_as_a_context() -> None:
    it = await Opened().open()
    async with it.server as server:
        assert isinstance(server, StreamServer)
        assert await it.ask(b"hello\n") == b"HELLO\n"
    assert it.stack.open == []


@virtual
async def test_for_ever_until_cancelled() -> None:
    it = await Opened().open()
    serving = asyncio.ensure_future(it.server.serve_forever())
    assert await it.ask(b"hello\n") == b"HELLO\n"
    with pytest.raises(RuntimeError, match="for ever already"):
        await it.server.serve_forever()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert it.stack.open == []
    with pytest.raises(RuntimeError, match="closed"):
        await it.server.serve_forever()


@virtual
async def test_for_ever_until_closed() -> None:
    it = await Opened().open()
    serving = asyncio.ensure_future(it.server.serve_forever())
    await moment()
    it.server.close()
    with pytest.raises(asyncio.CancelledError):
        await serving


@virtual
async def test_who_may_connect() -> None:
    it = await Opened().open(allow=[IPv4Network("192.0.2.0/28")])
    far = it.network.call("192.0.2.99:1", ADDRESS)
    assert await far.read() == b""
    assert it.server.refused == 1
    assert await it.ask(b"hello\n", "192.0.2.7:1") == b"HELLO\n"
    await it.end()


@virtual
async def test_nobody_may_connect_when_no_network_is_named() -> None:
    it = await Opened().open(allow=[])
    far = it.network.call(CALLER, ADDRESS)
    assert await far.read() == b""
    await it.end()


@virtual
async def test_it_listens_again_after_the_chip_was_lost() -> None:
    it = await Opened().open()
    far = it.network.call(CALLER, ADDRESS)
    await far.send(b"hello\n")
    await far.read()
    it.stack.lose("the modem restarted")
    await moment()
    assert not it.server.is_serving()
    assert it.server.last_error == "the modem restarted"
    await asyncio.sleep(1000)
    it.stack.restore()
    await moment()
    assert it.server.is_serving()
    assert it.server.last_error == ""
    assert await it.ask(b"again\n") == b"AGAIN\n"
    await it.end()


@virtual
async def test_it_asks_less_and_less_often() -> None:
    it = await Opened().open()
    it.stack.lose()
    it.stack.restore()
    it.stack.errors.extend([BusyError("no socket is free")] * 9)
    await asyncio.sleep(100)
    assert it.server.last_error == "no socket is free"
    await asyncio.sleep(100)
    assert it.server.is_serving()
    times = it.stack.times
    waits = [round(times[n] - times[n - 1], 3) for n in range(1, len(times))]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert (FIRST_DELAY, MAX_DELAY) == (0.5, 30)
    it.stack.lose()
    it.stack.restore()
    await asyncio.sleep(FIRST_DELAY + 0.1)  # it has listened for long
    assert it.server.is_serving()
    await it.end()


@virtual
async def test_a_driver_that_fails_is_logged_and_asked_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise RuntimeError("a defect")

    it = await Opened().open()
    with monkeypatch.context() as patch:
        patch.setattr(FakeListener, "accept", fail)
        patch.setattr(FakeStack, "listen", fail)
        it.stack.lose()
        it.stack.restore()
        await asyncio.sleep(10)
    assert "listening failed" in caplog.text
    await asyncio.sleep(MAX_DELAY)
    assert await it.ask(b"hello\n") == b"HELLO\n"
    with monkeypatch.context() as patch:
        patch.setattr(FakeListener, "accept", fail)
        it.stack.lose()
        it.stack.restore()
        await asyncio.sleep(10)
    assert "accepting failed" in caplog.text
    await asyncio.sleep(2 * MAX_DELAY)
    assert await it.ask(b"hello\n") == b"HELLO\n"
    await it.end()


@virtual
async def test_closed_while_the_chip_is_lost() -> None:
    it = await Opened().open()
    it.stack.lose()
    await asyncio.sleep(10)
    await it.end()
    it.stack.restore()
    await asyncio.sleep(100)
    assert it.stack.open == []


@virtual
async def test_closed_at_once() -> None:
    it = await Opened().open()
    await it.end()
    assert it.stack.open == []


@virtual
async def test_it_cannot_listen_at_first() -> None:
    it = Opened()
    it.stack.errors.append(ChipError("no server on this chip"))
    with pytest.raises(OSError, match="no server on this chip"):
        await it.open()
    it.stack.lose("no SIM card")
    with pytest.raises(TimeoutError, match="no SIM card"):
        await it.open(timeout=3)


@virtual
async def test_a_protocol_that_fails_at_once_costs_one_connection() -> None:
    it = Opened()
    made = 0

    def factory() -> asyncio.BaseProtocol:
        nonlocal made
        made += 1
        if made == 1:
            raise RuntimeError("a defect")
        return asyncio.Protocol()

    server = await Streams(it.stack).create_server(factory, 8080)
    far = it.network.call(CALLER, ADDRESS)
    assert await far.read() == b""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    assert [each["message"] for each in loop.complaints] == ["a connection could not begin"]
    loop.complaints.clear()
    it.network.call(CALLER, ADDRESS)
    await moment()
    server.close()
    server.abort_clients()
    await server.wait_closed()
    assert made == 2


@virtual
async def test_several_at_once() -> None:
    it = await Opened().open(peers=3)
    callers = [it.network.call(f"{HOST}:{port}", ADDRESS) for port in (1, 2, 3)]
    with pytest.raises(ConnectionRefusedError):
        it.network.call(CALLER, ADDRESS)
    for number, far in enumerate(callers):
        await far.send(b"caller %d\n" % number)
    for number, far in enumerate(callers):
        assert await far.read() == b"CALLER %d\n" % number
        far.finish()
    await it.end()
