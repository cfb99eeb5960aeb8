"""A board with a simulated CH392: a host that speaks the document's bytes, and real peers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from sim_support import DEADLINE

from chiplink.sim import Ch392Sim, Ch392Times, Ether
from chiplink.sim.ch392_events import InterruptRaised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from chiplink.sim.events import Event

PEER = "203.0.113.5"
PEER_HEX = "CB 00 71 05"


class Board:
    """The host; commands are written as hex behind the sync code, answers come back as hex."""

    def __init__(self, sim: Ch392Sim) -> None:
        self.sim = sim
        self.heard = bytearray()
        self.events: list[Event] = []
        self.levels: list[int] = []
        self.bits = [0, 0, 0, 0]
        self.global_bits = 0
        self._saying = False
        self._changed = asyncio.Event()
        sim.attach(self.heard.extend)
        sim.observe(self._on_event)
        sim.on_int(self.levels.append)

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        if not self._saying:
            self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until condition holds; it may ask the chip, only what others do wakes it."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    def say(self, *commands: str) -> None:
        self._saying = True
        for command in commands:
            self.sim.receive(bytes.fromhex("57 AB" + command))
        self._saying = False

    def ask(self, command: str) -> str:
        """Send a command and return all that has come since the last time."""
        self.say(command)
        return self.answer()

    def answer(self) -> str:
        got, self.heard[:] = self.heard.hex(" ").upper(), b""
        return got

    async def status(self, command: str) -> str:
        """Send a command that takes time and return its status once it is not BUSY."""
        self.say(command)
        assert self.ask("2C") == "10"
        await self.until(lambda: self.ask("2C") != "10")
        return self.ask("2C")

    async def initialise(self, functions: str = "00 00 00 00") -> None:
        """Be 192.168.1.2 with the link up and no interrupt waiting."""
        self.say("22 C0 A8 01 02", "23 C0 A8 01 01", "24 FF FF FF 00", "55" + functions)
        assert await self.status("27") == "00"
        await self.until(lambda: self.ask("26") == "02")
        assert self.ask("29") == "04"

    def look(self) -> None:
        """Read every interrupt that waits, as a driver does: loop until INT# is high."""
        while self.sim.int_low:
            bits = int(self.ask("29"), 16)
            self.global_bits |= bits & 0x0F
            for index in range(4):
                if bits & (0x10 << index):
                    self.bits[index] |= int(self.ask(f"30 {index:02X}"), 16)

    async def wait(self, index: int, bits: int) -> None:
        """Wait until a socket's interrupt had all of bits, and forget these."""

        def had() -> bool:
            self.look()
            return self.bits[index] & bits == bits

        await self.until(had)
        self.bits[index] &= ~bits

    async def wait_global(self, bits: int) -> None:
        def had() -> bool:
            self.look()
            return self.global_bits & bits == bits

        await self.until(had)
        self.global_bits &= ~bits

    def received(self, index: int) -> bytes:
        """Read all that a socket's buffer holds."""
        length = bytes.fromhex(self.ask(f"3B {index:02X}"))
        return bytes.fromhex(self.ask(f"3C {index:02X}" + length.hex()))

    async def hear(self, index: int, count: int) -> bytes:
        """Read until count bytes have come."""
        got = bytearray()

        def enough() -> bool:
            self.look()
            got.extend(self.received(index))
            return len(got) >= count

        await self.until(enough)
        return bytes(got)

    async def write(self, index: int, data: bytes) -> None:
        """Write at most one send buffer and wait until it is free again."""
        self.say(f"39 {index:02X} {len(data).to_bytes(2, 'little').hex()} {data.hex()}")
        await self.wait(index, 0x01)

    async def turns(self, count: int = 3) -> None:
        """Let the loop look at every socket a few times, so that what must not come would come."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            turn: asyncio.Future[None] = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn

    def raised(self, index: int, bit: int) -> int:
        """How often a socket raised an interrupt bit."""
        found = [event for event in self.events if isinstance(event, InterruptRaised)]
        return sum(event.socket == index and bool(event.bits & bit) for event in found)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def board(
    *,
    ports: tuple[int, ...] = (),
    rtt: float = 0.0,
    times: Ch392Times | None = None,
    ready: bool = True,
    functions: str = "00 00 00 00",
) -> AsyncIterator[Board]:
    """A chip whose peer 203.0.113.5 is this machine, and whose ports are any free ones."""
    ether = Ether(address_map={PEER: "127.0.0.1"}, port_map=dict.fromkeys(ports, 0), rtt=rtt)
    sim = Ch392Sim(ether=ether, times=times or Ch392Times.instant())
    try:
        host = Board(sim)
        if ready:
            await host.initialise(functions)
        yield host
    finally:
        sim.close()


def le(port: int) -> str:
    """A port as two bytes, low first."""
    return f"{port & 0xFF:02X} {port >> 8:02X}"


async def connected(host: Board, port: int, index: int = 0) -> None:
    """Be a TCP client of a port of this machine (document, TCP client steps 1 to 8)."""
    sn = f"{index:02X}"
    host.say(f"34 {sn} 03", f"31 {sn} {PEER_HEX}", f"32 {sn} {le(port)}", f"33 {sn} E8 03")
    assert await host.status(f"35 {sn}") == "00"
    assert await host.status(f"37 {sn}") == "00"
    await host.wait(index, 0x08)


class Peer:
    """A TCP peer of the chip, a plain socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(DEADLINE):
            await self._loop.sock_sendall(self.sock, data)

    async def receive(self, count: int) -> bytes:
        """Receive exactly count bytes, fewer only at the end of the stream."""
        got = b""
        async with asyncio.timeout(DEADLINE):
            while len(got) < count:
                data = await self._loop.sock_recv(self.sock, count - len(got))
                if not data:
                    break
                got += data
        return got


@contextmanager
def tcp_server() -> Iterator[socket.socket]:
    """A listening socket of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


@asynccontextmanager
async def accepted(server: socket.socket) -> AsyncIterator[Peer]:
    """The next connection of a server."""
    async with asyncio.timeout(DEADLINE):
        sock, _ = await asyncio.get_running_loop().sock_accept(server)
    with sock:
        yield Peer(sock)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Peer]:
    """A connection to a port of this machine."""
    with socket.socket() as sock:
        sock.setblocking(False)
        async with asyncio.timeout(DEADLINE):
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield Peer(sock)


@contextmanager
def udp_peer() -> Iterator[socket.socket]:
    """A UDP socket of this machine."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


async def datagram(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    async with asyncio.timeout(DEADLINE):
        return await asyncio.get_running_loop().sock_recvfrom(sock, 65536)
