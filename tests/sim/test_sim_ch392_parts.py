"""Parts of the simulated CH392 alone: the delay of its network, and its packet memory."""

import asyncio

from chiplink.sim.ch392_memory import Area, Memory
from chiplink.sim.ether_delay import OrderedDelay


async def test_delay_keeps_the_order_and_the_time() -> None:
    seen: list[str] = []
    seconds = 0.001
    delay = OrderedDelay(lambda: seconds)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    delay.push(lambda: seen.append("late"))
    seconds = 0.0
    delay.push(lambda: seen.append("behind it, though it needs no time"))
    delay.push(lambda: done.set_result(None))
    assert seen == []
    async with asyncio.timeout(20):
        await done
    assert seen == ["late", "behind it, though it needs no time"]
    delay.push(lambda: seen.append("at once"))
    assert seen[-1] == "at once"


async def test_delay_can_be_cut_short_or_forgotten() -> None:
    seen: list[int] = []
    delay = OrderedDelay(lambda: 1000.0)
    delay.push(lambda: seen.append(1))
    delay.push(lambda: seen.append(2))
    delay.run_all()
    assert seen == [1, 2]
    delay.push(lambda: seen.append(3))
    delay.clear()
    delay.run_all()
    assert seen == [1, 2]


def test_an_area_is_a_ring() -> None:
    area = Area(Memory(), 0, 1)
    assert area.put(b"a" * 500) == 0
    assert area.take(499) == b"a" * 499
    assert area.put(b"b" * 500) == 0
    assert (area.used, area.free) == (501, 35)
    assert area.take(501) == b"a" + b"b" * 500
    assert area.used == 0


def test_an_area_overwrites_its_oldest() -> None:
    area = Area(Memory(), 0, 1)
    assert area.put(b"a" * 500) == 0
    assert area.put(b"b" * 100) == 64
    assert area.take(536) == b"a" * 436 + b"b" * 100
    assert area.put(bytes(range(256)) * 3) == 232
    assert area.take(536) == (bytes(range(256)) * 3)[232:]


def test_what_is_read_beyond_the_newest_is_what_stood_there() -> None:
    area = Area(Memory(), 0, 1)
    area.put(b"old!")
    area.clear()
    area.put(b"xy")
    assert area.take(6) == b"xyd!\0\0"
    assert area.used == 0


def test_an_area_of_no_blocks_takes_nothing() -> None:
    area = Area(Memory(), 0, 0)
    assert area.put(b"abc") == 3
    assert area.take(2) == b"\0\0"


def test_blocks_beyond_the_memory_wrap() -> None:
    memory = Memory()
    Area(memory, 8, 1).put(b"wraps")
    assert memory.read(0, 5) == b"wraps"
    assert Area(memory, 0, 255).size == 4288
