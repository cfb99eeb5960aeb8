"""All four sockets of the CH392 at work for long, with interrupts lost and invented."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chiplink.model import Phase
from driver.ch392_bench import CLIENT, Ch392Bench
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from driver.fake_stack import Stream

LINKS = tuple(replace(CLIENT, id=f"link{number}") for number in range(4))
ROUNDS = 120
LONGEST = 3000
"""Messages of each link, and their most bytes: a chip's socket has 536 each way."""

FAULTS = ("int-lost=30%", "int-spurious=30%")


async def _echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.send(data)


async def _talk(bench: Ch392Bench, link: str, chance: random.Random) -> bytes:
    """Send messages of any length one after another; return all of them."""
    sent = b""
    for _round in range(ROUNDS):
        data = chance.randbytes(chance.randrange(1, LONGEST))
        result = await bench.send(link, data)
        assert (result.phase, result.detail) == (Phase.DONE, "")
        sent += data
    return sent


@pytest.mark.parametrize("wired", [True, False], ids=["INT", "polled"])
@virtual
async def test_four_sockets_with_lost_and_spurious_interrupts(wired: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(*LINKS, wired=wired, baud=921600, seed=3)
    service = bench.listen()
    async with bench.running():
        for link in LINKS:
            await bench.opened(link.id)
        echoes = [asyncio.create_task(_echo(await service.accept())) for _link in LINKS]
        for fault in FAULTS:
            bench.sim.faults.switch_on(fault)
        sent = await asyncio.gather(
            *(
                _talk(bench, link.id, random.Random(number))  # noqa: S311 - repeatable
                for number, link in enumerate(LINKS)
            )
        )
        for link, data in zip(LINKS, sent, strict=True):
            await bench.until(lambda: len(bench.said.received(link.id)) >= len(data))  # noqa: B023
            assert bench.said.received(link.id) == data
        assert {bench.phase(link.id) for link in LINKS} == {"open"}
        assert bench.counters.get("replies_lost", 0) == 0
        for echo in echoes:
            echo.cancel()
        await asyncio.wait(echoes)
    assert bench.open_sockets == []
