"""Commands of several tasks never interleave, and what is cancelled leaves the chip in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.ch392_chip import Ch392Chip
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.driver.sockets import Endpoint, KeepAlive, Kind
from chiplink.exceptions import CommandError
from chiplink.model import CommandRequest, Phase
from chiplink.protocol.ch392_commands import check_exist, init_ch392, open_socket_sn
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.sim.ch392_events import CommandTaken
from chiplink.sim.events import Replied
from chiplink.transport.memory import MemoryPort
from driver.ch392_bench import CLIENT, SERVER_LINK, SERVER_LINK_3, UDP, Ch392Bench, PaperBench
from driver.ch392_paper import PaperChip
from driver.fake_stack import CHIP, HOST
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.sockets import Socket
    from chiplink.sim.events import Event
    from driver.fake_stack import Stream

SLOW = {
    "CMD_INIT_CH392",
    "CMD_OPEN_SOCKET_SN",
    "CMD_TCP_LISTEN_SN",
    "CMD_TCP_CONNECT_SN",
    "CMD_TCP_DISCONNECT_SN",
    "CMD_CLOSE_SOCKET_SN",
    "CMD_DHCP_ENABLE",
}
"""Whose status must be asked for until it is not BUSY; nothing else meanwhile (section 5.12)."""


def _in_between(events: list[Event]) -> list[str]:
    """Commands that came before an earlier one's status was read as not BUSY."""
    busy, wrong = "", []
    for event in events:
        if isinstance(event, CommandTaken) and event.name != "CMD_GET_CMD_STATUS":
            if busy:
                wrong.append(f"{event.name} during {busy}")
            busy = event.name if event.name in SLOW else ""
        elif isinstance(event, Replied) and event.name == "CMD_GET_CMD_STATUS":
            busy = busy if event.data == b"\x10" else ""
    return wrong


