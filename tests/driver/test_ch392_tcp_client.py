"""A TCP connection that the CH392 opens, over a simulated chip and over one on paper."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.sockets import KeepAlive, Kind
from chiplink.exceptions import Code
from chiplink.model import LinkPhase, Phase
from chiplink.sim.ch392_events import CommandTaken, DataLost
from driver.ch392_bench import CLIENT, PLC, STATIC, Ch392Bench, LinkSettings, PaperBench
from driver.ch392_paper import (
    CLOSE_WAIT,
    DISCONNECT,
    RECV,
    SENBUF_FREE,
    SEND_OK,
    TIM_OUT,
)
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from driver.fake_stack import Stream

BOTH_WAYS = pytest.mark.parametrize("wired", [True, False], ids=["INT", "polled"])
NO_ANSWER = f"no connection to {PLC}: no answer, or refused; the chip does not tell which"


def _random(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - a pattern


async def _echo(stream: Stream) -> None:
    while data := await stream.read(1000):
        await stream.send(data)


async def _connected(bench: PaperBench) -> None:
    await bench.until(lambda: bench.paper.of(0x37))
    await asyncio.sleep(0.1)
    bench.paper.connect(0)
    await bench.opened("plc")


@pytest.mark.parametrize("way", [{}, {"wired": False}, {"spi": True}], ids=["INT", "polled", "SPI"])
@pytest.mark.parametrize("pieces", [1, 700, 4000, 64 * 1024])
@virtual
async def test_an_echo_is_exact(pieces: int, way: dict[str, bool]) -> None:
    bench = Ch392Bench(CLIENT, **way)
    service = bench.listen()
    data = _random(200_000 if pieces > 1 else 300)
    async with bench.running():
        await bench.opened("plc")
        echo = asyncio.create_task(_echo(await service.accept()))
        for at in range(0, len(data), pieces):
            result = await bench.send("plc", data[at : at + pieces])
            assert result.phase is Phase.DONE
        await bench.until(lambda: len(bench.said.received("plc")) >= len(data))
        assert bench.said.received("plc") == data
        assert not [event for event in bench.seen if isinstance(event, DataLost)]
        info = bench.info("plc")
        assert info["last_error"] == ""
        echo.cancel()
    assert bench.info("plc")["rx_bytes"] == len(data)
    assert bench.info("plc")["tx_bytes"] == len(data)


@virtual
async def test_the_order_of_the_commands() -> None:
    link = replace(CLIENT, local_port=4000, ttl=64, keep_alive=KeepAlive(5, 2, 3))
    bench = PaperBench(link)
    async with bench.running():
        await _connected(bench)
        of_it = bench.paper.of(0x31, 0x32, 0x33, 0x34, 0x35, 0x37, 0x51, 0x59, 0x56, 0x57, 0x58)
        assert list(dict.fromkeys(of_it)) == [
            # The interval first: 5 s would not be more than the default of 15.
            "57 D0 07 00 00",
            "56 88 13 00 00",
            "58 03",
            "34 00 03",
            "31 00 C0 00 02 01",
            "32 00 F6 01",
            "33 00 A0 0F",
            "35 00",
            "51 00 40",
            "59 00 01",
            "37 00",
        ]


def _order_holds(said: list[str]) -> bool:
    """Whether idle was more than the interval at every moment (section 5.38)."""
    idle, interval = 20000, 15000
    for each in said:
        value = int.from_bytes(bytes.fromhex(each[3:]), "little")
        if each.startswith("56"):
            idle = value
        elif each.startswith("57"):
            interval = value
        if idle <= interval or idle % 500 or interval % 500:
            return False
    return True


@pytest.mark.parametrize("idle", [1, 2, 7.5, 15, 20, 21, 3600])
@pytest.mark.parametrize("interval", [0.5, 1, 6, 14.5, 15, 19, 600])
@virtual
async def test_keep_alive_changes_in_a_legal_order(idle: float, interval: float) -> None:
    if idle <= interval:
        return
    first = replace(CLIENT, id="one", keep_alive=KeepAlive(idle, interval, 9))
    second = replace(CLIENT, id="two", keep_alive=KeepAlive(30, 25, 2))
    bench = PaperBench(first, second)
    async with bench.running():
        await bench.until(lambda: len(bench.paper.of(0x37)) == 2)
        assert _order_holds(bench.paper.of(0x56, 0x57))


@virtual
async def test_source_ports_are_fresh_and_sockets_rest() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    times: dict[int, list[float]] = {0x35: [], 0x3D: []}

    def note(event: object) -> None:
        if isinstance(event, CommandTaken) and event.code in times:
            times[event.code].append(asyncio.get_running_loop().time())

    bench.sim.observe(note)
    async with bench.running():
        for _round in range(5):
            await bench.opened("plc")
            (await service.accept()).finish()
            await bench.opened("plc", "backoff")
        ports = [command[2:] for command in bench.commands(0x33)]
        ports = list(dict.fromkeys(ports))
        assert len(ports) >= 5
        assert all(int.from_bytes(port, "little") >= 49152 for port in ports)
        for closed, opened in zip(times[0x3D], times[0x35][1:], strict=False):
            assert opened - closed >= 0.2


@virtual
async def test_a_fixed_source_port_stays() -> None:
    bench = Ch392Bench(replace(CLIENT, local_port=1234))
    service = bench.listen()
    async with bench.running():
        for _round in range(2):
            await bench.opened("plc")
            (await service.accept()).finish()
            await bench.opened("plc", "backoff")
        assert {command[2:] for command in bench.commands(0x33)} == {b"\xd2\x04"}


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
@virtual
async def test_nobody_there_is_a_time_out(silent: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(CLIENT)
    if silent:
        bench.ether.silent.add("192.0.2.1")
    async with bench.running():
        await bench.opened("plc", "backoff")
        await bench.until(lambda: bench.info("plc")["last_error"] == NO_ANSWER)
        assert ("plc", LinkPhase.OPEN) not in bench.said.phases
        assert bench.open_sockets == []
        bench.ether.silent.clear()
        bench.listen()
        await bench.opened("plc")
        assert bench.info("plc")["last_error"] == ""


@virtual
async def test_attempts_come_ever_more_slowly() -> None:
    bench = Ch392Bench(CLIENT)
    async with bench.running():
        await asyncio.sleep(600)
        begun = [
            at
            for (link, phase), at in zip(bench.said.phases, bench.said.phase_times, strict=True)
            if phase is LinkPhase.CONNECTING
        ]
        pauses = [later - earlier for earlier, later in pairwise(begun)]
        for number, pause in enumerate(pauses):
            wanted = min(2**number, 60)
            assert 0.85 * wanted < pause < 1.15 * wanted + 1, (number, pause)


@virtual
async def test_the_other_side_ends_it() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        await stream.send(b"good bye")
        stream.finish()
        await bench.opened("plc", "backoff")
        assert bench.said.received("plc") == b"good bye"
        assert bench.info("plc")["last_error"] == "the other side closed the connection"
        assert await stream.read() == b""
        assert bench.open_sockets == []
        await bench.opened("plc")
        assert bench.info("plc")["reconnects"] == 1


@virtual
async def test_the_other_side_resets_it() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        (await service.accept()).reset()
        await bench.opened("plc", "backoff")
        await bench.opened("plc")


@virtual
async def test_this_side_ends_it() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        number = bench.submit("link/plc/tx", b"last words")
        closing = asyncio.create_task(bench.set("plc", "CLOSE"))
        assert (await bench.ending(number)).phase is Phase.DONE
        assert await stream.read_exactly(10) == b"last words"
        assert await stream.read() == b""
        stream.finish()
        assert (await closing).phase is Phase.DONE
        assert bench.phase("plc") == "closed"
        assert [command[0] for command in bench.commands(0x38, 0x3D)] == [0x38, 0x3D]
        assert bench.open_sockets == []
        await asyncio.sleep(100)
        assert bench.phase("plc") == "closed"
        result = await bench.send("plc", b"x")
        assert result.error is Code.CLOSED
        assert result.detail == "the link is not open: it was closed by command"
        assert (await bench.set("plc", "OPEN")).phase is Phase.DONE
        await bench.opened("plc")


@virtual
async def test_the_other_side_does_not_end_it_in_turn() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        await service.accept()
        assert (await bench.set("plc", "CLOSE")).phase is Phase.DONE
        assert bench.open_sockets == []


@BOTH_WAYS
@virtual
async def test_what_was_not_read_outlives_the_connection(wired: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(CLIENT, wired=wired)
    service = bench.listen()
    data = _random(68_000)
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        bench.said.holding = True
        await stream.send(data)
        stream.finish()
        await asyncio.sleep(30)
        # The link holds its 64 KiB; the rest is in the chip, and the other side has gone.
        assert len(bench.said.received("plc")) < len(data)
        assert bench.sim.sockets[0].receive.used > 0
        assert bench.sim.sockets[0].tcp_state == CLOSE_WAIT
        assert bench.phase("plc") == "open"
        bench.said.take_held()
        await bench.opened("plc", "backoff")
        assert bench.said.received("plc") == data


@BOTH_WAYS
@virtual
async def test_who_does_not_take_closes_the_window(wired: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(CLIENT, wired=wired)
    service = bench.listen()
    data = _random(150_000)
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        bench.said.holding = True
        sending = asyncio.create_task(stream.send(data))
        await asyncio.sleep(30)
        assert 64 * 1024 <= len(bench.said.received("plc")) < 70_000
        assert bench.sim.sockets[0].receive.free == 0
        assert not sending.done()
        # It can be written to all the same.
        assert (await bench.send("plc", b"busy")).phase is Phase.DONE
        bench.said.take_held()
        await sending
        await bench.until(lambda: len(bench.said.received("plc")) >= len(data))
        assert bench.said.received("plc") == data
        assert bench.info("plc")["dropped"] == 0


@virtual
async def test_a_chip_that_closes_by_itself_loses_what_was_not_read() -> None:
    # Without SOCKET_CLOSE, whose code is inferred, the chip does that: it must not hang.
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.sockets[0].state = (0, 0)
        bench.paper.tell(0, RECV | DISCONNECT)
        await bench.opened("plc", "backoff")
        await bench.until(lambda: len(bench.paper.of(0x35)) == 2)


@virtual
async def test_open_soon_after_close() -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        bench.sim.faults.switch_on("open-after-close-20h=400ms")
        await bench.set("plc", "CLOSE")
        await bench.set("plc", "OPEN")
        await bench.opened("plc")
        assert bench.counters["opened_twice"] >= 1
        assert bench.info("plc")["last_error"] == ""


@virtual
async def test_open_never_works() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.status[0x35] = 0x20
    async with bench.running():
        await bench.until(lambda: len(bench.paper.of(0x35)) == 3)
        await bench.opened("plc", "backoff")
        await bench.until(
            lambda: (
                bench.info("plc")["last_error"] == "OPEN_SOCKET_SN: the socket is open already (20)"
            )
        )
        assert len(bench.paper.of(0x3D)) >= 2
        bench.paper.status.clear()
        await _connected(bench)


@pytest.mark.parametrize(
    ("size", "level"), [(1, "sent"), (536, "sent"), (537, "accepted"), (5000, "accepted")]
)
@virtual
async def test_how_far_a_message_is_known_to_have_got(size: int, level: str) -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        number = bench.submit("link/plc/tx", bytes(size))
        assert await stream.read_exactly(size) == bytes(size)
        result = await bench.ending(number)
        assert result.value == {"level": level, "bytes": size}


@virtual
async def test_no_send_ok_is_accepted() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.after_write = SENBUF_FREE
    async with bench.running():
        await _connected(bench)
        assert (await bench.send("plc", b"x")).value == {"level": "accepted", "bytes": 1}
        assert bench.phase("plc") == "open"


@virtual
async def test_the_send_oks_of_a_long_message_are_nobodys_receipt() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.after_write = SENBUF_FREE
    async with bench.running():
        await _connected(bench)
        assert (await bench.send("plc", bytes(3000))).value == {"level": "accepted", "bytes": 3000}
        number = bench.submit("link/plc/tx", b"x")
        await asyncio.sleep(0.1)
        bench.paper.tell(0, SEND_OK)  # of which packet?
        assert (await bench.ending(number)).value == {"level": "accepted", "bytes": 1}


@virtual
async def test_one_write_and_then_the_free_buffer() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.after_write = 0
    async with bench.running():
        await _connected(bench)
        number = bench.submit("link/plc/tx", bytes(5000))
        for count, size in enumerate((2144, 2144, 712), start=1):
            await asyncio.sleep(3)
            assert [len(data) for data in bench.paper.sockets[0].written] == [
                2144,
                2144,
                712,
            ][:count]
            assert len(bench.paper.sockets[0].written[-1]) == size
            assert bench.endings(number) == []
            bench.paper.tell(0, SENBUF_FREE)
        result = await bench.ending(number)
        assert result.value == {"level": "accepted", "bytes": 5000}


@virtual
async def test_a_write_that_the_chip_never_takes() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.after_write = 0
    async with bench.running():
        await _connected(bench)
        result = await bench.send("plc", b"into the void")
        assert result.error is Code.UNKNOWN
        await bench.opened("plc", "backoff")
        bench.paper.after_write = SENBUF_FREE | SEND_OK
        await bench.until(lambda: len(bench.paper.of(0x37)) == 2)
        bench.paper.connect(0)
        await bench.opened("plc")
        assert (await bench.send("plc", b"again")).phase is Phase.DONE


@pytest.mark.parametrize("bit", [DISCONNECT, TIM_OUT])
@virtual
async def test_it_ends_in_the_middle_of_a_message(bit: int) -> None:
    bench = PaperBench(CLIENT)
    bench.paper.after_write = 0
    async with bench.running():
        await _connected(bench)
        number = bench.submit("link/plc/tx", bytes(5000))
        await asyncio.sleep(0.1)
        bench.paper.tell(0, SENBUF_FREE)
        await asyncio.sleep(0.1)
        bench.paper.tell(0, bit, state=CLOSE_WAIT)
        result = await bench.ending(number)
        assert result.error is Code.UNKNOWN
        assert "of 5000 bytes" in result.detail
        await bench.opened("plc", "backoff")


@virtual
async def test_it_ends_before_a_message() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.tell(0, DISCONNECT)
        await bench.opened("plc", "backoff")
        result = await bench.send("plc", b"x")
        assert result.error is Code.CLOSED
        assert result.detail == "the link is not open: the other side closed the connection"
        assert bench.paper.of(0x39) == []


@virtual
async def test_a_slow_other_side_is_waited_for() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        number = bench.submit("link/plc/tx", bytes(20_000))
        await asyncio.sleep(30)
        assert bench.endings(number) == []
        assert [result.phase for result in bench.said.results if result.id == number] == [
            Phase.ACCEPTED
        ]
        assert await stream.read_exactly(20_000) == bytes(20_000)
        assert (await bench.ending(number)).phase is Phase.DONE


@virtual
async def test_an_other_side_that_never_reads() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        await service.accept()
        result = await bench.send("plc", bytes(20_000))
        assert result.error is Code.UNKNOWN
        assert "60 s" in result.detail
        await bench.opened("plc", "backoff")
        await bench.opened("plc")


@virtual
async def test_several_clients_at_once() -> None:
    links = [
        replace(CLIENT, id=f"c{number}", host="192.0.2.1", port=600 + number) for number in range(4)
    ]
    bench = Ch392Bench(*links, **STATIC)
    services = [bench.listen(f"192.0.2.1:{600 + number}") for number in range(4)]
    data = {link.id: _random(20_000 + number) for number, link in enumerate(links)}
    async with bench.running():
        echoes = []
        for link, service in zip(links, services, strict=True):
            await bench.opened(link.id)
            echoes.append(asyncio.create_task(_echo(await service.accept())))
        numbers = [bench.submit(f"link/{name}/tx", sent) for name, sent in data.items()]
        for number in numbers:
            assert (await bench.ending(number)).phase is Phase.DONE
        for name, sent in data.items():
            await bench.until(lambda name=name, sent=sent: bench.said.received(name) == sent)
        for echo in echoes:
            echo.cancel()


@virtual
async def test_a_hundred_rounds_leave_nothing_behind() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        tasks = None
        for number in range(100):
            await bench.opened("plc")
            stream = await service.accept()
            if number == 10:
                await asyncio.sleep(1)
                tasks = len(asyncio.all_tasks())
            if number % 3 == 0:
                stream.finish()
                await bench.opened("plc", "backoff")
            elif number % 3 == 1:
                stream.reset()
                await bench.opened("plc", "backoff")
            else:
                assert (await bench.set("plc", "CLOSE")).phase is Phase.DONE
                assert (await bench.set("plc", "OPEN")).phase is Phase.DONE
            assert len(bench.ether.links) <= 1
        await bench.opened("plc")
        await asyncio.sleep(1)
        assert tasks is not None
        assert len(asyncio.all_tasks()) <= tasks
        assert bench.open_sockets == [0]
        assert len(bench.network.services) == 1


@virtual
async def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_such(*_args: object, **_kwargs: object) -> list[object]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such)
    link = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host="plc.invalid", port=502)
    bench = Ch392Bench(link)
    async with bench.running():
        await bench.opened("plc", "backoff")
        await bench.until(
            lambda: (
                bench.info("plc")["last_error"]
                == "plc.invalid: this host finds no IPv4 address of that name"
            )
        )
        assert bench.commands(0x35) == []


@virtual
async def test_a_receipt_that_comes_late_is_not_the_next_ones() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await _connected(bench)
        bench.paper.after_write = SENBUF_FREE
        assert (await bench.send("plc", b"one")).value == {"level": "accepted", "bytes": 3}
        number = bench.submit("link/plc/tx", b"two")
        await asyncio.sleep(0.3)
        bench.paper.tell(0, SEND_OK)
        assert (await bench.ending(number)).value == {"level": "accepted", "bytes": 3}
        bench.paper.after_write = SENBUF_FREE | SEND_OK
        await asyncio.sleep(2)
        assert (await bench.send("plc", b"three")).value == {"level": "sent", "bytes": 5}
