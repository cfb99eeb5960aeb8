"""The interface of sockets on an AT modem: what streams do not see."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from chiplink.driver.sockets import Chunk, Endpoint, Kind, Level
from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    ClosedError,
    OfflineError,
    OutcomeUnknownError,
    RefusedError,
    TooLargeError,
)
from chiplink.transport.memory import MemoryPort
from driver.driver_script import moment
from driver.fake_stack import HOST, WINDOW, Network, Stream
from driver.throwaway_modem import ThrowawaySim800
from driver.throwaway_modem_driver import CLOSE, CONNECT, ModemSocket, ThrowawayModem
from driver.virtual_clock import virtual

ADDRESS = f"{HOST}:8500"


class Bench:
    """A modem, its driver and a service to connect to."""

    def __init__(self, *, pull: bool = True, several: bool = True, quick: bool = False) -> None:
        self.network = Network()
        self.chip = ThrowawaySim800(self.network)
        self.port = MemoryPort(self.chip)
        self.modem = ThrowawayModem(self.port, pull=pull, several=several, quick=quick)
        self.service = self.network.listen(ADDRESS)

    async def __aenter__(self) -> Self:
        await self.modem.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.modem.stop()

    async def connect(self) -> tuple[ModemSocket, Stream]:
        socket = await self.modem.connect(Endpoint(kind=Kind.TCP_CLIENT, host=HOST, port=8500))
        return socket, await self.service.accept()


@virtual
async def test_the_conversation_of_the_note() -> None:
    async with Bench() as it:
        assert it.chip.written == [
            "ATE0",
            "AT+CIPSHUT",
            "AT+CIPMUX=1",
            "AT+CIPRXGET=1",
            "AT+CIPQSEND=0",
            'AT+CSTT="internet"',
            "AT+CIICR",
            "AT+CIFSR",
        ]
        it.chip.written.clear()
        socket, far = await it.connect()
        assert await socket.send(b"TCP test") is Level.ACKED
        assert await far.read() == b"TCP test"
        await far.send(b"HELLO\r\nOK\r\n0, CLOSED\r\n> ")
        assert await socket.receive() == Chunk(b"HELLO\r\nOK\r\n0, CLOSED\r\n> ", ADDRESS)
        await socket.close()
        assert it.chip.written == [
            'AT+CIPSTART=0,"TCP","192.0.2.1","8500"',
            "AT+CIPSEND=0,8",
            "AT+CIPACK=0",
            "AT+CIPRXGET=2,0,1460",
            "AT+CIPCLOSE=0",
        ]


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("pull", [True, False])
@virtual
async def test_levels(*, pull: bool, several: bool) -> None:
    async with Bench(pull=pull, several=several) as it:
        socket, _far = await it.connect()
        assert await socket.send(b"x" * 2000) is Level.ACKED
        it.chip.unacked = 7
        assert await socket.send(b"x") is Level.SENT
        assert await socket.send(b"x", confirm=False) is Level.ACCEPTED
    async with Bench(pull=pull, several=several, quick=True) as it:
        socket, _far = await it.connect()
        assert await socket.send(b"x") is Level.ACCEPTED
    async with Bench(pull=pull, several=several) as it:
        socket = await it.modem.connect(Endpoint(kind=Kind.UDP, host=HOST, port=123))
        assert await socket.send(b"x") is Level.SENT


@virtual
async def test_unasked_lines_come_between() -> None:
    async with Bench() as it:
        it.chip.chatter = [
            "+CSQ: 20,0",
            "*PSUTTZ: 26,11,20",
            "3, CLOSED",
            "+CIPRXGET: 1,5",
        ]
        socket, far = await it.connect()
        assert await socket.send(b"x" * 4000) is Level.ACKED
        assert await far.read_exactly(4000)
        assert it.chip.chatter == []
        assert it.modem.stray[-2:] == ["+CSQ: 20,0", "*PSUTTZ: 26,11,20"]


@virtual
async def test_closed_in_the_middle_of_a_send() -> None:
    async with Bench() as it:
        socket, far = await it.connect()
        sending = asyncio.ensure_future(socket.send(b"x" * (3 * WINDOW)))
        await asyncio.sleep(1)
        far.reset()
        with pytest.raises(OutcomeUnknownError, match="the other side closed"):
            await sending
        with pytest.raises(ClosedError):
            await socket.send(b"x")
        assert await socket.receive() == Chunk(b"")


@virtual
async def test_a_send_fails_halfway() -> None:
    async with Bench() as it:
        socket, far = await it.connect()
        it.chip.send_fails = 1
        with pytest.raises(OutcomeUnknownError, match="SEND FAIL"):
            await socket.send(b"x" * 4000)
        assert await far.read() == b"x" * 1460
        with pytest.raises(ClosedError, match="SEND FAIL"):
            await socket.receive()
        await socket.close()
        assert it.chip.written[-1] != "AT+CIPCLOSE=0"


@virtual
async def test_a_send_without_receipt_fails_later() -> None:
    async with Bench() as it:
        socket, _far = await it.connect()
        it.chip.send_fails = 0
        assert await socket.send(b"x", confirm=False) is Level.ACCEPTED
        with pytest.raises(ClosedError, match="SEND FAIL"):
            await socket.receive()
        with pytest.raises(ClosedError, match="SEND FAIL"):
            await socket.send(b"y")


@virtual
async def test_a_stalled_send_holds_up_nobody_else() -> None:
    async with Bench() as it:
        stalled, _far = await it.connect()
        sending = asyncio.ensure_future(stalled.send(b"x" * (3 * WINDOW)))
        await asyncio.sleep(1)
        socket, far = await it.connect()
        assert await socket.send(b"hello") is Level.ACKED
        await far.send(b"you too")
        assert (await socket.receive()).data == b"you too"
        begun = asyncio.get_running_loop().time()
        await stalled.close()
        assert asyncio.get_running_loop().time() - begun <= CLOSE
        with pytest.raises(OutcomeUnknownError):
            await sending


@virtual
async def test_the_end_comes_after_what_was_received() -> None:
    async with Bench() as it:
        socket, far = await it.connect()
        await far.send(b"x" * 3000)
        far.finish()
        await asyncio.sleep(1)
        got = b""
        while data := (await socket.receive()).data:
            got += data
        assert got == b"x" * 3000
        # The modem gives the link to the next one: what was received is not mixed up.
        other, _far = await it.connect()
        assert other.number == 0


@pytest.mark.parametrize("several", [True, False])
@virtual
async def test_a_window_closes_only_in_pull_mode(*, several: bool) -> None:
    async with Bench(pull=True, several=several) as it:
        socket, far = await it.connect()
        sending = asyncio.ensure_future(far.send(b"x" * 100_000))
        await asyncio.sleep(10)
        assert not sending.done()
        got = 0
        while got < 100_000:
            got += len((await socket.receive()).data)
        await sending
    async with Bench(pull=False, several=several) as it:
        socket, far = await it.connect()
        await far.send(b"x" * 100_000)
        await asyncio.sleep(10)
        with pytest.raises(ClosedError, match="more was pushed than was read"):
            await socket.receive()


@virtual
async def test_datagrams_that_nobody_reads_are_counted() -> None:
    async with Bench(pull=False) as it:
        far = it.network.mailbox(f"{HOST}:123")
        endpoint = Endpoint(kind=Kind.UDP, host=HOST, port=123, local_port=4000)
        socket = await it.modem.connect(endpoint)
        for _ in range(70):
            far.post(b"x" * 1000, "10.0.0.3:4000")
            await moment()
        assert socket.dropped == 5
        with pytest.raises(TooLargeError):
            await socket.send(b"x" * 1461)
        with pytest.raises(BadPayloadError):
            await socket.send(b"x", "192.0.2.9:1")


@virtual
async def test_who_is_cancelled_while_fetching_loses_nothing() -> None:
    async with Bench() as it:
        socket, far = await it.connect()
        await far.send(b"first")
        receiving = asyncio.ensure_future(socket.receive())
        cancelled = 0
        while receiving.cancel():
            cancelled += 1
            receiving = asyncio.ensure_future(socket.receive())
            await asyncio.sleep(0)
        assert receiving.result().data == b"first"
        assert cancelled > 3


@virtual
async def test_the_context_is_taken_away_and_comes_back() -> None:
    async with Bench() as it:
        socket, _far = await it.connect()
        receiving = asyncio.ensure_future(socket.receive())
        await moment()
        it.chip.drop_pdp()
        with pytest.raises(ClosedError, match="took the context away"):
            await receiving
        with pytest.raises(OfflineError, match="took the context away"):
            await it.connect()
        await it.modem.ready()
        socket, _far = await it.connect()
        assert await socket.send(b"x") is Level.ACKED


@virtual
async def test_the_modem_restarts_during_a_send() -> None:
    async with Bench() as it:
        socket, _far = await it.connect()
        sending = asyncio.ensure_future(socket.send(b"x" * (3 * WINDOW)))
        await asyncio.sleep(1)
        it.chip.restart()
        with pytest.raises(OutcomeUnknownError, match="restarted"):
            await sending
        await it.modem.ready()
        await it.connect()


@virtual
async def test_connecting_fails_or_is_given_up() -> None:
    async with Bench() as it:
        nobody = Endpoint(kind=Kind.TCP_CLIENT, host=HOST, port=1)
        with pytest.raises(RefusedError, match="CONNECT FAIL"):
            await it.modem.connect(nobody)
        with pytest.raises(BadPayloadError):
            await it.modem.connect(Endpoint(kind=Kind.UDP_SERVER, local_port=1))
        opening = asyncio.ensure_future(it.connect())
        await moment()
        opening.cancel()
        await asyncio.sleep(CONNECT)
        assert it.modem.links == {}
        assert it.chip.written[-1] == "AT+CIPCLOSE=0"
        sockets = [(await it.connect())[0] for _ in range(6)]
        assert [socket.number for socket in sockets] == list(range(6))
        with pytest.raises(BusyError):
            await it.connect()


@virtual
async def test_a_local_port_is_known_only_when_it_was_asked_for() -> None:
    async with Bench() as it:
        socket, far = await it.connect()
        assert socket.local_port == 0
        assert far.peer != "10.0.0.3:0"
        fixed = await it.modem.connect(
            Endpoint(kind=Kind.TCP_CLIENT, host=HOST, port=8500, local_port=4711)
        )
        assert fixed.local_port == 4711
        assert (await it.service.accept()).peer == "10.0.0.3:4711"


@virtual
async def test_a_server_takes_links_of_the_clients() -> None:
    async with Bench() as it:
        listener = await it.modem.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=8888, peers=2))
        with pytest.raises(BusyError):
            await it.modem.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=9999))
        callers = [it.network.call(f"192.0.2.8:{port}", "10.0.0.3:8888") for port in (2001, 2002)]
        accepted = [await listener.accept() for _ in callers]
        assert [socket.peer for socket in accepted] == ["192.0.2.8:2001", "192.0.2.8:2002"]
        assert [socket.local_port for socket in accepted] == [8888, 8888]
        third = it.network.call("192.0.2.8:2003", "10.0.0.3:8888")
        assert await third.read() == b""  # the modem lets in more than were asked for
        await moment()
        sockets = [(await it.connect())[0] for _ in range(4)]
        assert [socket.number for socket in sockets] == [2, 3, 4, 5]
        fourth = it.network.call("192.0.2.8:2004", "10.0.0.3:8888")
        with pytest.raises(ConnectionResetError):  # no link was left
            await fourth.read()
        await listener.close()
        assert await accepted[0].send(b"still here") is Level.ACKED
        assert await callers[0].read() == b"still here"


@virtual
async def test_a_caller_takes_the_link_that_is_being_opened() -> None:
    async with Bench() as it:
        await it.modem.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=8888))
        it.network.call("192.0.2.8:2001", "10.0.0.3:8888")
        with pytest.raises(BusyError, match="ALREADY CONNECT"):
            await it.connect()


@virtual
async def test_the_port_is_lost() -> None:
    async with Bench() as it:
        socket, _far = await it.connect()
        listener = await it.modem.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=8888))
        it.port.lines[0].break_line()
        with pytest.raises(ClosedError, match="unplugged"):
            await socket.receive()
        with pytest.raises(ClosedError, match="unplugged"):
            await listener.accept()
        await socket.close()
        await listener.close()
        with pytest.raises(OfflineError, match="unplugged"):
            await it.connect()
        assert "unplugged" in it.modem.obstacle
