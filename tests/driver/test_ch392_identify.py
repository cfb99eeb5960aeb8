"""Finding the CH392 on a serial line, its rate, and its way back from whatever it was in."""

from __future__ import annotations

import asyncio

import pytest

from chiplink.model import Phase
from driver.ch392_bench import CLIENT, STATIC, Ch392Bench, PaperBench
from driver.virtual_clock import virtual

pytestmark = pytest.mark.uart

RATES = (4800, 9600, 19200, 38400, 57600, 115200, 460800, 921600)
"""Section 5.2, without the one that Linux lacks."""


def _set_rate(bench: Ch392Bench, baud: int) -> None:
    """Leave the chip at a rate, as a program did that was here before."""
    bench.sim.receive(b"\x57\xab\x02" + baud.to_bytes(3, "little"))


@pytest.mark.parametrize("warm", RATES)
@virtual
async def test_a_warm_chip_is_found_at_every_rate(warm: int) -> None:
    bench = Ch392Bench(**STATIC)
    _set_rate(bench, warm)
    await asyncio.sleep(0.1)
    assert bench.sim.baud == warm
    async with bench.running():
        assert bench.sim.baud == 115200
        assert bench.value("firmware") == "01h"
        assert bench.value("mac") == "84:c2:e4:00:03:92"
        assert bench.memory == {"baud": 115200}


@pytest.mark.parametrize("wanted", RATES)
@virtual
async def test_it_is_brought_to_the_wanted_rate(wanted: int) -> None:
    bench = Ch392Bench(baud=wanted, **STATIC)
    async with bench.running():
        assert bench.sim.baud == wanted
        assert bench.counters.get("baud_fallback", 0) == 0
        assert bench.counters.get("replies_lost", 0) == 0


@virtual
async def test_the_rate_found_last_is_tried_first() -> None:
    bench = Ch392Bench(memory={"baud": 57600}, **STATIC)
    _set_rate(bench, 57600)
    await asyncio.sleep(0.1)
    async with bench.running():
        assert bench.port.rates == [57600]
        # It was asked at no other rate before it was reset.
        checks = [event for event in bench.commands() if event[:1] in b"\x06\x05"]
        assert checks[3] == b"\x05"


@pytest.mark.parametrize("came", ["", "00", "00 30 04", "00 30 04 11 22"])
@virtual
async def test_a_chip_left_in_the_middle_of_a_write(came: str) -> None:
    bench = Ch392Bench(**STATIC)
    _set_rate(bench, 115200)
    await asyncio.sleep(0.1)
    bench.sim.receive(bytes.fromhex("57 AB 39" + came))
    async with bench.running():
        assert bench.value("mac") == "84:c2:e4:00:03:92"


@virtual
async def test_only_bytes_that_make_no_sense() -> None:
    bench = PaperBench()
    bench.paper.answers[0x06] = lambda arguments: arguments  # not its complement
    bench.start()
    await bench.until(lambda: "no CH392 answers at" in str(bench.value("last_error")))
    assert not bench.online
    assert "is SEL high or open?" in str(bench.value("last_error"))
    del bench.paper.answers[0x06]
    await bench.until(lambda: bench.online)
    await bench.stop()


@virtual
async def test_a_chip_that_says_nothing_and_then_does() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.sim.faults.switch_on("no-answer")
    bench.start()
    await bench.until(lambda: "no CH392 answers at" in str(bench.value("last_error")))
    bench.sim.faults.clear()
    await bench.opened("plc")
    await service.accept()
    await bench.stop()
    bench.sim.close()


@virtual
async def test_a_chip_that_talks_all_the_time() -> None:
    bench = PaperBench()

    async def chatter() -> None:
        while True:
            bench.paper.push(b"\x55\xaa\x00")
            await asyncio.sleep(0.01)

    talking = asyncio.create_task(chatter())
    bench.start()
    await asyncio.sleep(30)
    assert bench.counters["stray_bytes"] > 1000
    talking.cancel()
    await bench.until(lambda: bench.online)
    await bench.stop()


@pytest.mark.parametrize("silent", [False, True], ids=["5F", "no answer"])
@virtual
async def test_a_chip_that_stays_at_its_rate(silent: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(**STATIC)
    bench.sim.chip.baud_wanted = lambda _baud: silent
    async with bench.running():
        assert bench.sim.baud == 9600
        assert bench.counters["baud_fallback"] == 1
        assert bench.memory == {"baud": 9600}
        assert (await bench.do("reset")).phase is Phase.DONE


@virtual
async def test_a_change_whose_command_is_lost_is_tried_again() -> None:
    bench = Ch392Bench(**STATIC)
    bench.sim.faults.switch_on("no-answer=baud,2")
    async with bench.running():
        assert bench.sim.baud == 115200
        assert bench.counters.get("baud_fallback", 0) == 0


@virtual
async def test_the_configured_rate_counts_before_the_remembered() -> None:
    bench = Ch392Bench(baud=9600, memory={"baud": 4711}, **STATIC)
    async with bench.running():
        assert bench.port.rates == [9600]
        assert bench.commands(0x02) == []


@virtual
async def test_a_port_that_is_not_there_and_is_lost_again() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.sim.faults.switch_on("hangup")
    bench.start()
    await bench.until(lambda: "no such port" in str(bench.value("last_error")))
    for _round in range(3):
        bench.sim.faults.switch_off("hangup")
        await bench.opened("plc")
        await service.accept()
        assert bench.value("last_error") == ""
        bench.sim.faults.switch_on("hangup")
        await bench.until(lambda: not bench.online and bench.phase("plc") == "backoff")
        assert bench.port.line is None
    assert all(pin.closed for pin in bench.pins)
    await bench.stop()
    bench.sim.close()
