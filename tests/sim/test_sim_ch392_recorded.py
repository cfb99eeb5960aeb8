"""Bytes that others' programs sent and what they were answered, again on the UART and on SPI.

Recorded from two that ran as they are against `chiplink sim ch392`: a chip maker's example for a
microcontroller, with UDP, a TCP server, a TCP client and IPRAW at once, and the serial driver of
a firmware that reports over MQTT. Only their bytes stand here, as a board clocks or sends them;
what was asked again and again until the answer changed is one row.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest
import serial
from sim_ch392 import Board, Peer, accepted, client, datagram, port_of
from sim_support import DEADLINE

from chiplink.sim import Ch392Sim, Ch392Times, PtyLine, SpiWire
from chiplink.sim.ch392_events import ChipStarted, CommandTaken, MacWritten, SpiProblem
from chiplink.sim.ether_map import MappedEther, parse_map
from chiplink.sim.events import BytesDropped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

RECV, CONNECT, DISCONNECT = 0x04, 0x08, 0x10
WRITTEN = 0x03
STATE = 0x58  # connected, disconnected, out of time
ASKED_AGAIN = {"26": "01", "2C": "10"}
"""What was asked until it was answered otherwise than so: no link yet, BUSY."""

EXAMPLE = """
06 65 | 9A
22 C0 A8 01 65 |
23 C0 A8 01 01 |
24 FF FF FF 00 |
27 |
2C | 00
52 00 00 01 |
53 00 01 01 |
52 01 02 01 |
53 01 03 01 |
52 02 04 01 |
53 02 05 01 |
52 03 06 01 |
53 03 07 01 |
26 | 02
31 00 C0 A8 01 7B |
34 00 02 |
32 00 E8 03 |
33 00 B3 15 |
35 00 |
2C | 00
34 01 03 |
33 01 70 17 |
35 01 |
2C | 00
36 01 |
2C | 00
31 02 C0 A8 01 7B |
34 02 03 |
32 02 E8 03 |
33 02 58 1B |
35 02 |
2C | 00
37 02 |
2C | 00
31 03 C0 A8 01 7B |
34 03 00 |
3E 03 E2 |
35 03 |
2C | 00
"""

DRIVER = """
21 02 50 45 4D 00 01 |
22 C0 A8 01 14 |
23 C0 A8 01 01 |
24 FF FF FF 00 |
27 |
2C | 00
01 | 01
26 | 02
38 02 |
2C | 17
3D 02 |
2C | 00
34 02 03 |
31 02 CB 00 71 05 |
32 02 21 9A |
33 02 6A BF |
35 02 |
2C | 00
37 02 |
2C | 00
2F 02 | 05 04
38 02 |
2C | 00
3D 02 |
2C | 00
26 | 02
38 02 |
2C | 17
3D 02 |
2C | 00
34 02 03 |
31 02 CB 00 71 05 |
32 02 43 CF |
33 02 6A BF |
35 02 |
2C | 00
37 02 |
2C | 00
2F 02 | 00 00
38 02 |
2C | 17
3D 02 |
2C | 00
34 00 03 |
31 00 CB 00 71 05 |
32 00 21 9A |
33 00 40 9C |
35 00 |
2C | 00
37 00 |
2C | 00
"""


class Bus(Protocol):
    """How commands reach the chip."""

    async def ask(self, command: bytes, size: int) -> bytes:
        """Send a command and return the bytes of its answer."""


class Uart:
    """A port: the sync code, the command, its arguments; then as many bytes as answer it."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    async def ask(self, command: bytes, size: int) -> bytes:
        await asyncio.to_thread(self._port.write, b"\x57\xab" + command)
        return await self._read(size)

    async def set_baud(self, command: str, baud: int) -> bytes:
        """Send SET_BAUDRATE, follow it before the status can come, and return the status."""
        self._port.write(b"\x57\xab" + bytes.fromhex(command))
        self.follow(baud)
        return await self._read(1)

    def follow(self, baud: int) -> None:
        """Be at another rate."""
        self._port.baudrate = baud

    async def _read(self, size: int) -> bytes:
        return bytes(await asyncio.to_thread(self._port.read, size)) if size else b""


