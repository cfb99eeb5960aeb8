"""A link is opened, watched and opened again, whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import KeepAlive, Kind
from chiplink.exceptions import BusyError, Code, DeadlineError
from chiplink.model import LinkPhase
from driver.fake_stack import HOST
from driver.links_bench import LinksBench
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from chiplink.driver.sockets import Endpoint

PLC = f"{HOST}:502"
CLIENT = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host=HOST, port=502)
SERVER = LinkSettings(id="srv", kind=Kind.TCP_SERVER, local_port=8080, peers=2)
UDP = LinkSettings(id="udp", kind=Kind.UDP, host=HOST, port=5000, local_port=5001)


@virtual
async def test_from_the_beginning_to_the_end() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        await service.accept()
        assert bench.info("plc")["peers"] == [PLC]
    assert [phase for _link, phase in bench.phases] == [
        LinkPhase.CONNECTING,
        LinkPhase.OPEN,
        LinkPhase.CLOSED,
    ]
    assert bench.info("plc")["peers"] == []


@virtual
async def test_what_is_asked_of_the_stack() -> None:
    link = replace(CLIENT, local_port=99, ttl=7, keep_alive=KeepAlive(20, 5, 3))
    bench = LinksBench(link, SERVER)
    bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        await bench.reached("srv", "listening")
    asked = {endpoint.owner: endpoint for endpoint in bench.stack.endpoints}
    client: Endpoint = asked["plc"]
    assert (client.host, client.port, client.local_port, client.ttl) == (HOST, 502, 99, 7)
    assert client.keep_alive == KeepAlive(20, 5, 3)
    assert (asked["srv"].local_port, asked["srv"].peers) == (8080, 2)


@virtual
async def test_attempts_double_their_pause_up_to_a_minute() -> None:
    bench = LinksBench(CLIENT)
    async with bench.running():
        await asyncio.sleep(600)
        pauses = [later - earlier for earlier, later in pairwise(bench.stack.times)]
        for number, pause in enumerate(pauses):
            wanted = min(2**number, 60)
            assert 0.89 * wanted < pause < 1.11 * wanted
        assert len(pauses) > 8
        info = bench.info("plc")
        assert info["reconnects"] == len(pauses) + 1
        assert info["last_error"] == f"nobody listens at {PLC}"
        bench.network.listen(PLC)
        await bench.reached("plc")
        assert bench.info("plc")["last_error"] == ""


@pytest.mark.parametrize(("seconds", "soon"), [(5, False), (11, True)])
@virtual
async def test_only_what_was_open_for_a_while_is_opened_again_soon(
    seconds: float,
    soon: bool,  # noqa: FBT001
) -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        for _round in range(6):
            await bench.reached("plc")
            stream = await service.accept()
            await asyncio.sleep(seconds)
            stream.reset()
            await bench.reached("plc", "backoff")
        ended = asyncio.get_running_loop().time()
        await bench.reached("plc")
        pause = asyncio.get_running_loop().time() - ended
        assert (pause < 1.2) is soon


@virtual
async def test_an_attempt_that_takes_long_is_no_connection() -> None:
    bench = LinksBench(CLIENT)
    begun = []
    async with bench.running():
        for _round in range(4):
            bench.stack.stall(opening=True)
            await bench.reached("plc", "connecting")
            begun.append(asyncio.get_running_loop().time())
            await asyncio.sleep(30)
            bench.stack.errors.append(DeadlineError("no answer"))
            bench.stack.stall()
            await bench.reached("plc", "backoff")
        pauses = [later - earlier - 30 for earlier, later in pairwise(begun)]
        assert pauses[0] < pauses[1] < pauses[2]


@virtual
async def test_what_is_in_the_way_is_said_in_time() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    bench.stack.lose("the chip does not answer")
    async with bench.running():
        for words in ("no network cable", "no address yet: DHCP is asking"):
            await asyncio.sleep(10)
            bench.stack.lose(words)
            await bench.until(lambda words=words: bench.info("plc")["last_error"] == words, 3)
            assert bench.phase("plc") == "backoff"
        assert bench.stack.endpoints == []
        said = len(bench.infos)
        await asyncio.sleep(3600)
        assert len(bench.infos) == said  # and once is enough
        bench.stack.restore()
        await bench.reached("plc")
        assert bench.info("plc")["last_error"] == ""


@virtual
async def test_the_network_is_waited_for_not_tried() -> None:
    bench = LinksBench(CLIENT)
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        await service.accept()
        bench.stack.lose("no network cable")
        await bench.reached("plc", "backoff")
        await bench.until(lambda: bench.info("plc")["last_error"] == "no network cable")
        await asyncio.sleep(600)
        assert len(bench.stack.endpoints) == 1
        bench.stack.restore()
        begun = asyncio.get_running_loop().time()
        await bench.reached("plc")
        assert asyncio.get_running_loop().time() - begun < 1


@virtual
async def test_no_socket_is_free() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    bench.stack.errors.append(BusyError("0 sockets of the chip are free, 1 are needed"))
    async with bench.running():
        await bench.reached("plc", "backoff")
        assert bench.info("plc")["last_error"] == "0 sockets of the chip are free, 1 are needed"
        await bench.reached("plc")


@virtual
async def test_a_defect_is_logged_and_the_next_attempt_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    bench.stack.errors.append(ZeroDivisionError())  # type: ignore[arg-type]
    async with bench.running():
        await bench.reached("plc", "backoff")
        assert bench.info("plc")["last_error"] == "a defect of chiplink; see its log"
        await bench.reached("plc")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "lan/plc failed"
    ]


# OPEN and CLOSE


@virtual
async def test_closed_until_it_is_opened() -> None:
    bench = LinksBench(replace(CLIENT, open=False))
    service = bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc", "closed")
        assert str(await bench.fails("link/plc/tx", b"x")) == (
            "the link is not open: it waits for OPEN"
        )
        await bench.do("link/plc/set", "CLOSE")  # it is
        await bench.do("link/plc/set", "OPEN")
        await bench.reached("plc")
        stream = await service.accept()
        await bench.do("link/plc/set", "OPEN")  # it is
        await asyncio.sleep(100)
        assert service.waiting == 0
        await bench.do("link/plc/set", "CLOSE")
        assert bench.phase("plc") == "closed"
        assert await stream.read() == b""
        assert bench.stack.open == []
        await asyncio.sleep(1000)
        assert service.waiting == 0
        await bench.do("link/plc/set", "OPEN")
        await bench.reached("plc")


@pytest.mark.parametrize("where", ["connecting", "backoff", "waiting"])
@virtual
async def test_closed_whatever_it_is_doing(where: str) -> None:
    bench = LinksBench(CLIENT)
    if where == "connecting":
        bench.network.listen(PLC)
        bench.stack.stall(opening=True)
    elif where == "waiting":
        bench.stack.lose("no network cable")
    async with bench.running():
        await bench.reached("plc", "backoff" if where == "waiting" else where)
        await bench.do("link/plc/set", "CLOSE")
        assert bench.phase("plc") == "closed"
        error = await bench.fails("link/plc/tx", b"x")
        assert str(error) == "the link is not open: it was closed by command"
        bench.stack.stall()
        bench.stack.restore()
        await asyncio.sleep(100)
        assert bench.phase("plc") == "closed"
        assert bench.stack.open == []


@virtual
async def test_opened_again_before_it_was_closed() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        bench.stack.stall(closing=True)
        closing = asyncio.create_task(bench.fails("link/plc/set", "CLOSE"))
        await asyncio.sleep(1)
        await bench.do("link/plc/set", "OPEN")
        bench.stack.stall()
        assert (await closing).code is Code.CANCELLED
        await bench.reached("plc")


@virtual
async def test_a_socket_that_does_not_close_is_left() -> None:
    bench = LinksBench(CLIENT)
    bench.network.listen(PLC)
    async with bench.running():
        await bench.reached("plc")
        bench.stack.stall(closing=True)
        begun = asyncio.get_running_loop().time()
        await bench.do("link/plc/set", "CLOSE")
        assert asyncio.get_running_loop().time() - begun < 6
        assert bench.phase("plc") == "closed"
        bench.stack.stall()
        bench.stack.open.clear()


@virtual
async def test_a_hundred_rounds_leave_no_task() -> None:
    bench = LinksBench(CLIENT, SERVER, UDP)
    bench.network.listen(PLC)
    async with bench.running():
        for number in range(100):
            for name in ("plc", "srv", "udp"):
                await bench.do(f"link/{name}/set", "OPEN")
            await bench.reached("plc")
            for name in ("plc", "srv", "udp"):
                await bench.do(f"link/{name}/set", "CLOSE")
            assert bench.stack.open == []
            if number == 1:
                tasks = len(asyncio.all_tasks())
        assert len(asyncio.all_tasks()) <= tasks


# Servers


@virtual
async def test_peers_come_and_go() -> None:
    bench = LinksBench(SERVER)
    async with bench.running():
        await bench.reached("srv", "listening")
        one = bench.call(8080, f"{HOST}:1000")
        await bench.reached("srv")
        two = bench.call(8080, f"{HOST}:1001")
        await bench.until(lambda: len(bench.info("srv")["peers"]) == 2)
        with pytest.raises(ConnectionRefusedError):
            bench.call(8080, f"{HOST}:1002")
        one.finish()
        await bench.until(lambda: bench.info("srv")["peers"] == [f"{HOST}:1001"])
        assert bench.phase("srv") == "open"
        two.reset()
        await bench.reached("srv", "listening")
        assert bench.info("srv")["reconnects"] == 0
        assert bench.info("srv")["last_error"] == ""


@virtual
async def test_only_peers_that_are_allowed() -> None:
    bench = LinksBench(replace(SERVER, allow=(IPv4Network("192.0.2.0/28"),)))
    async with bench.running():
        await bench.reached("srv", "listening")
        stranger = bench.call(8080, "198.51.100.1:1000")
        assert await stranger.read() == b""
        bench.call(8080, "192.0.2.15:1000")
        await bench.reached("srv")
        assert bench.info("srv")["peers"] == ["192.0.2.15:1000"]
        assert bench.info("srv")["refused"] == 1
        assert ("srv", LinkPhase.OPEN) in bench.phases


@pytest.mark.parametrize("stranger", ["[2001:db8::1]:5000", "nonsense:1"])
@virtual
async def test_who_has_no_ipv4_address_is_turned_away_alone(stranger: str) -> None:
    bench = LinksBench(replace(SERVER, allow=(IPv4Network("192.0.2.0/28"),)))
    async with bench.running():
        await bench.reached("srv", "listening")
        bench.call(8080, "192.0.2.1:4000")
        await bench.reached("srv")
        bench.call(8080, stranger)
        await asyncio.sleep(6)
        assert bench.info("srv")["refused"] == 1
        assert bench.info("srv")["peers"] == ["192.0.2.1:4000"]


@virtual
async def test_a_lost_listener_is_opened_again() -> None:
    bench = LinksBench(SERVER)
    async with bench.running():
        await bench.reached("srv", "listening")
        bench.call(8080, f"{HOST}:1000")
        await bench.reached("srv")
        bench.stack.lose("the chip was reset")
        await bench.reached("srv", "backoff")
        assert bench.info("srv")["peers"] == []
        assert bench.info("srv")["last_error"] == "the chip was reset"
        bench.stack.restore()
        await bench.reached("srv", "listening")
        bench.call(8080, f"{HOST}:1001")
        await bench.reached("srv")


@virtual
async def test_nobody_is_let_in_while_it_closes() -> None:
    bench = LinksBench(SERVER)
    async with bench.running():
        await bench.reached("srv", "listening")
        bench.call(8080, f"{HOST}:1000")
        await bench.reached("srv")
        bench.stack.stall(closing=True)
        closing = asyncio.create_task(bench.do("link/srv/set", "CLOSE"))
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            bench.call(8080, f"{HOST}:1001")
        bench.stack.stall()
        await closing
        assert bench.phase("srv") == "closed"
