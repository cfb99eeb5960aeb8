"""Links over a modem: kept open over everything that a modem does, under noise of its line."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from driver_modem import DEADLINE, EVERY, PEER, ModemBench, bench
from test_modem_sockets import box, serving

from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import Kind
from chiplink.exceptions import BadPayloadError, ClosedError, CommandError, OutcomeUnknownError
from chiplink.model import LinkData, LinkPhase, LinkState
from chiplink.protocol.at_events import Accepted, Payload

if TYPE_CHECKING:
    from test_modem_sockets import Caller, Server

EACH = pytest.mark.parametrize("chip", EVERY)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("links.FIRST_DELAY", "links.MAX_DELAY", "links.OBSTACLE_CHECK"):
        monkeypatch.setattr(f"chiplink.driver.{name}", 0.05)
    for name in ("SEARCH_POLL", "FIRST_DELAY", "MAX_DELAY"):
        monkeypatch.setattr(f"chiplink.driver.modem_network.{name}", 0.02)
    monkeypatch.setattr("chiplink.driver.modem_network.POLL", 0.2)
    monkeypatch.setattr("chiplink.driver.supervision.FIRST_DELAY", 0.02)


def client(port: int, **keys: Any) -> tuple[LinkSettings, ...]:
    return (LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host=PEER, port=port, **keys),)


def phases(at: ModemBench) -> list[LinkPhase]:
    return [each.phase for each in at.told if isinstance(each, LinkState)]


def arrived(at: ModemBench) -> bytes:
    """Take what arrived, as a broker would."""
    data = b""
    for each in at.told:
        if isinstance(each, LinkData):
            each.taken()
            data += each.data
    return data


async def tx(at: ModemBench, data: bytes) -> Any:
    async with asyncio.timeout(DEADLINE):
        return await at.command("link/plc/tx", data)


async def carries(at: ModemBench, caller: Caller) -> None:
    await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
    found = await tx(at, b"ping")
    assert found["bytes"] == 4
    assert await caller.read(4) == b"ping"
    await caller.write(b"pong")
    await at.until(lambda: arrived(at).endswith(b"pong"))


async def opened_again(at: ModemBench, server: Server) -> None:
    """The link comes back by itself, after how many attempts ever."""
    async with asyncio.timeout(DEADLINE):
        while True:
            caller = await server.accept()
            try:
                await carries(at, caller)
            except (CommandError, asyncio.IncompleteReadError, ConnectionError):
                continue
            return


@EACH
async def test_a_link(chip: str) -> None:
    async with serving() as server, bench(chip, links=client(server.port)) as at:
        await carries(at, await server.accept())
        assert phases(at)[-2:] == [LinkPhase.CONNECTING, LinkPhase.OPEN]
        await at.command("link/plc/set", "CLOSE")
        assert phases(at)[-1] is LinkPhase.CLOSED
        with pytest.raises(ClosedError, match="closed by command"):
            await tx(at, b"x")
        await at.command("link/plc/set", "OPEN")
        await carries(at, await server.accept())


@EACH
@pytest.mark.parametrize("accident", ["restart=0", "power-dip=0", "pdp-deact=0", "peer"])
async def test_it_comes_back(chip: str, accident: str) -> None:
    async with serving() as server, bench(chip, links=client(server.port)) as at:
        caller = await server.accept()
        await carries(at, caller)
        if accident == "peer":
            caller.writer.transport.abort()
        else:
            at.sim.faults.switch_on(accident)
        await opened_again(at, server)


@EACH
async def test_bytes_that_cannot_go(chip: str) -> None:
    async with serving() as server, bench(chip, links=client(server.port)) as at:
        caller = await server.accept()
        await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
        if chip == "gseries":
            with pytest.raises(BadPayloadError):
                await tx(at, b"\x1a")
        else:
            await tx(at, b"\x1a\x1b")
            assert await caller.read(2) == b"\x1a\x1b"
        await carries(at, caller)


@pytest.mark.parametrize("chip", ["sim800", "sim7028"])
async def test_a_server(chip: str) -> None:
    links = (LinkSettings(id="plc", kind=Kind.TCP_SERVER, local_port=8080),)
    async with bench(chip, links=links, ports=(8080,)) as at:
        for _time in range(2):
            await at.until(lambda: phases(at)[-1:] == [LinkPhase.LISTENING])
            port = at.sim.ether.bound_port("tcp", 8080)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
            await tx(at, b"hello")
            async with asyncio.timeout(DEADLINE):
                assert await reader.readexactly(5) == b"hello"
            writer.close()


NOBODY = ["", "1.2.3:5000", "1.2.3.4:99999", "1.2.3.4:", "fe80::1%+/#:5", "a/b/#:5", "9" * 900]
"""Whom a line that has lost bytes may tell of."""

HERE = (IPv4Network("203.0.113.0/24"),)


@pytest.mark.parametrize(("chip", "server"), [("sim800", None), ("sim7028", 0)])
async def test_a_caller_whose_name_or_link_is_garbled_is_none(
    chip: str, server: int | None
) -> None:
    kind = Kind.TCP_SERVER
    links = (LinkSettings(id="plc", kind=kind, local_port=8080, peers=2, allow=HERE),)
    async with bench(chip, links=links, ports=(8080,)) as at:
        await at.until(lambda: phases(at)[-1:] == [LinkPhase.LISTENING])
        for name in NOBODY:
            at.stack.heard(Accepted(1, server, name))
        for link in (8, 9):
            at.stack.heard(Accepted(link, server, "203.0.113.9:7"))
        port = at.sim.ether.bound_port("tcp", 8080)
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        await at.until(lambda: arrived(at) == b"hello")
        writer.close()
        await at.until(lambda: phases(at)[-1:] == [LinkPhase.LISTENING])
        assert LinkPhase.BACKOFF not in phases(at)[phases(at).index(LinkPhase.LISTENING) :]


@pytest.mark.parametrize(("chip", "several"), [("sim800", False), ("sim7028", True)])
async def test_datagrams_of_nobody_are_dropped(chip: str, *, several: bool) -> None:
    links = (LinkSettings(id="plc", kind=Kind.UDP_SERVER, local_port=5000, allow=HERE),)
    async with bench(chip, links=links, pull=False, several=several) as at:
        await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
        for name in (*NOBODY, None, "203.0.113.9:7"):
            at.stack.heard(Payload(b"x", link=0, peer=name))
        await at.until(lambda: [each for each in at.told if isinstance(each, LinkData)])
        assert [each.peer for each in at.told if isinstance(each, LinkData)] == ["203.0.113.9:7"]
        assert arrived(at) == b"x"
        assert phases(at)[-1] is LinkPhase.OPEN


@EACH
async def test_datagrams(chip: str) -> None:
    async with box() as there:
        links = (LinkSettings(id="plc", kind=Kind.UDP, host=PEER, port=there.port),)
        async with bench(chip, links=links) as at:
            await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
            await tx(at, b"ping")
            data, address = await there.get()
            assert data == b"ping"
            there.transport.sendto(b"one", address)
            there.transport.sendto(b"two", address)
            await at.until(lambda: arrived(at) == b"onetwo")
            found = [each.data for each in at.told if isinstance(each, LinkData)]
            assert found == [b"one", b"two"]


@EACH
@pytest.mark.parametrize(
    "faults",
    [
        ("split-out=1ms,0.1",),
        ("split-in=1ms,0.1", "delay-out=1ms"),
        ("split-out=1ms,0.05", "urc-inside-reply", "time-urcs"),
        ("payload-ok=0.2",),
        ("late-connect-fail=1",),
        ("lost-notice",),
        ("send-fail=1",),
        ("closed-during-send=1",),
    ],
    ids=" ".join,
)
async def test_nothing_is_lost_silently_or_twice(chip: str, faults: tuple[str, ...]) -> None:
    """What a command was told is true: acked or sent bytes arrived, in order, once."""
    async with (
        serving() as server,
        bench(chip, faults=faults, links=client(server.port)) as at,
    ):
        whole = b""
        caller: Caller | None = None
        for number in range(40):
            await at.until(lambda: phases(at)[-1:] == [LinkPhase.OPEN])
            message = b"<%03d>" % number
            try:
                await tx(at, message)
            except (ClosedError, OutcomeUnknownError):
                await at.until(lambda: phases(at)[-1] is not LinkPhase.OPEN)
                caller = None
                continue
            caller = caller or await server.accept()
            whole += message
        assert whole.count(b"<") >= 38
        while caller is not None and server.waiting:
            caller = await server.accept()
        assert caller is not None
        async with asyncio.timeout(DEADLINE):
            assert await caller.reader.readuntil(b"<039>")
