"""The simulated CH392's SPI pins, clocked by hand; bytes and gaps are the document's (6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sim_ch392 import Board, accepted, board, connected, port_of, tcp_server

from chiplink.sim.ch392_events import CommandTaken, SpiProblem
from chiplink.sim.events import BytesDropped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Master:
    """A host with SPI: each piece of a command, and the microseconds between them."""

    def __init__(self, host: Board) -> None:
        self.host = host
        self.spi = host.sim.spi

    def clock(self, *pieces: str, gap: int = 2) -> str:
        """Select, clock the pieces with gaps between them, release; return what the last got."""
        self.spi.select()
        out = b""
        for number, piece in enumerate(pieces):
            if number:
                self.spi.rest(gap)
            out = self.spi.exchange(bytes.fromhex(piece))
        self.spi.release()
        return out.hex(" ").upper()

    @property
    def problems(self) -> list[str]:
        return [event.problem for event in self.host.events if isinstance(event, SpiProblem)]

    @property
    def commands(self) -> list[tuple[int, str]]:
        taken = [event for event in self.host.events if isinstance(event, CommandTaken)]
        return [(event.code, event.arguments.hex(" ").upper()) for event in taken]


@pytest_asyncio.fixture
async def master() -> AsyncIterator[Master]:
    async with board(ready=False) as host:
        yield Master(host)


async def test_the_complement(master: Master) -> None:
    assert master.clock("06", "57", "00") == "A8"
    assert master.clock("06", "AA", "00") == "55"
    assert master.commands == [(0x06, "57"), (0x06, "AA")]
    assert master.problems == []


async def test_commands_of_each_form(master: Master) -> None:
    assert master.clock("01", "00") == "01"
    assert master.clock("22", "C0 A8 01 02") == "FF FF FF FF"
    assert master.clock("43", " 00" * 20) == "00 " * 8 + "FF FF FF 00" + " 00" * 8
    assert master.clock("3B", "00", "00 00") == "00 00"
    assert master.clock("05") == "FF"
    assert master.problems == []


async def test_one_byte_at_a_time(master: Master) -> None:
    assert master.clock("22", "C0", "A8", "01", "02", gap=1) == "FF"
    assert master.commands == [(0x22, "C0 A8 01 02")]
    assert master.clock("2D", "00", *["00"] * 6) == "00"
    assert master.problems == []


async def test_data_in_and_out_of_the_network() -> None:
    async with board() as host:
        master = Master(host)
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                assert master.clock("39", "00 05 00" + b"hello".hex()).startswith("FF")
                assert await peer.receive(5) == b"hello"
                await peer.send(b"world!")
                await host.wait(0, 0x04)
                await host.until(lambda: master.clock("3B", "00", "00 00") == "06 00")
                assert bytes.fromhex(master.clock("3C", "00 06 00", "00" * 6)) == b"world!"
        assert master.problems == []


async def test_gapless_at_a_slow_clock(master: Master) -> None:
    master.spi.set_clock(1_000_000)
    assert master.clock("06 57 00").endswith("A8")
    assert master.problems == []


async def test_no_gap_before_the_argument(master: Master) -> None:
    assert master.clock("06", "57", "00 00", gap=0) == "FF FF"
    assert master.commands == [(0x06, "00")]
    assert master.problems == ["an argument came within TSC of the code and is lost"]


async def test_no_gap_before_the_answer(master: Master) -> None:
    assert master.clock("2C", "00", gap=0) == "2C"
    assert master.problems == ["the answer was read within TSC and is the echo of the code"]
    assert master.clock("2C", "00", gap=1) == "00"
    assert len(master.problems) == 1


async def test_an_echo_comes_before_the_answer(master: Master) -> None:
    master.spi.select()
    master.spi.exchange(b"\x3c")
    master.spi.rest(2)
    master.spi.exchange(b"\x00\x04\x00")
    assert master.spi.exchange(bytes(4)).hex() == "3c000000"
    master.spi.release()
    assert len(master.problems) == 1


async def test_the_echo_as_a_fault(master: Master) -> None:
    master.host.sim.faults.switch_on("spi-echo=1,status")
    assert master.clock("01", "00") == "01"
    assert master.clock("2C", "00") == "2C"
    assert master.clock("2C", "00") == "00"
    assert master.problems == []


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        ((), "selected and released without a command"),
        (("22", "C0 A8"), "released after 2 of 4 argument bytes"),
        (("39", "00 05 00 61 62"), "released after 5 of 8 argument bytes"),
        (("43", "00" * 3), "released after 3 of 20 answer bytes"),
        (("2C", "00 00"), "1 bytes beyond the command and its answer"),
        (("3C", "00 01 10", "00" * 4097), "4097 bytes to read; a stream has 4096 at most"),
    ],
)
async def test_what_a_host_does_wrong(
    master: Master, pieces: tuple[str, ...], problem: str
) -> None:
    master.clock(*pieces)
    assert master.problems[0] == problem


async def test_a_command_that_is_given_up_is_not_carried_out(master: Master) -> None:
    master.clock("22", "C0 A8")
    assert master.commands == []
    assert master.clock("06", "57", "00") == "A8"


async def test_clocks_and_chip_select(master: Master) -> None:
    master.spi.set_clock(8_000_001)
    master.spi.set_clock(8_000_000)
    assert master.spi.exchange(b"\x06\x57") == b"\xff\xff"
    master.spi.select()
    master.spi.select()
    master.spi.release()
    master.spi.release()
    assert master.problems == [
        "a clock of 8000001 Hz; the most is 8000000",
        "clocked without chip select",
        "selected while it was selected",
        "selected and released without a command",
    ]


async def test_a_chip_in_reset_hears_nothing(master: Master) -> None:
    master.host.sim.restart()
    assert master.clock("06", "57", "00") == "FF"
    (dropped,) = master.host.of(BytesDropped)
    assert isinstance(dropped, BytesDropped)
    assert dropped.data.hex() == "065700"
    assert master.problems == []


async def test_a_command_that_nobody_knows(master: Master) -> None:
    assert master.clock("04", "00") == "FF"
    assert master.problems == ["1 bytes beyond the command and its answer"]


@pytest.mark.parametrize("fault", ["flip-in=#2", "flip-out=#3"])
async def test_a_flipped_bit(master: Master, fault: str) -> None:
    master.host.sim.faults.switch_on(fault)
    answer = int(master.clock("06", "57", "00"), 16)
    assert (answer ^ 0xA8).bit_count() == 1
    assert master.clock("06", "57", "00") == "A8"


async def test_bus_time(master: Master) -> None:
    master.spi.set_clock(8_000_000)
    master.clock("06", "57", "00")
    assert master.spi.busy == 7000  # three bytes of 1 µs and two gaps of 2 µs
