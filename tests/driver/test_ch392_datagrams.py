"""UDP and IPRAW on the CH392 (section 8.2.2)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from chiplink.driver.streams import Streams
from chiplink.exceptions import Code
from chiplink.model import LinkPhase, Phase
from chiplink.protocol.ch392_profile import DEFAULT, HeaderLength
from driver.ch392_bench import CLIENT, IPRAW, UDP, UDP_SERVER, Ch392Bench, PaperBench
from driver.ch392_paper import RECV, SENBUF_FREE, SEND_OK, TIM_OUT
from driver.fake_stack import CHIP, HOST
from driver.virtual_clock import virtual

BOTH_WAYS = pytest.mark.parametrize("wired", [True, False], ids=["INT", "polled"])
PEER_HEX = "88 13 C0 00 02 01"
"""Port 5000 and 192.0.2.1, as a header has them."""
OTHER_HEX = "89 13 C0 00 02 01"


def _datagram(data: bytes, peer: str = PEER_HEX, *, counts_header: bool = False) -> bytes:
    size = len(data) + 8 * counts_header
    return size.to_bytes(2, "little") + bytes.fromhex(peer) + data


def _random(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - a pattern


@pytest.mark.parametrize("counts_header", [False, True])
@BOTH_WAYS
@virtual
async def test_to_and_fro(wired: bool, counts_header: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(UDP, wired=wired)
    bench.sim.chip.length_counts_header = counts_header
    box = bench.mailbox(f"{HOST}:5000")
    async with bench.running():
        await bench.opened("udp")
        for size in (1, 2, 8, 9, 500, 536, 1472):
            data = _random(size)
            result = await bench.send("udp", data)
            assert result.value == {"level": "sent", "bytes": size}
            assert await box.get() == (data, f"{CHIP}:5001")
            before = len(bench.said.data)
            box.post(data, f"{CHIP}:5001")
            await bench.until(lambda before=before: len(bench.said.data) > before)
            assert bench.said.data[-1].data == data
            assert bench.said.data[-1].peer == ""


@BOTH_WAYS
@virtual
async def test_borders_stay(wired: bool) -> None:  # noqa: FBT001
    bench = Ch392Bench(UDP, UDP_SERVER, wired=wired)
    box = bench.mailbox(f"{HOST}:5000")
    async with bench.running():
        await bench.opened("udp")
        await bench.opened("log")
        sent = [_random(size) for size in (3, 1, 200, 7)]
        for data in sent:  # all of them wait in the chip at once
            box.post(data, f"{CHIP}:5001")
            box.post(data, f"{CHIP}:5140")
        await bench.until(lambda: len(bench.said.data) == 8)
        assert [each.data for each in bench.said.data if each.link == "udp"] == sent
        of_server = [each for each in bench.said.data if each.link == "log"]
        assert [each.data for each in of_server] == sent
        assert {each.peer for each in of_server} == {f"{HOST}:5000"}


@virtual
async def test_only_the_peer_is_heard() -> None:
    bench = Ch392Bench(UDP)
    peer, stranger = bench.mailbox(f"{HOST}:5000"), bench.mailbox("203.0.113.9:5000")
    other_port = bench.mailbox(f"{HOST}:5002")
    async with bench.running():
        await bench.opened("udp")
        stranger.post(b"let me in", f"{CHIP}:5001")
        other_port.post(b"me too", f"{CHIP}:5001")
        peer.post(b"hello", f"{CHIP}:5001")
        await bench.until(lambda: bench.said.data)
        assert bench.said.received("udp") == b"hello"
        assert bench.counters["foreign_datagrams"] == 2
        result = await bench.send("udp", b"x", "203.0.113.9:5000")
        assert result.error is Code.BAD_PAYLOAD


@virtual
async def test_a_server_answers_everybody() -> None:
    bench = Ch392Bench(UDP_SERVER)
    boxes = [bench.mailbox(f"192.0.2.{number}:{4000 + number}") for number in range(1, 6)]
    async with bench.running():
        await bench.opened("log")
        assert bench.info("log")["peers"] == []
        for _round in range(3):
            for box in boxes:
                box.post(box.address.encode(), f"{CHIP}:5140")
        await bench.until(lambda: len(bench.said.data) == 15)
        assert all(each.data == each.peer.encode() for each in bench.said.data)
        numbers = [
            bench.submit("link/log/tx", b"to " + box.address.encode(), box.address) for box in boxes
        ]
        for number in numbers:
            assert (await bench.ending(number)).phase is Phase.DONE
        for box in boxes:
            assert await box.get() == (b"to " + box.address.encode(), f"{CHIP}:5140")


@pytest.mark.parametrize(
    "peer",
    [
        "",
        "192.0.2.1",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.256:1",
        "x:1",
        "0.0.0.0:1",
        "255.255.255.255:1",
        "[::1]:1",
        "192.0.2.1:1 ",
        "192.0.2.1:-1",
        "192.0.2.1:\u0661",
    ],
)
@virtual
async def test_nobody_to_send_to(peer: str) -> None:
    bench = Ch392Bench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        result = await bench.send("log", b"x", peer)
        assert result.error is Code.BAD_PAYLOAD
        assert bench.commands(0x39) == []


@virtual
async def test_a_datagram_beyond_the_buffer_is_refused() -> None:
    two = Ch392Bench(UDP, UDP_SERVER)
    async with two.running():
        await two.opened("udp")
        assert (await two.send("udp", bytes(1072))).phase is Phase.DONE
        result = await two.send("udp", bytes(1073))
        assert result.error is Code.TOO_LARGE
        assert result.detail == "1073 bytes do not fit into one datagram; at most 1072"
        assert two.phase("udp") == "open"
        assert (await two.send("udp", b"x")).phase is Phase.DONE
    one = Ch392Bench(UDP)
    async with one.running():
        await one.opened("udp")
        assert "at most 1472" in (await one.send("udp", bytes(1473))).detail
        assert (await one.send("udp", bytes(1472))).phase is Phase.DONE


@virtual
async def test_what_cannot_be_sent_opens_it_again() -> None:
    bench = Ch392Bench(UDP)
    box = bench.mailbox(f"{HOST}:5000")
    async with bench.running():
        await bench.opened("udp")
        bench.ether.silent.add(HOST)
        result = await bench.send("udp", b"lost")
        assert result.value == {"level": "accepted", "bytes": 4}  # the chip still asks for the way
        await bench.until(lambda: bench.counters["reopened"] == 1)
        bench.ether.silent.clear()
        box.post(b"meanwhile", f"{CHIP}:5001")
        await asyncio.sleep(1)
        result = await bench.send("udp", b"again")
        assert result.value == {"level": "sent", "bytes": 5}
        assert (await box.get())[0] == b"again"
        box.post(b"hello", f"{CHIP}:5001")
        await bench.until(lambda: bench.said.received("udp").endswith(b"hello"))
        assert ("udp", LinkPhase.BACKOFF) not in bench.said.phases[-2:]
        assert bench.open_sockets == [0]


@virtual
async def test_a_time_out_right_after_the_write() -> None:
    bench = PaperBench(UDP)
    bench.paper.after_write = SENBUF_FREE | TIM_OUT
    async with bench.running():
        await bench.opened("udp")
        result = await bench.send("udp", b"x")
        assert result.error is Code.TIMEOUT
        assert result.detail == f"{HOST}:5000, or the way to it, does not answer; not sent"
        bench.paper.after_write = SENBUF_FREE | SEND_OK
        await bench.until(lambda: len(bench.paper.of(0x35)) == 2)
        await asyncio.sleep(1)
        assert (await bench.send("udp", b"x")).value == {"level": "sent", "bytes": 1}
        assert bench.phase("udp") == "open"


@virtual
async def test_what_is_sent_while_it_is_opened_again_waits_for_that() -> None:
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        bench.paper.tell(0, TIM_OUT)
        await bench.until(lambda: bench.counters["reopened"])
        await asyncio.sleep(0.1)
        bench.paper.said.clear()
        assert (await bench.send("log", b"x", "192.0.2.7:700")).phase is Phase.DONE
        said = [each[:2] for each in bench.paper.said]
        # The destination, too: before OPEN it would make a client of the server.
        assert said.index("35") < said.index("31") < said.index("39")
        assert bench.phase("log") == "open"


@virtual
async def test_whether_it_went_out_is_unknown_when_the_cable_goes() -> None:
    bench = PaperBench(UDP)
    bench.paper.after_write = SENBUF_FREE
    async with bench.running():
        await bench.opened("udp")
        number = bench.submit("link/udp/tx", b"x")
        await asyncio.sleep(0.5)
        bench.paper.phy = 1
        bench.paper.interrupt(0x04)
        result = await bench.ending(number)
        assert (result.error, result.detail) == (Code.UNKNOWN, "no network cable")


class _Errors(asyncio.DatagramProtocol):
    """Writes down what could not be sent, and the end."""

    def __init__(self) -> None:
        self.told: list[Exception | None] = []

    def error_received(self, exc: Exception) -> None:
        self.told.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


@virtual
async def test_who_does_not_answer_costs_the_others_of_an_endpoint_nothing() -> None:
    bench = Ch392Bench()
    box = bench.mailbox("192.0.2.9:900")
    bench.ether.silent.add(HOST)
    async with bench.running():
        streams = Streams(bench.device.stack)
        transport, protocol = await streams.create_datagram_endpoint(_Errors)
        for number in range(5):
            transport.sendto(b"x", (HOST, 5000))
            transport.sendto(bytes([number]), ("192.0.2.9", 900))
        assert [(await box.get())[0][0] for _each in range(5)] == [0, 1, 2, 3, 4]
        assert not transport.is_closing()
        assert all(isinstance(each, TimeoutError) for each in protocol.told)
        transport.close()
        await bench.until(lambda: protocol.told[-1:] == [None])


@virtual
async def test_a_write_that_the_chip_never_takes() -> None:
    bench = PaperBench(UDP)
    bench.paper.after_write = 0
    async with bench.running():
        await bench.opened("udp")
        result = await bench.send("udp", b"x")
        assert result.error is Code.UNKNOWN
        bench.paper.after_write = SENBUF_FREE | SEND_OK
        await bench.opened("udp", "backoff")
        await bench.opened("udp")
        assert (await bench.send("udp", b"x")).phase is Phase.DONE


# On paper: the bytes of a receive buffer.


@virtual
async def test_how_it_is_opened() -> None:
    bench = PaperBench(replace(UDP, ttl=5))
    async with bench.running():
        await bench.opened("udp")
        said = list(dict.fromkeys(bench.paper.of(0x31, 0x32, 0x33, 0x34, 0x35, 0x51)))
        assert said == [
            "34 00 02",
            "31 00 FF FF FF FF",  # with a header each, borders are not lost
            "33 00 89 13",
            "35 00",
            "51 00 05",
            "31 00 C0 00 02 01",
            "32 00 88 13",
        ]


@virtual
async def test_a_destination_is_set_with_the_write() -> None:
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        bench.paper.said.clear()
        await bench.send("log", b"abc", "10.1.2.3:258")
        said = [each for each in bench.paper.said if each[:2] in ("31", "32", "39")]
        assert said[-3:] == ["31 00 0A 01 02 03", "32 00 02 01", "39 00 03 00 61 62 63"]


@pytest.mark.parametrize("counts_header", [False, True])
@virtual
async def test_the_header_in_either_reading(counts_header: bool) -> None:  # noqa: FBT001
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        sent = [b"one", b"", b"three", _random(400)]
        whole = b"".join(_datagram(data, counts_header=counts_header) for data in sent)
        bench.paper.tell(0, RECV, whole)
        await bench.until(lambda: len(bench.said.data) == len(sent))
        assert [each.data for each in bench.said.data] == sent
        assert bench.info("log")["dropped"] == 0


@virtual
async def test_a_profile_may_say_which_reading_it_is() -> None:
    profile = replace(DEFAULT, header_length=HeaderLength.WHOLE)
    bench = PaperBench(UDP_SERVER, profile=profile)
    async with bench.running():
        await bench.opened("log")
        bench.paper.tell(0, RECV, _datagram(b"eight by", counts_header=True))
        await bench.until(lambda: bench.said.data)
        assert bench.said.received("log", f"{HOST}:5000") == b"eight by"


@virtual
async def test_an_overwritten_buffer() -> None:
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        # A newer datagram stands over the beginning of an older one.
        bench.paper.tell(0, RECV, _datagram(b"good") + _datagram(b"x" * 50)[:20] + _datagram(b"y"))
        await bench.until(lambda: bench.info("log")["dropped"] == 1)
        assert "2E 00" in bench.paper.said
        assert [each.data for each in bench.said.data] == [b"good"]
        bench.paper.tell(0, RECV, _datagram(b"next"))
        await bench.until(lambda: len(bench.said.data) == 2)
        assert bench.said.data[-1].data == b"next"
        assert bench.phase("log") == "open"


@virtual
async def test_a_reading_that_was_sure_is_kept() -> None:
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        bench.paper.tell(0, RECV, _datagram(b"first", counts_header=True))
        await bench.until(lambda: len(bench.said.data) == 1)
        # Read the other way, the data of the second would be a datagram of somebody else.
        forged = _datagram(b"a" * 9, counts_header=True)
        forged += _datagram(_datagram(b"", OTHER_HEX), counts_header=True)
        bench.paper.tell(0, RECV, forged)
        await bench.until(lambda: len(bench.said.data) == 3)
        assert {each.peer for each in bench.said.data} == {"192.0.2.1:5000"}
        assert bench.said.data[-1].data == _datagram(b"", OTHER_HEX)


@virtual
async def test_a_socket_without_headers_is_set_up_anew() -> None:
    bench = PaperBench(UDP_SERVER)
    async with bench.running():
        await bench.opened("log")
        for number in range(3):
            assert len(bench.paper.of(0x35)) == 1
            bench.paper.tell(0, RECV, b"no header at all, as a client has it" + bytes([number]))
            await asyncio.sleep(0.5)
        await bench.until(lambda: len(bench.paper.of(0x35)) == 2)
        await asyncio.sleep(0.5)
        bench.paper.tell(0, RECV, _datagram(b"with one"))
        await bench.until(lambda: bench.said.data)
        assert bench.said.data[-1].data == b"with one"
        assert bench.phase("log") == "open"


@virtual
async def test_the_chip_overwrites_what_is_not_read_fast() -> None:
    bench = Ch392Bench(UDP_SERVER, wired=False)
    box = bench.mailbox(f"{HOST}:4000")
    async with bench.running():
        await bench.opened("log")
        for number in range(40):
            box.post(bytes([number]) * 300, f"{CHIP}:5140")
        await asyncio.sleep(2)
        for each in bench.said.data:
            assert each.data == each.data[:1] * 300
        box.post(b"after it", f"{CHIP}:5140")
        await bench.until(lambda: bench.said.data and bench.said.data[-1].data == b"after it")
        await bench.until(lambda: bench.info("log")["dropped"])


@virtual
async def test_who_does_not_take_loses_datagrams_and_they_are_counted() -> None:
    bench = Ch392Bench(UDP)
    box = bench.mailbox(f"{HOST}:5000")
    async with bench.running():
        await bench.opened("udp")
        bench.said.holding = True
        for number in range(300):
            box.post(number.to_bytes(2, "big"), f"{CHIP}:5001")
            await asyncio.sleep(0.1)
        assert len(bench.said.data) == 256
        await asyncio.sleep(6)
        assert bench.info("udp")["dropped"] == 44
        bench.said.take_held()
        box.post(b"again", f"{CHIP}:5001")
        await bench.until(lambda: bench.said.data[-1].data == b"again")


@virtual
async def test_only_networks_that_are_allowed() -> None:
    bench = Ch392Bench(replace(UDP_SERVER, allow=(IPv4Network("192.0.2.0/30"),)))
    good, bad = bench.mailbox("192.0.2.3:1"), bench.mailbox("192.0.2.4:1")
    async with bench.running():
        await bench.opened("log")
        bad.post(b"bad", f"{CHIP}:5140")
        good.post(b"good", f"{CHIP}:5140")
        await bench.until(lambda: bench.said.data)
        assert [each.data for each in bench.said.data] == [b"good"]
        await asyncio.sleep(6)
        assert bench.info("log")["refused"] == 1


@virtual
async def test_a_client_to_everybody_is_refused() -> None:
    bench = Ch392Bench(replace(UDP, host="255.255.255.255"))
    async with bench.running():
        await bench.opened("udp", "backoff")
        words = "to 255.255.255.255 the chip becomes a server; make the link udp-server"
        await bench.until(lambda: bench.info("udp")["last_error"] == words)
        assert bench.commands(0x35) == []


@virtual
async def test_a_fresh_source_port_where_none_is_configured() -> None:
    bench = PaperBench(replace(UDP, local_port=0))
    async with bench.running():
        await bench.opened("udp")
        (said,) = set(bench.paper.of(0x33))
        assert int.from_bytes(bytes.fromhex(said[6:]), "little") >= 49152


# IPRAW


@virtual
async def test_ipraw_to_and_fro() -> None:
    bench = Ch392Bench(IPRAW)
    out: list[tuple[str, int, bytes]] = []
    bench.ether.on_ipraw = lambda *packet: out.append(packet)
    async with bench.running():
        await bench.opened("raw")
        result = await bench.send("raw", b"ospf")
        assert result.value == {"level": "sent", "bytes": 4}
        assert out == [(HOST, 89, b"ospf")]
        bench.ether.deliver_ipraw(HOST, 89, b"hello")
        bench.ether.deliver_ipraw(HOST, 88, b"not for us")
        await bench.until(lambda: bench.said.data)
        assert bench.said.received("raw") == b"hello"
        assert "at most 1472" in (await bench.send("raw", bytes(1473))).detail


@virtual
async def test_the_protocol_of_ipraw_is_set_before_it_is_opened() -> None:
    bench = PaperBench(IPRAW)
    async with bench.running():
        await bench.opened("raw")
        said = list(dict.fromkeys(bench.paper.of(0x31, 0x34, 0x35, 0x3E)))
        assert said == ["34 00 00", "3E 00 59", "31 00 C0 00 02 01", "35 00"]


@virtual
async def test_a_chip_without_ipraw() -> None:
    bench = PaperBench(IPRAW)
    bench.paper.status[0x35] = 0x1A
    async with bench.running():
        await bench.opened("raw", "backoff")
        words = "OPEN_SOCKET_SN: a wrong argument (1A)"
        await bench.until(lambda: bench.info("raw")["last_error"] == words)


@virtual
async def test_a_hundred_rounds_leave_nothing_behind() -> None:
    bench = Ch392Bench(UDP, UDP_SERVER, CLIENT)
    bench.listen()
    async with bench.running():
        for number in range(100):
            await bench.opened("udp")
            assert (await bench.set("udp", "CLOSE")).phase is Phase.DONE
            assert f"{CHIP}:5001" not in bench.network.mailboxes
            assert (await bench.set("udp", "OPEN")).phase is Phase.DONE
            if number == 5:
                await bench.opened("udp")
                await asyncio.sleep(1)
                tasks = len(asyncio.all_tasks())
        await bench.opened("udp")
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) <= tasks
        assert sorted(bench.open_sockets) == [0, 1, 2]
