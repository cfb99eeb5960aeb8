"""A modem's links against simulated modems: byte-exact, bounded, truthful about results."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, cast

import pytest
from driver_modem import DEADLINE, EVERY, PEER, ModemBench, bench

from chiplink.driver.sockets import Endpoint, Kind, Level
from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    RefusedError,
    TooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from chiplink.driver.sockets import Socket

EVERY_BYTE = bytes(range(256))
CARRIED = bytes(byte for byte in range(256) if byte not in (0x1A, 0x1B))
"""What a modem of the G series can send."""

TRAP = b"\r\nOK\r\n\r\nERROR\r\n0, CLOSED\r\nCLOSED\r\n+CIPRXGET: 2,0,9,9\r\n> \r\n+PDP: DEACT\r\n"
LEVELS = {"sim800": Level.ACKED, "sim7028": Level.ACKED, "gseries": Level.ACCEPTED}
WAYS = [("sim800", True), ("sim800", False), ("sim7028", True), ("sim7028", False)]
EVERY_WAY = pytest.mark.parametrize(("chip", "pull"), [*WAYS, ("gseries", False)])


def noise(count: int, seed: str) -> bytes:
    """Bytes that every modem can carry, the same ones each time."""
    some = random.Random(seed).randbytes(count)  # noqa: S311 - keeps no secret
    return some.translate(bytes.maketrans(b"\x1a\x1b", b"\x00\xff"))


class Caller:
    """The far end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readexactly(count)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(DEADLINE):
            await self.writer.drain()

    def close(self) -> None:
        self.writer.close()


class Server:
    """A TCP server of this machine."""

    def __init__(self) -> None:
        self._callers: asyncio.Queue[Caller] = asyncio.Queue()
        self._all: list[Caller] = []
        self.port = 0

    @property
    def waiting(self) -> bool:
        return not self._callers.empty()

    async def accept(self) -> Caller:
        async with asyncio.timeout(DEADLINE):
            return await self._callers.get()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._all.append(Caller(reader, writer))
        self._callers.put_nowait(self._all[-1])

    async def end(self) -> None:
        for caller in self._all:
            caller.writer.transport.abort()
            with contextlib.suppress(OSError):
                await caller.writer.wait_closed()


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.take, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        async with listening:
            yield server
    finally:
        await server.end()


def to(port: int, kind: Kind = Kind.TCP_CLIENT) -> Endpoint:
    return Endpoint(kind=kind, host=PEER, port=port)


async def connected(at: ModemBench, server: Server) -> tuple[Socket, Caller]:
    async with asyncio.timeout(DEADLINE):
        socket = await at.stack.connect(to(server.port))
    return socket, await server.accept()


async def sent(socket: Socket, data: bytes, peer: str = "") -> Level:
    async with asyncio.timeout(DEADLINE):
        return await socket.send(data, peer)


