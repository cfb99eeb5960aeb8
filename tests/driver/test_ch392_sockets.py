"""The CH392's driver over real sockets of this machine, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import Kind
from chiplink.model import Phase
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.sim import Ch392Sim, Ch392Times, Ether
from driver.ch392_bench import Line, LinkBench, Pin, Wired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEER = "203.0.113.5"
"""This machine, as the chip sees it."""


class RealBench(LinkBench):
    """A chip in this process whose network is this machine's."""

    def __init__(self, *links: LinkSettings, ports: tuple[int, ...] = ()) -> None:
        self.ether = Ether(address_map={PEER: "127.0.0.1"}, port_map=dict.fromkeys(ports, 0))
        sim = Ch392Sim(ether=self.ether, times=Ch392Times.instant())
        port = Line(sim, baud=921600)
        wanted = Ch392Settings(id="lan", links=links)
        pins = Wired(lambda: Pin(sim))

        def make() -> Ch392:
            return Ch392(wanted, UartBusPort(port, DEFAULT, {}, pins))

        super().__init__(sim, port, make)

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[RealBench]:
        """Run it, and leave nothing open."""
        self.start()
        try:
            yield self
        finally:
            await self.stop()
            self.sim.close()


def _descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_an_echo_of_200_kilobytes() -> None:
    before = _descriptors()
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host=PEER, port=port)
    data = os.urandom(200_000)
    async with RealBench(link).started() as bench:
        await bench.opened("plc")
        for at in range(0, len(data), 50_000):
            assert (await bench.send("plc", data[at : at + 50_000])).phase is Phase.DONE
        await bench.until(lambda: len(bench.said.received("plc")) >= len(data))
        assert bench.said.received("plc") == data
        assert (await bench.set("plc", "CLOSE")).phase is Phase.DONE
    server.close()
    await server.wait_closed()
    assert _descriptors() == before


async def test_a_server_with_two_callers() -> None:
    before = _descriptors()
    link = LinkSettings(id="srv", kind=Kind.TCP_SERVER, local_port=4001, peers=2)
    async with RealBench(link, ports=(4001,)).started() as bench:
        await bench.opened("srv", "listening")
        port = bench.ether.bound_port("tcp", 4001)
        callers = []
        for number in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            callers.append((reader, writer))
            await bench.until(lambda number=number: len(bench.info("srv")["peers"]) == number + 1)
        for reader, writer in callers:
            name = f"{PEER}:{writer.get_extra_info('sockname')[1]}"
            writer.write(name.encode() * 500)
            await writer.drain()
            wanted = name.encode() * 500
            await bench.until(
                lambda name=name, wanted=wanted: bench.said.received("srv", name) == wanted
            )
            assert (await bench.send("srv", wanted, name)).phase is Phase.DONE
            assert await reader.readexactly(len(wanted)) == wanted
        for _reader, writer in callers:
            writer.close()
            await writer.wait_closed()
        await bench.opened("srv", "listening")
    assert _descriptors() == before


async def test_datagrams() -> None:
    before = _descriptors()
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        port = peer.getsockname()[1]
        link = LinkSettings(id="udp", kind=Kind.UDP, host=PEER, port=port, local_port=4002)
        async with RealBench(link, ports=(4002,)).started() as bench:
            await bench.opened("udp")
            loop = asyncio.get_running_loop()
            chip = ("127.0.0.1", bench.ether.bound_port("udp", 4002))
            for size in (1, 536, 1472):
                data = os.urandom(size)
                assert (await bench.send("udp", data)).value == {"level": "sent", "bytes": size}
                got, address = await loop.sock_recvfrom(peer, 2000)
                assert (got, address) == (data, chip)
                count = len(bench.said.data)
                await loop.sock_sendto(peer, data[::-1], chip)
                await bench.until(lambda count=count: len(bench.said.data) > count)
                assert bench.said.data[-1].data == data[::-1]
    assert _descriptors() == before