class _Crowd:
    """Everybody who uses a bench at once, by chance."""

    def __init__(self, bench: Ch392Bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(seed)  # noqa: S311 - repeatable
        self.service = bench.listen()
        self.box = bench.mailbox(f"{HOST}:5000")

    async def pause(self, most: float) -> None:
        await asyncio.sleep(self.chance.random() * most)

    def some(self, most: int) -> bytes:
        return self.chance.randbytes(self.chance.randrange(1, most))

    async def serve(self) -> None:
        while True:
            stream = await self.service.accept()
            with contextlib.suppress(ConnectionResetError):
                for _piece in range(self.chance.randrange(1, 5)):
                    await stream.send(self.some(4000))
                    await self.pause(1)
            self.chance.choice([stream.finish, stream.reset])()

    async def call(self) -> None:
        while True:
            await self.pause(1)
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                stream = self.bench.call(source=f"{HOST}:{self.chance.randrange(1024, 60000)}")
                await stream.send(self.some(4000))
                stream.finish()

    async def post(self) -> None:
        while True:
            await self.pause(0.25)
            self.box.post(self.some(500), f"{CHIP}:5001")

    async def write(self) -> None:
        while True:
            await self.pause(0.25)
            self.bench.submit(f"link/{self.chance.choice(NAMES)}/tx", self.some(500))

    async def switch(self) -> None:
        while True:
            await self.pause(5)
            to = self.chance.choice(["OPEN", "CLOSE"])
            self.bench.submit(f"link/{self.chance.choice(NAMES)}/set", to)

    async def renew(self) -> None:
        while True:
            await self.pause(10)
            with contextlib.suppress(CommandError):
                request = CommandRequest("lan", "dhcp", None)
                await self.bench.device.execute(request, lambda _ms: None)

    async def be_there(self, seconds: float) -> None:
        work = (self.serve, self.call, self.post, self.write, self.switch, self.renew)
        tasks = [asyncio.create_task(each()) for each in work]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


NAMES = ("plc", "two", "srv", "udp")


@pytest.mark.parametrize("way", [{}, {"wired": False}, {"spi": True}], ids=["INT", "polled", "SPI"])
@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_everybody_at_once(seed: int, way: dict[str, bool]) -> None:
    bench = Ch392Bench(CLIENT, replace(CLIENT, id="two"), SERVER_LINK, UDP, **way)
    crowd = _Crowd(bench, seed)
    async with bench.running():
        await crowd.be_there(30)
        assert _in_between(bench.seen) == []
        assert bench.counters.get("replies_lost", 0) == 0
        assert bench.counters.get("int_stuck", 0) == 0
        assert bench.online
        for link in ("plc", "two", "udp"):
            bench.submit(f"link/{link}/set", "OPEN")
            await bench.opened(link)
    assert _in_between(bench.seen) == []
    assert bench.open_sockets == []


def _at_command(bench: Ch392Bench, count: int, action: Callable[[], object]) -> None:
    """Do `action` when the chip has taken its next `count` commands."""
    left = Counter(left=count)

    def watch(event: Event) -> None:
        if isinstance(event, CommandTaken):
            left["left"] -= 1
            if left["left"] == 0:
                asyncio.get_running_loop().call_soon(action)

    bench.sim.observe(watch)


LINKS = {"plc": CLIENT, "srv": SERVER_LINK_3, "udp": UDP}


@pytest.mark.parametrize("count", [*range(1, 24), 30, 40])
@pytest.mark.parametrize("name", LINKS)
@virtual
async def test_closed_while_it_is_opened(name: str, count: int) -> None:
    bench = Ch392Bench(replace(LINKS[name], open=False))
    bench.listen()
    async with bench.running():
        await asyncio.sleep(1.5)
        closing: list[str] = []
        _at_command(bench, count, lambda: closing.append(bench.submit(f"link/{name}/set", "CLOSE")))
        opening = bench.submit(f"link/{name}/set", "OPEN")
        await bench.until(lambda: closing)
        assert (await bench.ending(opening)).phase is Phase.DONE
        assert (await bench.ending(closing[0])).phase is Phase.DONE
        assert bench.phase(name) == "closed"
        assert bench.open_sockets == []
        assert bench.ether.links == []
        assert _in_between(bench.seen) == []
        await bench.set(name, "OPEN")
        await bench.opened(name, "listening" if name == "srv" else "open")
        assert bench.online


@pytest.mark.parametrize("count", [*range(1, 90, 3), 120])
@virtual
async def test_stopped_while_it_begins(count: int) -> None:
    bench = Ch392Bench(CLIENT, UDP)
    bench.listen()
    reached = asyncio.Event()
    _at_command(bench, count, reached.set)
    bench.start()
    await reached.wait()
    await bench.stop()
    assert bench.port.line is None
    assert bench.open_sockets == []
    assert _in_between(bench.seen) == []
    bench.renew()
    bench.start()
    await bench.opened("plc")
    await bench.stop()
    bench.sim.close()


@pytest.mark.parametrize("count", range(1, 40, 2))
@virtual
async def test_stopped_in_the_middle_of_a_message(count: int) -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.start()
    await bench.opened("plc")
    stream = await service.accept()
    data = random.Random(1).randbytes(30_000)  # noqa: S311 - a pattern
    reached = asyncio.Event()
    _at_command(bench, count, reached.set)
    bench.submit("link/plc/tx", data)
    reading = asyncio.create_task(_read_to_the_end(stream))
    await reached.wait()
    await bench.stop()
    got = await reading
    assert got == data[: len(got)]
    assert bench.open_sockets == []
    assert _in_between(bench.seen) == []
    bench.sim.close()


async def _read_to_the_end(stream: Stream) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while data := await stream.read():
            got += data
    stream.finish()
    return got


# The chip by itself


@virtual
async def test_keep_alive_times_stay_in_order_when_setting_them_is_cancelled() -> None:
    bench = PaperBench()
    times = {0x56: 20000, 0x57: 15000}
    seen: list[tuple[int, int]] = []
    async with bench.running():
        stack = bench.device.stack
        await stack.ready()
        wanted = Endpoint(kind=Kind.TCP_CLIENT, host=HOST, port=502)

        def connect(idle: float) -> asyncio.Task[Socket]:
            return asyncio.create_task(
                stack.connect(replace(wanted, keep_alive=KeepAlive(idle, 0.5, 9)))
            )

        def note(code: int, arguments: bytes) -> None:
            if code in times:
                times[code] = int.from_bytes(arguments, "little")
                seen.append((times[0x56], times[0x57]))
                first.cancel()

        bench.paper.on_command = note
        first = connect(16)
        await asyncio.wait({first})
        second = connect(10)
        await bench.until(lambda: bench.paper.of(0x37))
        assert all(idle > interval for idle, interval in seen)
        assert seen[-1] == (10000, 500)
        second.cancel()
        await asyncio.wait({second})


async def _chip(paper: PaperChip) -> Ch392Chip:
    counters: Counter[str] = Counter()
    bus = await UartBusPort(MemoryPort(paper, baud=9600), DEFAULT).connect(counters, lambda: None)
    return Ch392Chip(bus, DEFAULT, counters)


@pytest.mark.parametrize("name", LINKS)
@virtual
async def test_closed_twice_it_can_be_opened_again(name: str) -> None:
    bench = Ch392Bench(LINKS[name])
    bench.listen()
    async with bench.running():
        for pause in range(6):
            await bench.opened(name, "listening" if name == "srv" else "open")
            closing = [bench.submit(f"link/{name}/set", "CLOSE")]
            await asyncio.sleep(pause / 1000)
            closing.append(bench.submit(f"link/{name}/set", "CLOSE"))
            for number in closing:
                assert (await bench.ending(number)).phase is Phase.DONE
            assert bench.open_sockets == []
            assert (await bench.set(name, "OPEN")).phase is Phase.DONE


@pytest.mark.parametrize("count", range(2, 60, 3))
@virtual
async def test_cancelled_twice_it_leaves_no_socket_taken(count: int) -> None:
    bench = Ch392Bench(sockets=1)
    bench.listen()
    wanted = Endpoint(kind=Kind.TCP_CLIENT, host=HOST, port=502)
    async with bench.running():
        stack = bench.device.stack
        await stack.ready()
        connecting = asyncio.create_task(stack.connect(wanted))
        await asyncio.sleep(count / 1000)
        for _time in range(2):
            connecting.cancel()
            await asyncio.sleep(0.001)
        await asyncio.wait({connecting})
        if not connecting.cancelled():
            await connecting.result().close()
        await asyncio.sleep(1)
        assert bench.open_sockets == []
        await (await stack.connect(wanted)).close()


@virtual
async def test_a_cancelled_question_takes_its_answer_with_it() -> None:
    paper = PaperChip()
    chip = await _chip(paper)
    for turns in range(12):
        asking = asyncio.create_task(chip.ask(check_exist(0x11)))
        for _turn in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        assert await chip.ask(check_exist(0x22)) == [b"\xdd"]
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    await chip.bus.close()


@pytest.mark.parametrize("twice", [False, True])
@virtual
async def test_a_cancelled_command_is_waited_for(twice: bool) -> None:  # noqa: FBT001
    paper = PaperChip()
    paper.busy = 20
    chip = await _chip(paper)
    doing = asyncio.create_task(chip.perform(open_socket_sn(0)))
    await asyncio.sleep(0.01)
    doing.cancel()
    await asyncio.sleep(0)
    if twice:
        doing.cancel()
    assert await chip.ask(check_exist(0x22)) == [b"\xdd"]
    assert paper.early == []
    with contextlib.suppress(asyncio.CancelledError):
        await doing
    await chip.perform(init_ch392())
    await chip.bus.close()
