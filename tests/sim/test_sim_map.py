"""Where a simulated network leads: addresses and single ports, there and back."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest
import serial
from sim_ch392 import Board, le
from sim_support import DEADLINE

from chiplink.sim import Ch392Sim, Ch392Times, run_sim
from chiplink.sim.ether_map import MappedEther, Place, parse_map

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

HERE = "127.0.0.1"
FAR_HEX = "CB 00 71 05"
FAR = "203.0.113.5"


def packed(host: str) -> bytes:
    return socket.inet_aton(host)


def mapped(*texts: str) -> MappedEther:
    return MappedEther(parse_map(texts))


def test_rules() -> None:
    rules = parse_map(["203.0.113.5=127.0.0.1", "203.0.113.5:80=127.0.0.1:8080"])
    assert rules == {
        Place("203.0.113.5"): Place("127.0.0.1"),
        Place("203.0.113.5", 80): Place("127.0.0.1", 8080),
    }


@pytest.mark.parametrize(
    ("rules", "place", "target"),
    [
        (["203.0.113.5:80=127.0.0.1:8080"], (FAR, 80), (HERE, 8080)),
        (["203.0.113.5:80=127.0.0.1:8080"], (FAR, 81), (FAR, 81)),
        (["203.0.113.5:80=127.0.0.1"], (FAR, 80), (HERE, 80)),
        (["203.0.113.5=127.0.0.1:8080"], (FAR, 80), (HERE, 8080)),
        (["203.0.113.5=127.0.0.9", "203.0.113.5:80=127.0.0.1:8080"], (FAR, 80), (HERE, 8080)),
    ],
)
def test_targets(rules: list[str], place: tuple[str, int], target: tuple[str, int]) -> None:
    ether = mapped(*rules)
    assert ether.target(packed(place[0]), place[1]) == (packed(target[0]), target[1])


def test_whole_addresses_are_mapped_both_ways() -> None:
    ether = mapped("203.0.113.5=127.0.0.1", "203.0.113.6:80=127.0.0.2:8080")
    assert ether.real(packed(FAR)) == HERE
    assert ether.seen(HERE) == packed(FAR)
    assert ether.seen("127.0.0.2") == packed("127.0.0.2")
    assert ether.source(packed("127.0.0.2"), 8080) == (packed("203.0.113.6"), 80)
    assert ether.source(packed("127.0.0.2"), 8081) == (packed("127.0.0.2"), 8081)


@asynccontextmanager
async def board(*rules: str, ports: tuple[int, ...] = ()) -> AsyncIterator[Board]:
    ether = mapped(*rules)
    ether.port_map = dict.fromkeys(ports, 0)
    sim = Ch392Sim(ether=ether, times=Ch392Times.instant())
    try:
        host = Board(sim)
        await host.initialise()
        yield host
    finally:
        sim.close()


@contextmanager
def bound(kind: socket.SocketKind) -> Iterator[socket.socket]:
    with socket.socket(type=kind) as sock:
        sock.bind((HERE, 0))
        sock.setblocking(False)
        yield sock


async def test_tcp_to_one_port() -> None:
    with bound(socket.SOCK_STREAM) as listener:
        listener.listen()
        async with board(f"{FAR}:80={HERE}:{listener.getsockname()[1]}") as host:
            host.say("34 00 03", f"31 00 {FAR_HEX}", f"32 00 {le(80)}", "33 00 E8 03")
            assert await host.status("35 00") == "00"
            assert await host.status("37 00") == "00"
            await host.wait(0, 0x08)
            await host.write(0, b"ping")
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(DEADLINE):
                peer, _address = await loop.sock_accept(listener)
                with peer:
                    assert await loop.sock_recv(peer, 100) == b"ping"
                    await loop.sock_sendall(peer, b"pong")
                    assert await host.hear(0, 4) == b"pong"


@pytest.mark.parametrize("start", [f"{FAR}:53", FAR])
async def test_udp_to_one_port_and_back(start: str) -> None:
    loop = asyncio.get_running_loop()
    with bound(socket.SOCK_DGRAM) as peer:
        rule = f"{start}={HERE}:{peer.getsockname()[1]}"
        async with board(rule, f"203.0.113.9={HERE}", ports=(1000,)) as host:
            host.say("34 00 02", f"31 00 {FAR_HEX}", f"32 00 {le(53)}", f"33 00 {le(1000)}")
            assert await host.status("35 00") == "00"
            await host.write(0, b"who?")
            async with asyncio.timeout(DEADLINE):
                data, address = await loop.sock_recvfrom(peer, 100)
            assert data == b"who?"
            # A client of the chip takes what seems to come from its destination only.
            await loop.sock_sendto(peer, b"you", address)
            assert await host.hear(0, 3) == b"you"


async def test_a_refusal_names_the_mapped_place() -> None:
    with bound(socket.SOCK_DGRAM) as nobody:
        port = nobody.getsockname()[1]
    async with board(f"{FAR}:53={HERE}:{port}", ports=(1000,)) as host:
        host.say("34 00 02", f"31 00 {FAR_HEX}", f"32 00 {le(53)}", f"33 00 {le(1000)}")
        assert await host.status("35 00") == "00"
        await host.write(0, b"who?")
        await host.wait_global(0x01)
        assert host.ask("28") == f"03 11 {le(53)} {FAR_HEX}"


async def test_the_command_line_s_rules_reach_the_chip(tmp_path: Path) -> None:
    with bound(socket.SOCK_STREAM) as listener:
        listener.listen()
        rule = f"{FAR}:80={HERE}:{listener.getsockname()[1]}"
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        path = tmp_path / "lan"
        running = asyncio.create_task(
            run_sim("ch392", link=path, maps=[rule], on_ready=ready.set_result)
        )
        try:
            async with asyncio.timeout(DEADLINE):
                await ready
                calling = asyncio.create_task(asyncio.to_thread(call, str(path)))
                peer, _address = await asyncio.get_running_loop().sock_accept(listener)
                peer.close()
                await calling
        finally:
            running.cancel()
            await asyncio.wait({running})


def call(path: str) -> None:
    """Let the chip connect to 203.0.113.5:80, as the document's steps say."""
    with serial.Serial(path, 9600, timeout=DEADLINE) as port:

        def say(text: str, reply: int = 0) -> bytes:
            port.write(bytes.fromhex("57 AB" + text))
            return port.read(reply) if reply else b""

        def finished() -> bool:
            return say("2C", 1) != b"\x10"

        say("22 C0 A8 01 02")
        say("27")
        while not finished():
            pass
        while say("26", 1) != b"\x02":
            pass
        for text in ("34 00 03", f"31 00 {FAR_HEX}", "32 00 50 00", "33 00 E8 03", "35 00"):
            say(text)
        while not finished():
            pass
        say("37 00")
        while not finished():
            pass