class Spi:
    """The wire: selected, each byte by itself with a microsecond behind it, released."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.write(b"S" + (1_125_000).to_bytes(4, "little"))

    async def ask(self, command: bytes, size: int) -> bytes:
        out = command + bytes(size)
        gap = b"D" + (1).to_bytes(4, "little")
        self._writer.write(b"L" + b"".join(b"X" + bytes([byte]) + gap for byte in out) + b"H")
        async with asyncio.timeout(DEADLINE):
            return (await self._reader.readexactly(len(out)))[len(command) :]


class Again:
    """The host that says it again."""

    def __init__(self, board: Board, bus: Bus) -> None:
        self.board = board
        self.bus = bus
        self._bits = [0, 0, 0, 0]

    async def ask(self, command: str, answer: str) -> None:
        """Send what was sent and hear what was answered, as often as it took."""
        wanted, waiting = bytes.fromhex(answer), bytes.fromhex(ASKED_AGAIN.get(command, answer))
        async with asyncio.timeout(DEADLINE):
            while True:
                got = await self.bus.ask(bytes.fromhex(command), len(wanted))
                if got == wanted:
                    return
                assert got == waiting or command.startswith("2F"), f"{command}: {got.hex(' ')}"

    async def dialogue(self, rows: str) -> None:
        for row in rows.strip().splitlines():
            command, _, answer = row.partition("|")
            await self.ask(command.strip(), answer.strip())
            if command.startswith("21"):
                await self.board.until(lambda: self.board.of(MacWritten))

    async def interrupt(self, index: int, bits: int) -> None:
        """Read both statuses until a socket had all of bits."""
        async with asyncio.timeout(DEADLINE):
            while self._bits[index] & bits != bits:
                either, nothing = await self.bus.ask(b"\x19", 2)
                assert nothing == 0
                for number in range(4):
                    if either & (0x10 << number):
                        (had,) = await self.bus.ask(bytes([0x30, number]), 1)
                        self._bits[number] |= had
        self._bits[index] &= ~bits

    async def take(self, index: int) -> bytes:
        """Read what the interrupt told of."""
        await self.interrupt(index, RECV)
        length = await self.bus.ask(bytes([0x3B, index]), 2)
        size = int.from_bytes(length, "little")
        return await self.bus.ask(bytes([0x3C, index]) + length, size)

    async def give(self, index: int, data: bytes) -> None:
        """Write, and wait until it is sent."""
        head = bytes([0x39, index]) + len(data).to_bytes(2, "little")
        await self.bus.ask(head + data, 0)
        await self.interrupt(index, WRITTEN)

    async def echo(self, index: int, count: int) -> None:
        """Send back what comes, as both programs did."""
        while count:
            data = await self.take(index)
            await self.give(index, data)
            count -= len(data)


@asynccontextmanager
async def again(bus: str, folder: Path, sim: Ch392Sim) -> AsyncIterator[Again]:
    """A host on a bus of a chip, which at the end has nothing to complain of."""
    board = Board(sim)
    try:
        if bus == "uart":
            async with PtyLine(sim) as line:
                with serial.Serial(line.path, 9600, timeout=DEADLINE) as port:
                    yield Again(board, Uart(port))
                    assert port.in_waiting == 0
                assert line.garbled == 0
        else:
            async with SpiWire(sim, folder / "wire") as wire:
                reader, writer = await asyncio.open_unix_connection(wire.path)
                yield Again(board, Spi(reader, writer))
                writer.close()
        assert not board.of(SpiProblem)
        assert not board.of(BytesDropped)
        taken = [event for event in board.events if isinstance(event, CommandTaken)]
        assert not [event for event in taken if event.fault]
    finally:
        sim.close()


@contextmanager
def peers() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A listening TCP socket and a UDP socket on one port of this machine."""
    for _ in range(20):
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            tcp.setblocking(False)
            udp.setblocking(False)
            yield tcp, udp
            return
    pytest.fail("no port is free")


def chip(*maps: str, ports: tuple[int, ...]) -> Ch392Sim:
    """A chip that leads the recorded addresses to this machine's, its own ports to free ones."""
    ether = MappedEther(parse_map(maps))
    ether.port_map.update(dict.fromkeys(ports, 0))
    return Ch392Sim(ether=ether, times=Ch392Times.instant())


def some(count: int, step: int = 7) -> bytes:
    return bytes((index * step + count) & 0xFF for index in range(count))


