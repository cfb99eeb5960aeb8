"""A TCP server on the CH392: sections 5.22 and 8.3.4 in both readings."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.ch392_layout import lay_out
from chiplink.driver.sockets import KeepAlive
from chiplink.exceptions import Code, UsageError
from chiplink.model import LinkPhase, Phase
from chiplink.protocol.ch392_profile import DEFAULT, ServerMode
from chiplink.sim.ch392_events import CommandTaken
from driver.ch392_bench import (
    CLIENT,
    SERVER_LINK,
    SERVER_LINK_3,
    UDP,
    UDP_SERVER,
    Ch392Bench,
    PaperBench,
)
from driver.ch392_paper import CONNECT, DISCONNECT, ESTABLISHED, LISTENING, OPEN, RECV, TIM_OUT
from driver.fake_stack import CHIP, HOST
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings
    from chiplink.protocol.ch392_profile import Profile
    from driver.fake_stack import Stream

SERVER_LINK_2 = replace(SERVER_LINK, peers=2)
BOTH_WAYS = pytest.mark.parametrize("wired", [True, False], ids=["INT", "polled"])


def _random(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - a pattern


async def _exchange(bench: Ch392Bench, stream: Stream, size: int, *, several: bool) -> None:
    """Both directions at once, byte-exact."""
    peer = stream.local if several else ""
    to_it, from_it = _random(size), _random(size + 1)
    before = len(bench.said.received("srv", peer))
    number = bench.submit("link/srv/tx", to_it, peer)
    sending = asyncio.create_task(stream.send(from_it))
    assert await stream.read_exactly(size) == to_it
    await sending
    assert (await bench.ending(number)).phase is Phase.DONE
    await bench.until(lambda: len(bench.said.received("srv", peer)) - before >= len(from_it))
    assert bench.said.received("srv", peer)[before:] == from_it


@BOTH_WAYS
@virtual
async def test_one_peer_after_the_other(wired: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(SERVER_LINK, wired=wired)
    async with bench.running():
        for number in range(4):
            await bench.opened("srv", "listening")
            stream = bench.call(source=f"{HOST}:{40000 + number}")
            await bench.opened("srv")
            assert bench.info("srv")["peers"] == [f"{HOST}:{40000 + number}"]
            await _exchange(bench, stream, 9000, several=False)
            with pytest.raises(ConnectionRefusedError):
                bench.call(source=f"{HOST}:50000")
            stream.finish()
            await bench.until(lambda: bench.info("srv")["peers"] == [])
        assert bench.info("srv")["reconnects"] == 0


@pytest.mark.parametrize("need_flag", [False, True], ids=["always", "by the function bit"])
@BOTH_WAYS
@virtual
async def test_three_peers_at_once(wired: bool, need_flag: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(SERVER_LINK_3, wired=wired)
    bench.sim.chip.siblings_need_flag = need_flag
    async with bench.running():
        await bench.opened("srv", "listening")
        streams = []
        for number in range(3):
            streams.append(bench.call(source=f"{HOST}:{40000 + number}"))
            wanted = number + 1
            await bench.until(lambda wanted=wanted: len(bench.info("srv")["peers"]) == wanted)
        await asyncio.gather(
            *(
                _exchange(bench, stream, 9000 + at, several=True)
                for at, stream in enumerate(streams)
            )
        )
        fourth = await _turned_away(bench, 40003)
        assert fourth
        for stream in streams:
            await _exchange(bench, stream, 500, several=True)
        # One leaves, and another may come.
        streams[1].finish()
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        await asyncio.sleep(1)
        streams[1] = bench.call(source=f"{HOST}:40004")
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 3)
        for stream in streams:
            await _exchange(bench, stream, 700, several=True)
        assert bench.info("srv")["reconnects"] == 0


async def _turned_away(bench: Ch392Bench, port: int) -> bool:
    """Whether who calls gets no connection, or one that ends at once."""
    try:
        stream = bench.call(source=f"{HOST}:{port}")
    except ConnectionRefusedError:
        return True
    try:
        return await stream.read() == b""
    except ConnectionResetError:
        return True
    finally:
        stream.finish()


@virtual
async def test_a_server_and_a_client_share_the_chip() -> None:
    bench = Ch392Bench(SERVER_LINK_2, CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("srv", "listening")
        await bench.opened("plc")
        one, two = bench.call(), bench.call(source=f"{HOST}:40001")
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        client = await service.accept()
        await _exchange(bench, one, 3000, several=True)
        await _exchange(bench, two, 3000, several=True)
        assert (await bench.send("plc", b"x")).phase is Phase.DONE
        assert await client.read_exactly(1) == b"x"


@virtual
async def test_whom_it_is_sent_to() -> None:
    bench = Ch392Bench(SERVER_LINK_2)
    async with bench.running():
        await bench.opened("srv", "listening")
        nobody = await bench.send("srv", b"x", f"{HOST}:40000")
        assert (nobody.error, nobody.detail) == (
            Code.CLOSED,
            "the link is not open: nobody is connected",
        )
        bench.call()
        await bench.opened("srv")
        missing = await bench.send("srv", b"x")
        assert missing.error is Code.BAD_PAYLOAD
        assert missing.detail == "this link has several peers: write tx/<ip>:<port>"
        other = await bench.send("srv", b"x", f"{HOST}:40001")
        assert (other.error, other.detail) == (Code.CLOSED, f"{HOST}:40001 is not connected")


@virtual
async def test_a_server_for_one_peer_names_none() -> None:
    bench = Ch392Bench(SERVER_LINK)
    async with bench.running():
        await bench.opened("srv", "listening")
        assert (await bench.send("srv", b"x")).detail == "the link is not open: nobody is connected"
        stream = bench.call()
        await bench.opened("srv")
        named = await bench.send("srv", b"x", stream.local)
        assert (named.error, named.detail) == (
            Code.BAD_PAYLOAD,
            "this link has one peer only: write tx",
        )


@virtual
async def test_only_those_that_are_allowed() -> None:
    link = replace(SERVER_LINK_2, allow=(IPv4Network("192.0.2.0/28"), IPv4Network("10.9.9.9/32")))
    bench = Ch392Bench(link)
    async with bench.running():
        await bench.opened("srv", "listening")
        for source in ("198.51.100.7:1000", "192.0.2.16:1001", "10.9.9.8:1002"):
            stream = bench.call(source=source)
            assert await stream.read() == b""
            stream.finish()
            await asyncio.sleep(2)
        assert bench.info("srv")["refused"] == 3
        assert bench.said.data == []
        assert ("srv", LinkPhase.OPEN) not in bench.said.phases
        for source in ("192.0.2.15:1003", "10.9.9.9:1004"):
            stream = bench.call(source=source)
            await bench.until(lambda source=source: source in bench.info("srv")["peers"])
            await _exchange(bench, stream, 100, several=True)


@virtual
async def test_closing_it_closes_its_connections() -> None:
    bench = Ch392Bench(SERVER_LINK_3)
    async with bench.running():
        await bench.opened("srv", "listening")
        streams = [bench.call(source=f"{HOST}:{40000 + number}") for number in range(1)]
        await bench.opened("srv")
        streams.append(bench.call(source=f"{HOST}:40001"))
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        closing = asyncio.create_task(bench.set("srv", "CLOSE"))
        for stream in streams:
            assert await stream.read() == b""
            stream.finish()
        assert (await closing).phase is Phase.DONE
        assert bench.phase("srv") == "closed"
        assert bench.info("srv")["peers"] == []
        assert bench.open_sockets == []
        assert f"{CHIP}:8080" not in bench.network.services
        await bench.set("srv", "OPEN")
        await bench.opened("srv", "listening")
        bench.call(source=f"{HOST}:40002")
        await bench.opened("srv")


@pytest.mark.parametrize("count", range(1, 25))
@virtual
async def test_closed_while_somebody_is_let_in(count: int) -> None:
    bench = Ch392Bench(replace(SERVER_LINK, keep_alive=KeepAlive(20, 15, 9)))
    left = count

    def close(event: object) -> None:
        nonlocal left
        if isinstance(event, CommandTaken):
            left -= 1
            if left == 0:
                asyncio.get_running_loop().call_soon(bench.submit, "link/srv/set", "CLOSE")

    async with bench.running():
        await bench.opened("srv", "listening")
        await asyncio.sleep(1)
        bench.sim.observe(close)
        bench.call()
        await bench.opened("srv", "closed")
        await asyncio.sleep(3)
        assert bench.open_sockets == []
        await bench.set("srv", "OPEN")
        await bench.opened("srv", "listening")


@pytest.mark.parametrize("pause", range(6))
@virtual
async def test_who_calls_while_it_closes_is_not_left_hanging(pause: int) -> None:
    bench = Ch392Bench(SERVER_LINK_3)
    async with bench.running():
        await bench.opened("srv", "listening")
        await asyncio.sleep(1)
        closing = asyncio.create_task(bench.set("srv", "CLOSE"))
        await asyncio.sleep(pause / 2000)
        with contextlib.suppress(ConnectionRefusedError):
            bench.call()
        assert (await closing).phase is Phase.DONE
        await asyncio.sleep(1)
        assert bench.open_sockets == []


@virtual
async def test_a_hundred_callers_leave_nothing_behind() -> None:
    bench = Ch392Bench(SERVER_LINK_3)
    async with bench.running():
        await bench.opened("srv", "listening")
        for number in range(100):
            stream = bench.call(source=f"{HOST}:{40000 + number}")
            await bench.until(lambda: len(bench.info("srv")["peers"]) == 1)
            (stream.finish if number % 2 else stream.reset)()
            await bench.until(lambda: bench.info("srv")["peers"] == [])
            await asyncio.sleep(1)
            if number == 5:
                tasks = len(asyncio.all_tasks())
        assert len(asyncio.all_tasks()) <= tasks
        assert len(bench.open_sockets) == 1
        assert bench.info("srv")["reconnects"] == 0


# On paper: which socket becomes the connection is the test's choice.


async def _listening(bench: PaperBench) -> None:
    await bench.opened("srv", "listening")
    await asyncio.sleep(1)
    bench.paper.said.clear()


@virtual
async def test_the_order_of_the_commands() -> None:
    link = replace(SERVER_LINK, ttl=32, keep_alive=KeepAlive(60, 20, 4))
    bench = PaperBench(link)
    async with bench.running():
        await bench.opened("srv", "listening")
        of_it = bench.paper.of(0x33, 0x34, 0x35, 0x36, 0x51, 0x56, 0x57, 0x58, 0x59)
        assert list(dict.fromkeys(of_it)) == [
            "56 60 EA 00 00",
            "57 20 4E 00 00",
            "58 04",
            "34 00 03",
            "33 00 90 1F",
            "35 00",
            "51 00 20",
            "36 00",
        ]
        bench.paper.said.clear()
        bench.paper.connect(0, HOST, 40000)
        await bench.opened("srv")
        # Keep-alive of a server only now (section 5.39).
        assert "59 00 01" in bench.paper.said


@virtual
async def test_sockets_that_only_wait_are_prepared() -> None:
    bench = PaperBench(SERVER_LINK_3)
    async with bench.running():
        await bench.opened("srv", "listening")
        for number in range(4):
            assert f"34 0{number} 03" in bench.paper.said
            assert f"33 0{number} 90 1F" in bench.paper.said
        assert bench.paper.of(0x35, 0x36) == ["35 00", "36 00"]
        assert "55 0A 00 00 00" in bench.paper.said  # several connections, and SOCKET_CLOSE


@virtual
async def test_another_socket_gets_the_connection() -> None:
    bench = PaperBench(SERVER_LINK_3)
    async with bench.running():
        await _listening(bench)
        for number, peers in ((2, 1), (1, 2), (3, 3)):
            bench.paper.connect(number, HOST, 40000 + number)
            await bench.until(lambda peers=peers: len(bench.info("srv")["peers"]) == peers)
        assert bench.paper.of(0x35, 0x36) == []  # the first still listens
        bench.paper.tell(2, RECV, b"hello")
        await bench.until(lambda: bench.said.received("srv", f"{HOST}:40002") == b"hello")
        assert (await bench.send("srv", b"you", f"{HOST}:40003")).phase is Phase.DONE
        assert bench.paper.sockets[3].written == [b"you"]
        # It ends, and its socket waits for the next.
        bench.paper.tell(2, DISCONNECT)
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        await asyncio.sleep(1)
        assert bench.paper.of(0x3D) == ["3D 02"]
        bench.paper.connect(2, HOST, 41000)
        await bench.until(lambda: f"{HOST}:41000" in bench.info("srv")["peers"])


@virtual
async def test_the_listener_itself_becomes_the_connection() -> None:
    bench = PaperBench(SERVER_LINK_3)
    async with bench.running():
        await _listening(bench)
        for number in range(3):
            bench.paper.connect(number, HOST, 40000 + number)
            wanted = number + 1
            await bench.until(lambda wanted=wanted: len(bench.info("srv")["peers"]) == wanted)
            await asyncio.sleep(1)
            if number < 2:
                # The next free socket listens.
                assert bench.paper.of(0x35, 0x36)[-2:] == [f"35 0{wanted}", f"36 0{wanted}"]
        assert len(bench.paper.of(0x36)) == 2  # three is enough
        bench.paper.tell(0, DISCONNECT)
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        await bench.until(lambda: len(bench.paper.of(0x36)) == 3)
        free = int(bench.paper.of(0x36)[-1][3:])
        bench.paper.connect(free, HOST, 42000)
        await bench.until(lambda: f"{HOST}:42000" in bench.info("srv")["peers"])


@virtual
async def test_the_fourth_is_turned_away() -> None:
    bench = PaperBench(SERVER_LINK_3)
    async with bench.running():
        await _listening(bench)
        for number in (1, 2, 3, 0):
            bench.paper.connect(number, HOST, 40000 + number)
            await asyncio.sleep(1)
        assert bench.info("srv")["peers"] == [f"{HOST}:{40000 + number}" for number in (1, 2, 3)]
        assert bench.paper.of(0x3D) == ["3D 00"]
        assert bench.phase("srv") == "open"


@virtual
async def test_an_interrupt_without_a_connection() -> None:
    bench = PaperBench(SERVER_LINK)
    async with bench.running():
        await _listening(bench)
        bench.paper.sockets[0].state = (OPEN, LISTENING)
        bench.paper.tell(0, CONNECT)
        await bench.until(lambda: bench.paper.of(0x36))
        assert ("srv", LinkPhase.OPEN) not in bench.said.phases
        assert bench.info("srv")["peers"] == []
        bench.paper.connect(0, HOST, 40000)
        await bench.opened("srv")


@virtual
async def test_a_caller_with_all_its_data_in_one_status() -> None:
    bench = PaperBench(SERVER_LINK)
    async with bench.running():
        await _listening(bench)
        bench.paper.sockets[0].remote = bytes.fromhex("C0 00 02 01 40 9C")
        bench.paper.tell(0, CONNECT | RECV | DISCONNECT, b"all of it", ESTABLISHED)
        await bench.until(lambda: bench.said.received("srv") == b"all of it")
        await bench.opened("srv", "listening")
        assert bench.info("srv")["last_error"] == ""


@pytest.mark.parametrize("bit", [DISCONNECT, TIM_OUT])
@virtual
async def test_a_listener_that_is_lost_is_opened_again(bit: int) -> None:
    bench = PaperBench(SERVER_LINK_2)
    async with bench.running():
        await _listening(bench)
        bench.paper.tell(0, bit)
        await bench.opened("srv", "backoff")
        await bench.opened("srv", "listening")
        listening = int(bench.paper.of(0x36)[-1][3:])
        bench.paper.connect(listening, HOST, 40000)
        await bench.opened("srv")


@virtual
async def test_a_listener_that_does_not_listen_is_told_again() -> None:
    bench = PaperBench(SERVER_LINK)
    states = [0, 0, 1]
    bench.paper.answers[0x2F] = lambda _arguments: bytes([OPEN, states.pop(0) if states else 1])
    async with bench.running():
        await bench.opened("srv", "listening")
        assert len(bench.paper.of(0x36)) == 3


@virtual
async def test_a_port_that_is_taken() -> None:
    bench = PaperBench(SERVER_LINK)
    bench.paper.status[0x36] = 0x1B
    async with bench.running():
        await bench.opened("srv", "backoff")
        words = "TCP_LISTEN_SN: the address or port is in use already (1B)"
        await bench.until(lambda: bench.info("srv")["last_error"] == words)
        assert bench.paper.of(0x3D) == ["3D 00"]
        bench.paper.status.clear()
        await bench.opened("srv", "listening")


@virtual
async def test_who_never_got_through_does_not_end_the_next() -> None:
    bench = PaperBench(SERVER_LINK_3)
    async with bench.running():
        await _listening(bench)
        bench.paper.tell(2, TIM_OUT)
        await asyncio.sleep(1)
        bench.paper.connect(2, HOST, 40002)
        await bench.opened("srv")
        await asyncio.sleep(1)
        assert bench.info("srv")["peers"] == [f"{HOST}:40002"]
        assert (await bench.send("srv", b"x", f"{HOST}:40002")).phase is Phase.DONE


# Sockets


def _lay_out(profile: Profile, *links: LinkSettings) -> None:
    lay_out(links, profile, 4)


@pytest.mark.parametrize("mode", list(ServerMode))
def test_how_many_sockets_a_server_takes(mode: ServerMode) -> None:
    profile = replace(DEFAULT, server_mode=mode)
    several = 1 if mode is ServerMode.SPARE else 0
    _lay_out(profile, SERVER_LINK, CLIENT, *([] if several else [UDP]))
    with pytest.raises(UsageError, match="the chip has 4"):
        _lay_out(profile, SERVER_LINK_3, CLIENT)
    with pytest.raises(UsageError, match="needs one more than it has peers"):
        _lay_out(profile, SERVER_LINK_2, CLIENT, UDP_SERVER)


@virtual
async def test_a_profile_whose_listener_never_becomes_the_connection() -> None:
    profile = replace(DEFAULT, server_mode=ServerMode.SPARE)
    bench = PaperBench(SERVER_LINK, profile=profile)
    async with bench.running():
        await _listening(bench)
        bench.paper.connect(1, HOST, 40000)
        await bench.opened("srv")
        bench.paper.tell(1, RECV, b"hello")
        await bench.until(lambda: bench.said.received("srv") == b"hello")
        bench.paper.tell(1, DISCONNECT)
        await bench.opened("srv", "listening")
        await asyncio.sleep(1)
        assert bench.paper.of(0x36) == []
        bench.paper.connect(1, HOST, 40001)
        await bench.opened("srv")
