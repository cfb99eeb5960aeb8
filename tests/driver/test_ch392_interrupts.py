"""The CH392's interrupts: every bit acted on, by INT# and by polling, and no spinning."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from chiplink.model import Phase
from driver.ch392_bench import (
    CLIENT,
    SERVER_LINK,
    STATIC,
    UDP,
    UDP_SERVER,
    Ch392Bench,
    MemorySpi,
    PaperBench,
    Pin,
)
from driver.ch392_paper import (
    CONNECT,
    DISCONNECT,
    ESTABLISHED,
    RECV,
    SENBUF_FREE,
    SEND_OK,
    TIM_OUT,
)
from driver.fake_stack import HOST
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from collections.abc import Sequence

BOTH_WAYS = pytest.mark.parametrize("wired", [True, False], ids=["INT", "polled"])
UNREACH, IP_CONFLI, PHY_CHANGE, DHCP = 0x01, 0x02, 0x04, 0x08


async def _connected(bench: PaperBench) -> None:
    await bench.until(lambda: bench.paper.of(0x37))
    await asyncio.sleep(0.1)
    bench.paper.connect(0)
    await bench.opened("plc")
    await asyncio.sleep(2)


def _watched(paper_bench: PaperBench) -> dict[str, bool]:
    """Which of the global bits were acted on since `said` and `events` were cleared."""
    said = paper_bench.paper.said
    keys = {event.key for event in paper_bench.said.events}
    return {
        "unreach": "28" in said and "unreachable" in keys,
        "conflict": "ip_conflict" in keys,
        "phy": "26" in said,
        "dhcp": "42" in said and "43" in said,
        **{f"socket {number}": f"30 0{number}" in said for number in range(4)},
    }


BITS = {
    "unreach": UNREACH,
    "conflict": IP_CONFLI,
    "phy": PHY_CHANGE,
    "dhcp": DHCP,
    **{f"socket {number}": 0x10 << number for number in range(4)},
}
SETS = [
    *((name,) for name in BITS),
    *combinations(BITS, 2),
    ("phy", "dhcp", "socket 0"),
    tuple(BITS),
]


@BOTH_WAYS
@virtual
async def test_every_bit_of_the_global_status_is_acted_on(wired: bool) -> None:  # noqa: FBT001
    bench = PaperBench(CLIENT, SERVER_LINK, UDP, UDP_SERVER, wired=wired)
    async with bench.running():
        await _connected(bench)
        await bench.opened("log")
        await bench.opened("srv", "listening")
        await bench.opened("udp")
        for names in SETS:
            await asyncio.sleep(0.5)
            bench.paper.said.clear()
            bench.said.events.clear()
            bench.paper.interrupt(sum(BITS[name] for name in names))
            await asyncio.sleep(0.5)
            acted = {name for name, did in _watched(bench).items() if did}
            assert set(names) <= acted, names
            assert bench.online


@BOTH_WAYS
@virtual
async def test_what_the_chip_says_with_its_bits(wired: bool) -> None:  # noqa: FBT001
    bench = PaperBench(wired=wired)
    bench.paper.answers[0x28] = lambda _arguments: bytes.fromhex("03 11 39 30 C0 A8 01 63")
    async with bench.running():
        bench.paper.interrupt(UNREACH | IP_CONFLI)
        await bench.until(lambda: len(bench.said.events) == 2)
        told = {event.key: (event.event_type, dict(event.data)) for event in bench.said.events}
        unreachable = {"ip": "192.168.1.99", "port": 12345, "protocol": 17, "code": 3}
        assert told == {
            "ip_conflict": ("conflict", {"ip": "192.168.1.60"}),
            "unreachable": ("unreachable", unreachable),
        }
        bench.paper.phy = 0x04
        bench.paper.interrupt(PHY_CHANGE)
        await bench.until(lambda: bench.value("phy") == "half_duplex")


@BOTH_WAYS
@virtual
async def test_a_whole_connection_in_one_status(wired: bool) -> None:  # noqa: FBT001
    bench = PaperBench(CLIENT, wired=wired)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        await asyncio.sleep(0.1)
        bench.paper.tell(0, CONNECT | RECV | DISCONNECT, b"all of it", ESTABLISHED)
        await bench.opened("plc", "backoff")
        assert bench.said.received("plc") == b"all of it"
        assert ("plc", "open") in bench.said.phases
        assert bench.info("plc")["last_error"] == "the other side closed the connection"
        assert bench.paper.of(0x3D) == ["3D 00"]


@BOTH_WAYS
@virtual
async def test_data_and_free_buffer_in_one_status(wired: bool) -> None:  # noqa: FBT001
    bench = PaperBench(CLIENT, wired=wired)
    async with bench.running():
        await _connected(bench)
        bench.paper.after_write = 0
        number = bench.submit("link/plc/tx", b"question")
        await asyncio.sleep(0.3)
        assert bench.endings(number) == []
        bench.paper.tell(0, SENBUF_FREE | SEND_OK | RECV, b"answer")
        result = await bench.ending(number)
        assert (result.phase, result.value) == (Phase.DONE, {"level": "sent", "bytes": 8})
        await bench.until(lambda: bench.said.received("plc") == b"answer")


@BOTH_WAYS
@virtual
async def test_the_receipt_counts_although_the_connection_has_ended(
    wired: bool,  # noqa: FBT001
) -> None:
    bench = PaperBench(CLIENT, wired=wired)
    async with bench.running():
        await _connected(bench)
        bench.paper.after_write = SENBUF_FREE | SEND_OK | TIM_OUT
        result = await bench.send("plc", b"last words")
        assert (result.phase, result.value) == (Phase.DONE, {"level": "sent", "bytes": 10})
        await bench.opened("plc", "backoff")
        assert bench.info("plc")["last_error"] == "the other side does not answer"


@virtual
async def test_a_spurious_interrupt_is_nothing_unusual() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        for _time in range(5):
            bench.paper.said.clear()
            bench.paper.interrupt(0)
            await asyncio.sleep(0.2)
            assert bench.paper.said.count("29") == 1
        assert bench.online
        assert bench.phase("plc") == "open"


@virtual
async def test_spurious_interrupts_all_the_time() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.sim.faults.switch_on("int-spurious")
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        await stream.send(bytes(range(256)) * 20)
        await bench.until(lambda: bench.said.received("plc") == bytes(range(256)) * 20)
        assert (await bench.send("plc", b"x" * 3000)).phase is Phase.DONE
        assert await stream.read_exactly(3000) == b"x" * 3000
        before = len(bench.commands(0x29))
        await asyncio.sleep(20)
        assert len(bench.commands(0x29)) - before < 600  # as when it is stuck


@virtual
async def test_lost_edges_cost_a_second_each() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.sim.faults.switch_on("int-lost")
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        await stream.send(b"hello")
        await bench.until(lambda: bench.said.received("plc") == b"hello", within=1.5)
        assert (await bench.send("plc", b"x" * 3000)).phase is Phase.DONE
        assert await stream.read_exactly(3000) == b"x" * 3000
        stream.finish()
        await bench.until(lambda: bench.phase("plc") != "open", within=1.5)


@virtual
async def test_stuck_low_is_polled_and_does_not_spin() -> None:
    bench = Ch392Bench(CLIENT, **STATIC)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        bench.sim.faults.switch_on("int-stuck-low")
        await asyncio.sleep(5)
        assert bench.counters["int_stuck"] == 1
        before, looks = len(bench.commands(0x29)), bench.pins[-1].looks
        await asyncio.sleep(10)
        # Idle, it is looked at twenty times a second.
        assert 190 < len(bench.commands(0x29)) - before < 210
        assert bench.pins[-1].looks - looks < 420
        await stream.send(b"hello")
        await bench.until(lambda: bench.said.received("plc") == b"hello", within=0.1)
        assert (await bench.send("plc", b"x" * 3000)).phase is Phase.DONE
        assert await stream.read_exactly(3000) == b"x" * 3000
        bench.sim.faults.clear()
        await asyncio.sleep(5)
        before = len(bench.commands())
        await asyncio.sleep(20)
        assert len(bench.commands()) - before < 60  # a heartbeat now and then
        await stream.send(b" again")
        await bench.until(lambda: bench.said.received("plc") == b"hello again", within=0.1)


@virtual
async def test_wired_and_idle_it_is_hardly_asked() -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        await asyncio.sleep(5)
        before = len(bench.commands())
        await asyncio.sleep(60)
        # Every 5 s cable, address and each socket, each batch with its CHECK_EXIST.
        assert 30 < len(bench.commands()) - before < 150


@virtual
async def test_not_wired_it_is_polled_at_two_paces() -> None:
    bench = Ch392Bench(CLIENT, wired=False)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        await asyncio.sleep(5)
        before = len(bench.commands(0x29))
        await asyncio.sleep(10)
        assert 190 < len(bench.commands(0x29)) - before < 210
        await stream.send(b"x")
        await bench.until(lambda: bench.said.received("plc") == b"x")
        before = len(bench.commands(0x29))
        await asyncio.sleep(0.4)
        assert 60 < len(bench.commands(0x29)) - before < 90


class _Unreadable(Pin):
    def level(self) -> int | None:
        super().level()
        return None


@virtual
async def test_a_level_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driver.ch392_bench.Pin", _Unreadable)
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    bench.sim.faults.switch_on("int-lost=50%")
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        await stream.send(bytes(5000))
        await bench.until(lambda: bench.said.received("plc") == bytes(5000))
        assert (await bench.send("plc", bytes(3000))).phase is Phase.DONE


@virtual
async def test_another_event_while_one_is_looked_at() -> None:
    bench = PaperBench(CLIENT)
    more = [b"one ", b"two ", b"three"]

    def arrives(code: int, _arguments: bytes) -> None:
        # Behind the reading of the global status, so INT# goes low again at once.
        if code == 0x30 and more:
            bench.paper.tell(0, RECV, more.pop(0))

    async with bench.running():
        await _connected(bench)
        bench.paper.on_command = arrives
        bench.paper.tell(0, RECV, b"zero ")
        await bench.until(lambda: bench.said.received("plc") == b"zero one two three")
        assert not bench.paper.int_low


@virtual
async def test_stray_status_bytes_wake_whoever_polls() -> None:
    bench = Ch392Bench(CLIENT, wired=False)
    service = bench.listen()
    bench.sim.faults.switch_on("stray-status")
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        data = bytes(range(256)) * 40
        await stream.send(data)
        await bench.until(lambda: len(bench.said.received("plc")) >= len(data))
        assert bench.said.received("plc") == data


OTHER = replace(CLIENT, id="other", port=503)


async def _one_waits(bench: PaperBench) -> str:
    """Connect both links; the other's WRITE is not taken yet. Returns its id."""
    await bench.until(lambda: len(bench.paper.of(0x37)) == 2)
    await asyncio.sleep(0.1)
    for number in (0, 1):
        bench.paper.connect(number)
    await bench.opened("plc")
    await bench.opened("other")
    await asyncio.sleep(0.5)
    bench.paper.after_write = 0
    number = bench.submit("link/other/tx", b"x")
    await asyncio.sleep(0.3)
    return number