async def received(socket: Socket, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(DEADLINE):
        while len(data) < count:
            chunk = await socket.receive()
            if not chunk.data:
                break
            data += chunk.data
    return data


async def ended(socket: Socket) -> bytes:
    """Read to the end of the stream."""
    data = b""
    async with asyncio.timeout(DEADLINE):
        while chunk := (await socket.receive()).data:
            data += chunk
    return data


async def closed(socket: Socket) -> None:
    async with asyncio.timeout(DEADLINE):
        await socket.close()


# Bytes


@EVERY_WAY
async def test_every_byte_value(chip: str, *, pull: bool) -> None:
    payload = CARRIED if chip == "gseries" else EVERY_BYTE
    async with serving() as server, bench(chip, pull=pull) as at:
        socket, caller = await connected(at, server)
        assert await sent(socket, payload) is LEVELS[chip]
        assert await caller.read(len(payload)) == payload
        await caller.write(EVERY_BYTE)
        assert await received(socket, 256) == EVERY_BYTE
        await closed(socket)


@EVERY_WAY
async def test_a_payload_that_looks_like_the_modem(chip: str, *, pull: bool) -> None:
    async with serving() as server, bench(chip, pull=pull) as at:
        socket, caller = await connected(at, server)
        await caller.write(TRAP * 20)
        assert await received(socket, 20 * len(TRAP)) == TRAP * 20
        await sent(socket, TRAP)
        assert await caller.read(len(TRAP)) == TRAP


@EVERY_WAY
async def test_300_kb_each_way(chip: str, *, pull: bool) -> None:
    payload = noise(300_000, chip)
    async with serving() as server, bench(chip, pull=pull) as at:
        socket, caller = await connected(at, server)
        out = asyncio.create_task(sent(socket, payload))
        assert await caller.read(len(payload)) == payload
        await out
        feeding = asyncio.create_task(caller.write(payload))
        assert await received(socket, len(payload)) == payload
        await feeding


async def test_both_ways_at_once() -> None:
    payload = noise(60_000, "both")
    async with serving() as server, bench("sim800") as at:
        socket, caller = await connected(at, server)
        work = [
            asyncio.create_task(sent(socket, payload)),
            asyncio.create_task(caller.write(payload)),
        ]
        got, echoed = await asyncio.gather(
            received(socket, len(payload)), caller.read(len(payload))
        )
        await asyncio.gather(*work)
    assert got == echoed == payload


@pytest.mark.parametrize("byte", [0x1A, 0x1B])
async def test_what_cannot_be_carried_is_refused_loudly(byte: int) -> None:
    async with serving() as server, bench("gseries") as at:
        socket, caller = await connected(at, server)
        with pytest.raises(BadPayloadError, match=f"byte {byte:02X}H at 3"):
            await sent(socket, b"abc" + bytes([byte]) + b"d")
        await sent(socket, b"xyz")
        assert await caller.read(3) == b"xyz"


@pytest.mark.parametrize(("chip", "pull"), WAYS)
async def test_two_links_at_once(chip: str, *, pull: bool) -> None:
    async with serving() as server, bench(chip, pull=pull) as at:
        first, one = await connected(at, server)
        second, two = await connected(at, server)
        await asyncio.gather(sent(first, b"1" * 4000), sent(second, b"2" * 4000))
        assert await one.read(4000) == b"1" * 4000
        assert await two.read(4000) == b"2" * 4000
        await one.write(b"first")
        await two.write(b"second")
        assert await received(second, 6) == b"second"
        assert await received(first, 5) == b"first"


# Results


@pytest.mark.parametrize("chip", EVERY)
async def test_without_confirmation_it_is_accepted(chip: str) -> None:
    async with serving() as server, bench(chip) as at:
        socket, caller = await connected(at, server)
        async with asyncio.timeout(DEADLINE):
            assert await socket.send(b"quick", confirm=False) is Level.ACCEPTED
        assert await caller.read(5) == b"quick"


async def test_quick_send_learns_the_acknowledgement() -> None:
    async with serving() as server, bench("sim800", quick_send=True) as at:
        socket, caller = await connected(at, server)
        assert await sent(socket, b"quick") is Level.ACKED
        assert await caller.read(5) == b"quick"


# Ends


@EVERY_WAY
async def test_what_came_before_the_end_is_received(chip: str, *, pull: bool) -> None:
    async with serving() as server, bench(chip, pull=pull) as at:
        socket, caller = await connected(at, server)
        await caller.write(b"the last words" * 300)
        caller.close()
        assert await ended(socket) == b"the last words" * 300
        with pytest.raises(ClosedError):
            await sent(socket, b"too late")
        await closed(socket)
        again, _caller = await connected(at, server)
        await closed(again)


@EVERY_WAY
async def test_closing_is_seen_over_there_and_twice_harmless(chip: str, *, pull: bool) -> None:
    async with serving() as server, bench(chip, pull=pull) as at:
        socket, caller = await connected(at, server)
        await sent(socket, b"bye")
        await closed(socket)
        await closed(socket)
        assert await caller.read(3) == b"bye"
        async with asyncio.timeout(DEADLINE):
            assert await caller.reader.read() == b""
        with pytest.raises(ClosedError):
            await socket.receive()


@pytest.mark.parametrize("chip", EVERY)
async def test_closed_during_a_send(chip: str) -> None:
    async with serving() as server, bench(chip) as at:
        socket, _caller = await connected(at, server)
        at.sim.faults.switch_on("closed-during-send")
        with pytest.raises(OutcomeUnknownError):
            await sent(socket, b"into the void")
        with contextlib.suppress(ClosedError):
            assert await ended(socket) == b""
        await closed(socket)
        at.sim.faults.switch_off("closed-during-send")
        again, caller = await connected(at, server)
        await sent(again, b"hello")
        assert await caller.read(5) == b"hello"


@pytest.mark.parametrize("chip", EVERY)
async def test_a_failed_send_ends_the_stream(chip: str) -> None:
    async with serving() as server, bench(chip) as at:
        socket, _caller = await connected(at, server)
        at.sim.faults.switch_on("send-fail=1")
        with pytest.raises(OutcomeUnknownError):
            await sent(socket, b"lost")
        with pytest.raises(ClosedError):
            await ended(socket)


async def test_a_send_that_fails_for_unread_data_reads_first() -> None:
    async with serving() as server, bench("sim800", faults=("send-fail-unread",)) as at:
        socket, caller = await connected(at, server)
        await caller.write(b"unread" * 500)
        await sent(socket, b"a" * 5000)
        assert await caller.read(5000) == b"a" * 5000
        assert await received(socket, 3000) == b"unread" * 500


@pytest.mark.parametrize("chip", ["sim800", "sim7028"])
async def test_what_nobody_asks_for_stays_in_the_modem(chip: str) -> None:
    """The peer is slowed down, byte for byte nothing is lost."""
    payload = noise(2_000_000, "much")
    async with serving() as server, bench(chip) as at:
        socket, caller = await connected(at, server)
        feeding = asyncio.create_task(caller.write(payload))
        got = await received(socket, 3000)
        for _turn in range(200):
            await asyncio.sleep(0)
        assert socket._waiting_bytes <= 1500  # type: ignore[attr-defined]
        assert len(at.sim.stack.links[socket.number].inbox) <= 8192  # type: ignore[attr-defined]
        got += await received(socket, 50_000)
        assert payload.startswith(got)
        feeding.cancel()
        caller.writer.transport.abort()


async def test_pushed_data_that_nobody_takes_ends_the_stream() -> None:
    async with serving() as server, bench("gseries") as at:
        socket, caller = await connected(at, server)
        caller.writer.write(bytes(100_000))
        await wait_for(lambda: socket._reason)  # type: ignore[attr-defined]
        with pytest.raises(ClosedError, match="pushed and not taken"):
            await ended(socket)


@pytest.mark.parametrize("chip", ["sim800", "sim7028"])
async def test_a_lost_notice_is_made_up_for(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chiplink.driver.modem_network.POLL", 0.05)
    async with serving() as server, bench(chip, faults=("lost-notice",)) as at:
        socket, caller = await connected(at, server)
        await caller.write(b"unannounced")
        assert await received(socket, 11) == b"unannounced"


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with serving() as server, bench("sim800") as at:
        socket, caller = await connected(at, server)
        for turn in range(30):
            waiting = asyncio.create_task(socket.receive())
            for _ in range(turn):
                await asyncio.sleep(0)
            await caller.write(b"%02d" % turn)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                chunk = await waiting
                assert chunk.data == b"%02d" % turn
                continue
            assert await received(socket, 2) == b"%02d" % turn


# Connecting


@pytest.mark.parametrize("chip", EVERY)
async def test_nobody_there(chip: str) -> None:
    async with bench(chip) as at:
        async with serving() as server:
            port = server.port
        with pytest.raises((RefusedError, DeadlineError)):
            async with asyncio.timeout(DEADLINE):
                await at.stack.connect(to(port))
        async with serving() as server:
            socket, _caller = await connected(at, server)
            await closed(socket)


@pytest.mark.parametrize("chip", EVERY)
async def test_a_late_failure_belongs_to_its_own_command(chip: str) -> None:
    async with serving() as server, bench(chip, faults=("late-connect-fail=1",)) as at:
        opening = asyncio.create_task(at.stack.connect(to(server.port)))
        line = at.device._line
        assert line is not None
        await wait_for(lambda: line._channel.awaited and line.idle)
        assert (await at.command("at", "AT+CSQ"))[0].startswith("+CSQ:")
        with pytest.raises(CommandError):
            async with asyncio.timeout(DEADLINE):
                await opening
        socket, _caller = await connected(at, server)
        await closed(socket)


@pytest.mark.parametrize(("chip", "count"), [("sim800", 6), ("sim7028", 2), ("gseries", 1)])
async def test_no_link_is_free(chip: str, count: int) -> None:
    async with serving() as server, bench(chip) as at:
        sockets = [(await connected(at, server))[0] for _ in range(count)]
        with pytest.raises(BusyError):
            await at.stack.connect(to(server.port))
        await closed(sockets[0])
        socket, _caller = await connected(at, server)
        await closed(socket)


@pytest.mark.parametrize("chip", ["sim800", "sim7028"])
async def test_a_link_in_use_by_somebody_else_is_passed_over(chip: str) -> None:
    async with serving() as server, bench(chip, at="all") as at:
        start = "CIPSTART" if chip == "sim800" else "CIPOPEN"
        await at.command("at", f'AT+{start}=0,"TCP","{PEER}",{server.port}')
        await server.accept()
        socket, caller = await connected(at, server)
        await sent(socket, b"hello")
        assert await caller.read(5) == b"hello"
        assert socket.number == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("chip", EVERY)
async def test_cancelled_it_leaves_nothing_open(chip: str) -> None:
    async with serving() as server, bench(chip) as at:
        for turn in range(12):
            opening = asyncio.create_task(at.stack.connect(to(server.port)))
            for _ in range(turn):
                await asyncio.sleep(0)
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await closed(await opening)
            await wait_for(lambda: not at.stack._links)


async def test_a_firmware_without_local_ports() -> None:
    async with serving() as server, bench("sim800", faults=("error=1,clport",)) as at:
        socket, _caller = await connected(at, server)
        await closed(socket)
        at.sim.faults.switch_on("error=1,clport")
        with pytest.raises(CommandError):
            await at.stack.connect(
                Endpoint(kind=Kind.TCP_CLIENT, host=PEER, port=80, local_port=4000)
            )


@pytest.mark.parametrize("chip", EVERY)
async def test_before_the_network(chip: str) -> None:
    async with bench(chip, faults=("no-network",), ready=False) as at:
        with pytest.raises(OfflineError):
            await at.stack.connect(to(80))


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint(kind=Kind.IPRAW, host=PEER, port=1),
        Endpoint(kind=Kind.TCP_SERVER, local_port=80),
        Endpoint(kind=Kind.TCP_CLIENT, host=PEER, port=80, ttl=3),
        Endpoint(kind=Kind.TCP_CLIENT, host='a"b', port=80),
        Endpoint(kind=Kind.UDP, host=PEER, port=80),
    ],
)
async def test_what_it_cannot_do(endpoint: Endpoint) -> None:
    async with bench("sim800", pull=True) as at:
        with pytest.raises(BadPayloadError):
            await at.stack.connect(endpoint)
        assert at.stack._links == {}


