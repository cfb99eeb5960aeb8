"""What goes through a link: bytes and datagrams, their receipts, counters and bounds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from chiplink.driver.link_info import COUNTED
from chiplink.driver.link_window import MAX_BYTES, MAX_MESSAGES
from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import Kind, Level
from chiplink.exceptions import Code, OutcomeUnknownError
from driver.fake_stack import CHIP, DATAGRAM_LIMIT, HOST, WINDOW
from driver.links_bench import LinksBench
from driver.virtual_clock import virtual

PLC = f"{HOST}:502"
CLIENT = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host=HOST, port=502)
SERVER = LinkSettings(id="srv", kind=Kind.TCP_SERVER, local_port=8080, peers=3)
UDP = LinkSettings(id="udp", kind=Kind.UDP, host=HOST, port=5000, local_port=5001)
UDP_SERVER = LinkSettings(id="log", kind=Kind.UDP_SERVER, local_port=5140)


@pytest.mark.parametrize("level", list(Level))
@virtual
async def test_there_and_back(level: Level) -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    bench.stack.level = level
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        outcome = await bench.do("link/plc/tx", b"\x00\xffbytes")
        assert outcome.value == {"level": str(level), "bytes": 7}
        assert await stream.read_exactly(7) == b"\x00\xffbytes"
        await stream.send(b"answer")
        await bench.until(lambda: bench.received("plc") == b"answer")
        assert bench.data[0].peer == ""
        await asyncio.sleep(6)
        info = bench.info("plc")
        counted = {name: info[name] for name in COUNTED}
        assert counted == {
            "rx_bytes": 6,
            "rx_messages": 1,
            "tx_bytes": 7,
            "tx_messages": 1,
            "dropped": 0,
            "refused": 0,
            "reconnects": 0,
        }


@virtual
async def test_several_peers_have_names() -> None:
    bench = LinksBench(SERVER)
    async with bench.running():
        await bench.reached("srv", "listening")
        streams = [bench.call(8080, f"{HOST}:{1000 + number}") for number in range(3)]
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 3)
        for stream in streams:
            await bench.do("link/srv/tx", stream.local.encode(), stream.local)
            assert await stream.read_exactly(len(stream.local)) == stream.local.encode()
            await stream.send(b"I am " + stream.local.encode())
        await bench.until(lambda: len(bench.data) == 3)
        for stream in streams:
            assert bench.received("srv", stream.local) == b"I am " + stream.local.encode()
        streams[0].finish()
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        error = await bench.fails("link/srv/tx", b"x", streams[0].local)
        assert (error.code, str(error)) == (Code.CLOSED, f"{HOST}:1000 is not connected")


@pytest.mark.parametrize(
    ("key", "value", "peer", "code"),
    [
        ("link/plc/tx", b"x", PLC, Code.BAD_PAYLOAD),
        ("link/srv/tx", b"x", "", Code.BAD_PAYLOAD),
        ("link/log/tx", b"x", "", Code.BAD_PAYLOAD),
        ("link/log/tx", b"x", "nobody", Code.BAD_PAYLOAD),
        ("link/udp/tx", bytes(DATAGRAM_LIMIT + 1), "", Code.TOO_LARGE),
        ("link/srv/tx", b"x", f"{HOST}:1", Code.CLOSED),
        ("link/none/tx", b"x", "", Code.UNKNOWN_KEY),
        ("link/plc/rx", b"x", "", Code.UNKNOWN_KEY),
        ("link/plc/tx", "text", "", Code.UNKNOWN_KEY),
        ("link/plc", b"x", "", Code.UNKNOWN_KEY),
    ],
)
@virtual
async def test_what_cannot_be_done(key: str, value: str | bytes, peer: str, code: Code) -> None:
    bench = LinksBench(CLIENT, SERVER, UDP, UDP_SERVER)
    bench.network.listen(PLC)
    async with bench.running():
        for name in ("plc", "udp", "log"):
            await bench.reached(name)
        assert (await bench.fails(key, value, peer)).code is code
        assert all(socket.sent == [] for socket in bench.stack.sockets)


@virtual
async def test_why_it_is_not_open() -> None:
    bench = LinksBench(CLIENT)
    bench.stack.lose("no network cable")
    async with bench.running():
        await bench.reached("plc", "backoff")
        error = await bench.fails("link/plc/tx", b"x")
        assert str(error) == "the link is not open: no network cable"
        bench.stack.stall(opening=True)
        bench.stack.restore()
        bench.network.listen(PLC)
        await bench.reached("plc", "connecting")
        assert (await bench.fails("link/plc/tx", b"x")).code is Code.CLOSED


@virtual
async def test_what_is_slow_is_announced() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        sending = asyncio.create_task(bench.do("link/plc/tx", bytes(3 * WINDOW)))
        await asyncio.sleep(30)
        assert bench.slow == [60_000]
        await stream.read_exactly(3 * WINDOW)
        assert (await sending).value == {"level": "acked", "bytes": 3 * WINDOW}


@virtual
async def test_what_takes_too_long_ends_the_connection() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        error = await bench.fails("link/plc/tx", bytes(3 * WINDOW))
        assert error.code is Code.UNKNOWN
        assert "60 s" in str(error)
        assert len(await stream.read()) == WINDOW
        assert await stream.read() == b""
        await bench.reached("plc", "backoff")
        await bench.reached("plc")


@virtual
async def test_an_outcome_that_is_not_known() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        bench.stack.send_errors.append(OutcomeUnknownError("the chip's answer was lost"))
        error = await bench.fails("link/plc/tx", b"x")
        assert (error.code, str(error)) == (Code.UNKNOWN, "the chip's answer was lost")
        await asyncio.sleep(6)
        assert bench.info("plc")["tx_messages"] == 0


# Nobody takes


@virtual
async def test_a_stream_waits_for_who_takes_it() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    data = bytes(range(256)) * 1000
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        bench.holding = True
        sending = asyncio.create_task(stream.send(data))
        await asyncio.sleep(100)
        assert MAX_BYTES <= len(bench.received("plc")) < MAX_BYTES + WINDOW
        bench.held.pop(0).taken()
        bench.held.pop(0).taken()
        before = len(bench.received("plc"))
        await asyncio.sleep(1)
        assert before < len(bench.received("plc")) <= before + WINDOW
        bench.take_held()
        await sending
        await bench.until(lambda: len(bench.received("plc")) == len(data))
        assert bench.received("plc") == data
        assert bench.info("plc")["dropped"] == 0


@virtual
async def test_many_small_pieces_are_bounded_too() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        bench.holding = True
        for _piece in range(MAX_MESSAGES + 50):
            await stream.send(b"x")
            await asyncio.sleep(0.01)
        assert len(bench.held) == MAX_MESSAGES
        bench.take_held()
        await bench.until(lambda: len(bench.received("plc")) == MAX_MESSAGES + 50)


@virtual
async def test_to_take_twice_counts_once() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        bench.holding = True
        for _piece in range(MAX_MESSAGES + 3):
            await stream.send(b"x")
            await asyncio.sleep(0.01)
        for _time in range(5):
            bench.held[0].taken()
        await asyncio.sleep(1)
        assert len(bench.held) == MAX_MESSAGES + 1
        bench.take_held()


@virtual
async def test_datagrams_that_nobody_takes_are_dropped_and_counted() -> None:
    bench = LinksBench(UDP_SERVER)
    box = bench.network.mailbox(f"{HOST}:7")
    async with bench.running():
        await bench.reached("log")
        bench.holding = True
        for number in range(MAX_MESSAGES + 10):
            box.post(b"%d" % number, f"{CHIP}:5140")
            await asyncio.sleep(0.01)
        await asyncio.sleep(6)
        assert len(bench.data) == MAX_MESSAGES
        assert bench.info("log")["dropped"] == 10
        bench.take_held()
        box.post(b"again", f"{CHIP}:5140")
        await bench.until(lambda: bench.data[-1].data == b"again")
        assert bench.data[-1].peer == f"{HOST}:7"


@virtual
async def test_what_the_chip_dropped_counts_too() -> None:
    bench = LinksBench(UDP_SERVER)
    box = bench.network.mailbox(f"{HOST}:7")
    async with bench.running():
        await bench.reached("log")
        (socket,) = bench.stack.sockets
        for dropped, total in ((3, 3), (3, 3), (10, 10)):
            socket.dropped = dropped  # type: ignore[attr-defined]
            box.post(b"x", f"{CHIP}:5140")
            await asyncio.sleep(6)
            assert bench.info("log")["dropped"] == total
        socket.dropped = 12  # type: ignore[attr-defined]
        await bench.do("link/log/set", "CLOSE")
        await asyncio.sleep(6)
        assert bench.info("log")["dropped"] == 12


@virtual
async def test_datagrams_of_others_are_refused() -> None:
    bench = LinksBench(replace(UDP_SERVER, allow=(IPv4Network("192.0.2.0/30"),)))
    good, bad = bench.network.mailbox("192.0.2.2:7"), bench.network.mailbox("192.0.2.4:7")
    async with bench.running():
        await bench.reached("log")
        bad.post(b"bad", f"{CHIP}:5140")
        good.post(b"good", f"{CHIP}:5140")
        await bench.until(lambda: bench.data)
        await asyncio.sleep(6)
        assert [each.data for each in bench.data] == [b"good"]
        assert bench.info("log")["refused"] == 1


# What is told


@virtual
async def test_counters_are_told_at_a_calm_pace() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        stream = await service.accept()
        before = len(bench.infos)
        for _piece in range(1000):
            await stream.send(b"x" * 10)
            await asyncio.sleep(0.1)
        assert 15 < len(bench.infos) - before < 25  # a hundred seconds
        await asyncio.sleep(6)
        assert bench.info("plc")["rx_bytes"] == 10_000
        before = len(bench.infos)
        await asyncio.sleep(1000)
        assert len(bench.infos) == before


@virtual
async def test_the_last_counts_are_told_at_the_end() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        await bench.do("link/plc/tx", b"abc")
    assert bench.info("plc")["tx_bytes"] == 3
