"""asyncio's streams over a chip on a real line: every byte, every loss, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from e2e_chips import NEIGHBOUR, Lan, descriptors, descriptors_before, lan, ready_chip
from e2e_waiting import until

from chiplink.chips import Ch392Chip
from chiplink.exceptions import OfflineError
from chiplink.sim.ch392_events import DataMoved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chiplink.sim.events import Event

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

DEADLINE = 60
BULK = 300_000
PORT = 8080


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back until the end, and end too."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Neighbour:
    """A TCP server of this machine; `streams` are who came."""

    def __init__(self, serve: Callable[..., Awaitable[None]]) -> None:
        self._serve = serve
        self.streams: list[Streams] = []
        self.port = 0

    async def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.streams.append((reader, writer))
        await self._serve(reader, writer)


@asynccontextmanager
async def neighbour(serve: Callable[..., Awaitable[None]] = echo) -> AsyncIterator[Neighbour]:
    one = Neighbour(serve)
    server = await asyncio.start_server(one.came, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for _reader, writer in one.streams:
            writer.transport.abort()


async def pour(writer: asyncio.StreamWriter, data: bytes, seed: int) -> None:
    """Write it in pieces of any size, waiting whenever asked to."""
    sizes = random.Random(seed)  # noqa: S311 - keeps no secret
    at = 0
    while at < len(data):
        size = sizes.choice((1, 7, 535, 536, 537, 1460, 2144, 2145, 20_000))
        writer.write(data[at : at + size])
        at += size
        await writer.drain()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def all_of(reader: asyncio.StreamReader) -> int:
    """Read to the end and say how many bytes there were."""
    count = 0
    while data := await reader.read(65536):
        count += len(data)
    return count


async def reopened(chip: Ch392Chip, port: int) -> Streams:
    """Open it as soon as that works: the driver may not know yet what has happened."""
    while True:
        with contextlib.suppress(OSError):
            return await chip.open_connection(NEIGHBOUR, port)
        await asyncio.sleep(0.05)


async def question(streams: Streams, words: bytes) -> bytes:
    """Ask an echo."""
    reader, writer = streams
    writer.write(words)
    async with asyncio.timeout(DEADLINE):
        return await reader.readexactly(len(words))


# Every byte


@pytest.mark.parametrize(("over", "sockets"), [("uart", 1), ("uart", 2), ("uart", 4), ("spi", 1)])
async def test_bulk_both_ways_at_once(tmp_path: Path, over: str, sockets: int) -> None:
    data = os.urandom(BULK)
    async with (
        neighbour() as far,
        ready_chip(tmp_path, sockets=sockets, over=over) as (_lan, chip),
        asyncio.timeout(DEADLINE),
    ):
        reader, writer = await chip.open_connection(NEIGHBOUR, far.port)
        pouring = asyncio.create_task(pour(writer, data, sockets))
        back = await reader.readexactly(len(data))
        await pouring
        assert digest(back) == digest(data)
        writer.close()
        await writer.wait_closed()


async def test_four_connections_at_once(tmp_path: Path) -> None:
    async with (
        neighbour() as far,
        ready_chip(tmp_path) as (_lan, chip),
        asyncio.timeout(DEADLINE),
    ):
        streams = [await chip.open_connection(NEIGHBOUR, far.port) for _number in range(4)]
        with pytest.raises(OSError, match="0 sockets of the chip are free") as caught:
            await chip.open_connection(NEIGHBOUR, far.port)
        assert caught.value.errno == errno.ENOBUFS

        async def talk(number: int) -> None:
            reader, writer = streams[number]
            data = random.Random(number).randbytes(BULK // 4)  # noqa: S311 - no secret
            pouring = asyncio.create_task(pour(writer, data, number))
            assert digest(await reader.readexactly(len(data))) == digest(data)
            await pouring

        await asyncio.gather(*(talk(number) for number in range(4)))


async def test_a_slow_reader_holds_the_other_side_back(tmp_path: Path) -> None:
    """What is not read stays with who sends, and all of it comes in the end."""
    data = os.urandom(BULK)
    came: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, DataMoved) and event.direction == "received":
            came.append(event.count)

    async def give(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with neighbour(give) as far, ready_chip(tmp_path, sockets=1) as (lan, chip):
        lan.sim.observe(note)
        reader, _writer = await chip.open_connection(NEIGHBOUR, far.port, limit=1024)
        await until(lambda: lan.sim.sockets[0].receive.free == 0, "the window does not close")
        assert sum(came) < 20_000, "the chip went on"
        async with asyncio.timeout(DEADLINE):
            assert digest(await reader.read()) == digest(data)
        assert sum(came) == BULK


async def test_a_server(tmp_path: Path) -> None:
    """Clients of this machine come one by one and at once, and each hears its own words."""
    async with ready_chip(tmp_path, ports=(PORT,)) as (one, chip):
        server = await chip.start_server(echo, PORT, peers=3)

        async def call(number: int) -> None:
            streams = await asyncio.open_connection("127.0.0.1", one.port(PORT))
            data = random.Random(number).randbytes(20_000)  # noqa: S311 - no secret
            assert await question(streams, data) == data
            streams[1].close()
            await streams[1].wait_closed()

        await asyncio.gather(*(call(number) for number in range(3)))
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", one.port(PORT))


# Every loss


async def pull_the_cable(one: Lan, _chip: Ch392Chip) -> None:
    one.sim.unplug_cable()


async def plug_the_cable(one: Lan, _chip: Ch392Chip) -> None:
    one.sim.plug_cable()


async def pull_the_adapter(one: Lan, _chip: Ch392Chip) -> None:
    one.line.on_fault("hangup", True)


async def plug_the_adapter(one: Lan, _chip: Ch392Chip) -> None:
    one.line.on_fault("hangup", False)


async def reset(_one: Lan, chip: Ch392Chip) -> None:
    assert await chip.command("reset") is None


async def cut_the_power(one: Lan, _chip: Ch392Chip) -> None:
    one.sim.restart()


async def wait(_one: Lan, _chip: Ch392Chip) -> None:
    """It mends itself."""


Loss = tuple[
    Callable[[Lan, Ch392Chip], Awaitable[None]], Callable[[Lan, Ch392Chip], Awaitable[None]], str
]

LOSSES: dict[str, Loss] = {
    "cable": (pull_the_cable, plug_the_cable, "no network cable"),
    "adapter": (pull_the_adapter, plug_the_adapter, "plug it in again|the simulator is gone"),
    "reset": (reset, wait, "a reset was asked for"),
    "power": (cut_the_power, wait, "."),
}


@pytest.mark.parametrize("over", ["uart", "spi"])
@pytest.mark.parametrize("loss", LOSSES)
async def test_it_is_lost_in_the_middle(tmp_path: Path, loss: str, over: str) -> None:
    """The program gets an OSError in words, at once in both directions, and goes on after it."""
    lose, mend, words = LOSSES[loss]
    async with neighbour() as far, ready_chip(tmp_path, over=over) as (one, chip):
        reader, writer = await chip.open_connection(NEIGHBOUR, far.port)
        pouring = asyncio.create_task(pour(writer, bytes(10 * BULK), 1))
        assert await reader.readexactly(5000) == bytes(5000)
        await lose(one, chip)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(OSError, match=words):
                await all_of(reader)
            with pytest.raises(OSError, match=f"{words}|Connection lost"):
                await pouring
        await mend(one, chip)
        async with asyncio.timeout(DEADLINE):
            streams = await reopened(chip, far.port)
        assert await question(streams, b"again") == b"again"


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_server_comes_back(tmp_path: Path, loss: str) -> None:
    lose, mend, _words = LOSSES[loss]
    async with ready_chip(tmp_path, ports=(PORT,)) as (one, chip):
        server = await chip.start_server(echo, PORT, peers=2)
        streams = await asyncio.open_connection("127.0.0.1", one.port(PORT))
        assert await question(streams, b"before") == b"before"
        await lose(one, chip)
        await until(lambda: not server.is_serving())
        await mend(one, chip)
        await until(server.is_serving)
        again = await asyncio.open_connection("127.0.0.1", one.port(PORT))
        assert await question(again, b"after") == b"after"
        for _reader, writer in (streams, again):
            writer.transport.abort()


async def test_the_other_side_ends_it(tmp_path: Path) -> None:
    async def goodbye(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")
        writer.close()

    async with neighbour(goodbye) as far, ready_chip(tmp_path) as (_lan, chip):
        reader, writer = await chip.open_connection(NEIGHBOUR, far.port)
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b"goodbye"
            writer.close()
            await writer.wait_closed()


async def test_nobody_is_there(tmp_path: Path) -> None:
    async with neighbour() as far:
        port = far.port
    async with ready_chip(tmp_path) as (_lan, chip):
        with pytest.raises(TimeoutError, match=f"no connection to {NEIGHBOUR}:{port}: no answer"):
            await chip.open_connection(NEIGHBOUR, port)


# Nothing left behind


async def test_nothing_answers(tmp_path: Path) -> None:
    async with lan(tmp_path) as one:
        one.sim.faults.switch_on("no-answer")
        before = descriptors_before()
        with pytest.raises(OfflineError, match=r"/lan\?baud=921600: no CH392 answers within 0.5 s"):
            await one.chip(timeout=0.5).__aenter__()
        assert descriptors() == before
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("loss", ["none", *LOSSES])
@pytest.mark.parametrize(("over", "fails"), [("uart", False), ("uart", True), ("spi", False)])
async def test_leaving_with_everything_open(
    tmp_path: Path, loss: str, over: str, *, fails: bool
) -> None:
    """A connection that is read, one that is not, a server and its client, a datagram socket."""
    before = descriptors_before()
    async with neighbour() as far, lan(tmp_path, ports=(PORT,), over=over) as one:
        end = pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext()
        with end:
            await program(one, far, LOSSES.get(loss), fails=fails)
        if loss == "none":
            assert all(each.session is None for each in one.sim.sockets)
            await until(lambda: all(reader.at_eof() for reader, _writer in far.streams))
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, asyncio.all_tasks)
    await until(lambda: descriptors() == before, lambda: (before, descriptors()))


async def program(one: Lan, far: Neighbour, loss: Loss | None, *, fails: bool) -> None:
    async with one.chip() as chip:
        await chip.ready()
        _read = await chip.open_connection(NEIGHBOUR, far.port)
        paused, _protocol = await chip.create_connection(asyncio.Protocol, NEIGHBOUR, far.port)
        paused.pause_reading()
        await chip.create_datagram_endpoint(asyncio.DatagramProtocol, local_port=0)
        await chip.start_server(echo, PORT)
        client = await asyncio.open_connection("127.0.0.1", one.port(PORT))
        assert await question(client, b"hello") == b"hello"
        far.streams.append(client)
        if loss is not None:
            await loss[0](one, chip)
        if fails:
            raise ZeroDivisionError