# Datagrams


class Box(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.arrived.put_nowait((data, addr))

    async def get(self) -> tuple[bytes, tuple[str, int]]:
        async with asyncio.timeout(DEADLINE):
            return await self.arrived.get()

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])


@contextlib.asynccontextmanager
async def box() -> AsyncIterator[Box]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Box, local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()


@pytest.mark.parametrize("chip", EVERY)
async def test_datagrams_keep_their_borders(chip: str) -> None:
    payload = CARRIED if chip == "gseries" else EVERY_BYTE
    async with box() as there, bench(chip, pull=False) as at:
        socket = await at.stack.connect(to(there.port, Kind.UDP))
        level = Level.ACCEPTED if chip == "gseries" else Level.SENT
        assert await sent(socket, payload) is level
        data, address = await there.get()
        assert data == payload
        for each in (b"one", b"two", TRAP):
            there.transport.sendto(each, address)
        async with asyncio.timeout(DEADLINE):
            chunks = [await socket.receive() for _ in range(3)]
        assert [chunk.data for chunk in chunks] == [b"one", b"two", TRAP]
        assert {chunk.peer for chunk in chunks} == {f"{PEER}:{there.port}"}
        with pytest.raises(TooLargeError):
            await sent(socket, bytes(1461))
        with pytest.raises(BadPayloadError):
            await sent(socket, b"")
        await closed(socket)