@pytest.mark.parametrize("bus", ["uart", "spi"])
async def test_a_makers_example(bus: str, tmp_path: Path) -> None:
    with peers() as (tcp, udp):
        sim = chip(f"192.168.1.123:1000=127.0.0.1:{port_of(tcp)}", ports=(5555, 6000))
        async with again(bus, tmp_path, sim) as host:
            await host.ask("01", "01")
            if isinstance(host.bus, Uart):
                assert await host.bus.set_baud("02 00 10 0E", 921600) == b"\0"
            await host.dialogue(EXAMPLE)
            async with accepted(tcp) as server:
                await host.interrupt(2, CONNECT)
                await echoed(host, 2, server, 1, 100, 536)
                async with client(sim.ether.bound_port("tcp", 6000)) as guest:
                    await host.interrupt(1, CONNECT)
                    await echoed(host, 1, guest, 5, 536, 1500)
                await host.interrupt(1, DISCONNECT)
                for count in (1, 64, 536):
                    udp.sendto(some(count), ("127.0.0.1", sim.ether.bound_port("udp", 5555)))
                    await host.echo(0, count)
                    assert (await datagram(udp))[0] == some(count)
            await host.interrupt(2, DISCONNECT)


async def echoed(host: Again, index: int, peer: Peer, *counts: int) -> None:
    for count in counts:
        await peer.send(some(count))
        await host.echo(index, count)
        assert await peer.receive(count) == some(count)


@pytest.mark.parametrize("bus", ["uart", "spi"])
async def test_a_firmwares_driver(bus: str, tmp_path: Path) -> None:
    with peers() as (tcp, udp), socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        sim = chip(
            f"203.0.113.5:39457=127.0.0.1:{port_of(tcp)}",
            f"203.0.113.5:53059=127.0.0.1:{port_of(refusing)}",
            ports=(55550,),
        )
        async with again(bus, tmp_path, sim) as host:
            await faster(host)
            await host.ask("05", "")
            await host.board.until(lambda: host.board.of(ChipStarted))
            await faster(host)
            await host.dialogue(DRIVER)
            async with accepted(tcp) as probed:
                assert await probed.receive(1) == b""
            async with accepted(tcp) as server:
                await only(host, 0, CONNECT)
                for count in (1, 8, 64, 512, 1072):
                    data = some(count, 11)
                    length = count.to_bytes(2, "little").hex()
                    await host.ask(f"39 00 {length} {data.hex()}", "")
                    await server.send(await server.receive(count))
                    await only(host, 0, WRITTEN | RECV)
                    await length_of(host, 0, count)
                    await host.ask(f"3C 00 {length}", data.hex())
                await host.dialogue("38 00 |\n2C | 00")
                assert await server.receive(1) == b""
            await only(host, 0, DISCONNECT)
            await host.dialogue("3D 00 |\n2C | 00\n34 01 02 |\n31 01 CB 00 71 05 |\n32 01 21 9A |")
            await host.dialogue("33 01 FE D8 |\n35 01 |\n2C | 00\n39 01 04 00 70 69 6E 67 |")
            await only(host, 1, WRITTEN)
            asked, who = await datagram(udp)
            assert asked == b"ping"
            udp.sendto(b"PING", who)
            await length_of(host, 1, 4)
            await host.dialogue("3C 01 04 00 | 50 49 4E 47\n3D 01 |\n2C | 00")


@pytest.mark.parametrize(("command", "seconds"), [("05", 0.05), ("21 02 50 45 4D 00 01", 0.1)])
async def test_who_waits_as_long_as_the_document_says_is_heard(
    command: str, seconds: float
) -> None:
    sim = Ch392Sim(times=Ch392Times())
    try:
        host = Board(sim)
        host.say(command)
        assert host.ask("06 57") == ""
        # A port hands over what comes before the wait later than what comes behind it, at times.
        await asyncio.sleep(0.95 * seconds)
        assert host.ask("06 57") == "A8"
    finally:
        sim.close()


async def faster(host: Again) -> None:
    """Go from 9600 baud to 115200, as the driver did at its start and after a reset."""
    if isinstance(host.bus, Uart):
        host.bus.follow(9600)
        await host.ask("06 65", "9A")
        assert await host.bus.set_baud("02 00 C2 01", 115200) == b"\0"
    await host.ask("06 65", "9A")


async def only(host: Again, index: int, bits: int) -> None:
    """Read a socket's own status alone until it had all of bits."""
    had = 0
    async with asyncio.timeout(DEADLINE):
        while had & bits != bits:
            had |= (await host.bus.ask(bytes([0x30, index]), 1))[0]
    assert not (had ^ bits) & STATE


async def length_of(host: Again, index: int, count: int) -> None:
    """Ask for the length of what came until all of it is there."""
    length = b""
    async with asyncio.timeout(DEADLINE):
        while length != count.to_bytes(2, "little"):
            length = await host.bus.ask(bytes([0x3B, index]), 2)