@virtual
async def test_a_socket_that_is_closed_does_not_hide_what_it_read_of_another() -> None:
    bench = PaperBench(CLIENT, OTHER)
    async with bench.running():
        sending = await _one_waits(bench)
        closing: list[str] = []

        def close(code: int, _arguments: bytes) -> None:
            if code == 0x29 and bench.paper.of(0x3C) and not closing:
                closing.append(bench.submit("link/plc/set", "CLOSE"))
                bench.paper.tell(1, SENBUF_FREE | SEND_OK)

        bench.paper.on_command = close
        bench.paper.tell(0, RECV, b"read, and then looked for more")
        async with asyncio.timeout(1):
            assert (await bench.ending(sending)).phase is Phase.DONE
        assert closing


@virtual
async def test_nonsense_of_one_socket_does_not_hide_another() -> None:
    bench = PaperBench(CLIENT, OTHER)
    async with bench.running():
        sending = await _one_waits(bench)
        nonsense: list[bytes] = []

        def status(arguments: bytes) -> bytes:
            if arguments == b"\x00" and not nonsense:
                nonsense.append(b"\xff")
                return nonsense[0]
            each = bench.paper.sockets[arguments[0]]
            bits, each.bits = each.bits, 0
            return bytes([bits])

        def free(code: int, _arguments: bytes) -> None:
            if code == 0x29 and bench.paper.of(0x3C) and not nonsense:
                bench.paper.answers[0x30] = status
                bench.paper.tell(1, SENBUF_FREE | SEND_OK)

        bench.paper.on_command = free
        bench.paper.tell(0, RECV, b"read, and then looked for more")
        async with asyncio.timeout(1):
            assert (await bench.ending(sending)).phase is Phase.DONE
        assert nonsense


@BOTH_WAYS
@virtual
async def test_a_link_that_is_always_busy_leaves_the_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
    wired: bool,  # noqa: FBT001
) -> None:
    at_once = MemorySpi.run

    async def run(self: MemorySpi, commands: Sequence[bytes]) -> list[bytes]:
        await asyncio.sleep(0.003)  # else nothing takes any time
        return await at_once(self, commands)

    monkeypatch.setattr(MemorySpi, "run", run)
    bench = Ch392Bench(CLIENT, OTHER, wired=wired, spi=True)
    many, few = bench.listen(), bench.listen(f"{HOST}:503")
    async with bench.running():
        await bench.opened("plc")
        await bench.opened("other")
        stream = await few.accept()
        flood = asyncio.create_task((await many.accept()).send(bytes(1_000_000)))
        for count in range(1, 6):
            await asyncio.sleep(0.5)
            await stream.send(b"x")
            async with asyncio.timeout(0.3):
                await bench.until(lambda count=count: len(bench.said.received("other")) == count)
        assert 0 < len(bench.said.received("plc")) < 1_000_000
        await bench.until(lambda: len(bench.said.received("plc")) == 1_000_000)
        await flood