@pytest.mark.parametrize(("chip", "several"), [("sim800", False), ("sim7028", True)])
async def test_a_socket_for_everybody(chip: str, *, several: bool) -> None:
    async with box() as one, box() as two, bench(chip, pull=False, several=several) as at:
        socket = await at.stack.connect(Endpoint(kind=Kind.UDP_SERVER, local_port=0))
        for there in (one, two):
            name = f"{PEER}:{there.port}"
            await sent(socket, b"to " + name.encode(), name)
            data, address = await there.get()
            assert data == b"to " + name.encode()
            there.transport.sendto(b"back", address)
            async with asyncio.timeout(DEADLINE):
                assert await socket.receive() == (b"back", name)
        with pytest.raises(BadPayloadError):
            await sent(socket, b"to nobody")
        await closed(socket)


# Servers


@pytest.mark.parametrize(("chip", "pull"), WAYS)
async def test_a_server(chip: str, *, pull: bool) -> None:
    async with bench(chip, pull=pull, ports=(8080,)) as at:
        listener = await at.stack.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=8080, peers=1))
        port = at.sim.ether.bound_port("tcp", 8080)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(DEADLINE):
            socket = await listener.accept()
        own = writer.get_extra_info("sockname")[1]
        assert socket.peer == f"{PEER}:{own}"
        writer.write(EVERY_BYTE)
        assert await received(socket, 256) == EVERY_BYTE
        await sent(socket, EVERY_BYTE)
        assert await reader.readexactly(256) == EVERY_BYTE
        second, other = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionResetError):
                assert await second.read() == b""  # one too many
        other.close()
        async with asyncio.timeout(DEADLINE):
            await listener.close()
        await sent(socket, b"lives on")
        assert await reader.readexactly(8) == b"lives on"
        await closed(socket)
        writer.close()
        again = await at.stack.listen(Endpoint(kind=Kind.TCP_SERVER, local_port=8080))
        await again.close()


async def wait_for(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
