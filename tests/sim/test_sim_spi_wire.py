"""The SPI wire on its two sockets: letters written by hand, levels of INT# read."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sim_ch392 import Board, board
from sim_support import DEADLINE

from chiplink.sim import SpiWire, run_sim
from chiplink.sim.ch392_events import SpiProblem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CLOCK = "53 00 12 7A 00"  # 8 MHz
GAP = "44 02 00 00 00"
CHECK_EXIST = f"4C 54 01 00 06 {GAP} 54 01 00 57 {GAP} 54 01 00 00 48"


class End:
    """One end of a Unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, letters: str) -> None:
        self.writer.write(bytes.fromhex(letters))

    async def hear(self, count: int) -> str:
        async with asyncio.timeout(DEADLINE):
            return (await self.reader.readexactly(count)).hex(" ").upper()

    async def ends(self) -> bool:
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        async with asyncio.timeout(DEADLINE):
            await self.writer.wait_closed()


@asynccontextmanager
async def end(path: str) -> AsyncIterator[End]:
    async with asyncio.timeout(DEADLINE):
        one = End(*await asyncio.open_unix_connection(path))
    try:
        yield one
    finally:
        one.writer.close()


@asynccontextmanager
async def wired(path: Path) -> AsyncIterator[tuple[Board, SpiWire]]:
    async with board(ready=False) as host, SpiWire(host.sim, path / "wire") as wire:
        yield host, wire


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def problems(host: Board) -> list[str]:
    return [event.problem for event in host.events if isinstance(event, SpiProblem)]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
async def test_a_command_cut_anywhere(tmp_path: Path, size: int) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path) as master:
        letters = bytes.fromhex(CLOCK + CHECK_EXIST * 2)
        for at in range(0, len(letters), size):
            master.say(letters[at : at + size].hex())
            await master.writer.drain()
            await host.turns(1)
        assert await master.hear(6) == "FF FF A8 FF FF A8"
        assert problems(host) == []


async def test_single_bytes(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_host, wire), end(wire.path) as master:
        master.say(f"4C 58 06 {GAP} 58 57 {GAP} 58 00 48")
        assert await master.hear(3) == "FF FF A8"


async def test_a_whole_stream(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path) as master:
        master.say(f"4C 54 01 00 3C {GAP} 54 03 00 00 00 10 {GAP} 54 00 10 {'00' * 4096} 48")
        assert await master.hear(4100) == "FF FF FF FF" + " 00" * 4096
        assert problems(host) == []


async def test_no_letter_of_the_wire(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path) as master:
        master.say("5A")
        assert await master.ends()
        assert problems(host) == ["no message of the wire: 5A"]


async def test_a_host_that_leaves_releases_the_chip(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire):
        async with end(wire.path) as first:
            first.say("4C 54 01 00 22")
            assert await first.hear(1) == "FF"
            async with end(wire.path) as second:
                second.say(CHECK_EXIST)
                await first.close()
                assert await second.hear(3) == "FF FF A8"
        assert problems(host) == ["released after 0 of 4 argument bytes"]


async def test_int_is_told_at_once_and_at_each_change(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path + ".int") as watcher:
        assert await watcher.hear(1) == "01"
        host.sim.chip.interrupts.raise_bits(0x04)
        assert await watcher.hear(1) == "00"
        async with end(wire.path + ".int") as late:
            assert await late.hear(1) == "00"
        async with end(wire.path) as master:
            master.say(f"4C 54 01 00 29 {GAP} 54 01 00 00 48")
            assert await master.hear(2) == "FF 04"
        assert await watcher.hear(1) == "01"


async def test_a_lost_edge_is_found_by_asking(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path + ".int") as watcher:
        assert await watcher.hear(1) == "01"
        host.sim.faults.switch_on("int-lost")
        host.sim.chip.interrupts.raise_bits(0x04)
        watcher.say("3F")
        assert await watcher.hear(1) == "00"


async def test_hanging_up_and_coming_back(tmp_path: Path) -> None:
    async with wired(tmp_path) as (host, wire), end(wire.path) as master:
        master.say(CHECK_EXIST)
        await master.hear(3)
        host.sim.faults.watch(wire.on_fault)
        host.sim.faults.switch_on("hangup")
        assert await master.ends()
        with pytest.raises(FileNotFoundError):
            await asyncio.open_unix_connection(wire.path)
        host.sim.faults.switch_off("hangup")
        async with end(wire.path) as again:
            again.say(CHECK_EXIST)
            assert await again.hear(3) == "FF FF A8"
    assert names(tmp_path) == []


async def test_what_a_dead_simulator_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "wire"))
    async with wired(tmp_path) as (_host, wire):
        assert (tmp_path / "wire").stat().st_mode & 0o777 == 0o600
        async with board(ready=False) as other:
            with pytest.raises(OSError, match="wire: Address already in use"):
                await SpiWire(other.sim, wire.path).__aenter__()
        async with end(wire.path) as master:
            master.say(CHECK_EXIST)
            assert await master.hear(3) == "FF FF A8"
    assert names(tmp_path) == []


async def test_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "wire.int").write_text("mine")
    with pytest.raises(OSError, match=r"wire\.int"):
        async with wired(tmp_path):
            pass
    assert names(tmp_path) == ["wire.int"]


async def test_run_until_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "spi"
    lines: list[str] = []
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_sim("ch392", spi=path, faults=["spi-echo"], log=lines.append, on_ready=ready.set_result)
    )
    async with asyncio.timeout(DEADLINE):
        assert await ready == f"ready {path}"
    async with end(str(path)) as master:
        master.say(f"4C 54 01 00 2C {GAP} 54 01 00 00 48")
        assert await master.hear(2) == "FF 2C"
        master.say("4C 48")
        master.say(CHECK_EXIST)
        await master.hear(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []
    seen = [json.loads(line) for line in lines]
    assert [line["event"] for line in seen[:4]] == ["fault", "command", "reply", "spi"]
    assert seen[3]["problem"] == "selected and released without a command"


@pytest.mark.parametrize(
    ("chip", "options", "words"),
    [
        ("ch9329", {}, "no SPI"),
        ("ch392", {"pace": True}, "pseudo-terminal"),
        ("ch392", {"link": "/tmp/there"}, "pseudo-terminal"),  # noqa: S108 - is not made
    ],
)
async def test_wrong_lines(tmp_path: Path, chip: str, options: dict[str, bool], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await run_sim(chip, spi=tmp_path / "spi", **options)  # type: ignore[arg-type]
    assert names(tmp_path) == []
