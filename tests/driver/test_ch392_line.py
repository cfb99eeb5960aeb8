"""What a line without checksums does to the CH392's commands and replies, and what notices it."""

from __future__ import annotations

import asyncio

import pytest

from chiplink.exceptions import Code
from chiplink.model import Phase
from driver.ch392_bench import CLIENT, UDP, Ch392Bench, PaperBench
from driver.ch392_paper import CONNECT, ESTABLISHED, RECV
from driver.virtual_clock import virtual


async def _connected(bench: PaperBench) -> None:
    await bench.until(lambda: bench.paper.of(0x37))
    await asyncio.sleep(0.1)
    bench.paper.tell(0, CONNECT, state=ESTABLISHED)
    await bench.opened("plc")
    await asyncio.sleep(1)
    bench.paper.said.clear()


@virtual
async def test_what_sets_something_is_said_twice_and_asked_for() -> None:
    # A command that loses a byte of its head is dropped without a trace; one that loses an
    # argument takes the first byte of what follows, whose answer then does not come.
    bench = PaperBench(CLIENT)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        said = bench.paper.said
        first = said.index("34 00 03")
        head = " ".join(each[:2] for each in said[first : first + 14])
        assert head == "34 31 32 33 34 06 31 06 32 06 33 06 06 06"
        # Where to is read back: data must not go elsewhere.
        assert said[first + 14] == "2D 00"


@virtual
async def test_a_destination_that_the_chip_tells_otherwise_is_set_again() -> None:
    bench = PaperBench(CLIENT)
    wrong = [bytes.fromhex("C0 00 02 09 F6 01"), bytes.fromhex("C0 00 02 01 F6 02")]
    right = bytes.fromhex("C0 00 02 01 F6 01")
    bench.paper.answers[0x2D] = lambda _arguments: wrong.pop(0) if wrong else right
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        assert len(bench.paper.of(0x2D)) == 3
        assert bench.counters["settings_lost"] == 2


@virtual
async def test_a_chip_that_never_tells_its_destination_is_used_all_the_same() -> None:
    bench = PaperBench(CLIENT, UDP)
    bench.paper.answers[0x2D] = lambda _arguments: bytes(6)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        bench.paper.connect(0)
        await bench.opened("plc")
        await bench.opened("udp")
        assert (await bench.send("plc", b"x")).phase is Phase.DONE


@pytest.mark.parametrize("stray", [b"\x00", b"\x10", b"\xff"])
@virtual
async def test_a_stray_byte_shifts_no_reply(stray: bytes) -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        sneaked = []

        def sneak(code: int, _arguments: bytes) -> None:
            if code == 0x3C and not sneaked:
                sneaked.append(code)
                bench.paper.push(stray)

        bench.paper.on_command = sneak
        bench.paper.tell(0, RECV, b"some data")
        await bench.opened("plc", "backoff")
        # Nobody can tell which byte was the stray one, so nothing is handed on.
        assert bench.said.data == []
        words = "a reply of the chip was lost on the line, received data with it"
        assert bench.info("plc")["last_error"] == words
        assert bench.online


@virtual
async def test_a_length_that_is_too_long_brings_no_garbage() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.sockets[0].received = b"nine byte"
        lengths = [b"\x0a\x00"]  # once; then the truth

        def length(_arguments: bytes) -> bytes:
            there = len(bench.paper.sockets[0].received)
            return lengths.pop() if lengths else there.to_bytes(2, "little")

        bench.paper.answers[0x3B] = length
        bench.paper.tell(0, RECV)
        await bench.opened("plc", "backoff")
        assert bench.said.data == []


@pytest.mark.parametrize("status", [0x20, 0x80, 0xFF])
@virtual
async def test_a_status_that_is_none_is_not_acted_on(status: int) -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.tell(0, status)
        await asyncio.sleep(1)
        assert bench.phase("plc") == "open"
        bench.paper.tell(0, RECV, b"still there")
        await bench.until(lambda: bench.said.received("plc") == b"still there")


@virtual
async def test_the_answer_to_a_write_is_lost() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.answers[0x3B] = lambda _arguments: b"\x00"  # one byte of two
        result = await bench.send("plc", b"x")
        assert result.error is Code.UNKNOWN
        assert result.detail == "a reply of the chip was lost on the line; what was sent is unknown"
        del bench.paper.answers[0x3B]
        # What came after it might have a gap before it, so the connection ends.
        await bench.opened("plc", "backoff")
        assert bench.online


@virtual
async def test_the_answer_to_another_question_is_lost() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        answers = [b""]  # no answer, once
        bench.paper.answers[0x30] = lambda _arguments: answers.pop() if answers else b"\x04"
        bench.paper.tell(0, RECV, b"here it is")
        await bench.until(lambda: bench.said.received("plc") == b"here it is")
        assert bench.phase("plc") == "open"
        assert bench.counters["replies_lost"] == 1


@virtual
async def test_a_chip_that_reads_as_ff_over_spi() -> None:
    bench = Ch392Bench(CLIENT, spi=True)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        bench.sim.faults.switch_on("no-answer")
        await stream.send(b"into the void")
        await bench.until(lambda: not bench.online)
        assert bench.value("last_error") == "the chip stopped answering; is it powered?"
        assert bench.said.data == []
        bench.sim.faults.clear()
        await bench.opened("plc")
