"""A simulated CH392 at the end of a cable, its driver on a node, and a network in memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.ch392_spi_bus import SpiLinePort
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import Kind
from chiplink.framing import ch392_segments
from chiplink.model import CommandRequest
from chiplink.node import Node
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.sim import Ch392Sim, Ch392Times
from chiplink.sim.ch392 import SERVER
from chiplink.sim.ch392_events import CommandTaken
from chiplink.sim.line import heard
from chiplink.transport.memory import MemoryPort
from driver.ch392_network import MemoryEther
from driver.ch392_paper import PaperChip
from driver.driver_bench import Bench, Cable, Listener
from driver.fake_stack import CHIP, HOST, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from chiplink.model import (
        CommandValue,
        LinkData,
        LinkInfo,
        LinkPhase,
        LinkState,
        Result,
    )
    from chiplink.protocol.ch392_profile import Profile
    from chiplink.sim import Lease
    from driver.fake_stack import Mailbox, Service, Stream

PLC = f"{HOST}:502"
"""Where the tests' service is."""

CLIENT = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host=HOST, port=502)
SERVER_LINK = LinkSettings(id="srv", kind=Kind.TCP_SERVER, local_port=8080)
SERVER_LINK_3 = LinkSettings(id="srv", kind=Kind.TCP_SERVER, local_port=8080, peers=3)
UDP = LinkSettings(id="udp", kind=Kind.UDP, host=HOST, port=5000, local_port=5001)
UDP_SERVER = LinkSettings(id="log", kind=Kind.UDP_SERVER, local_port=5140)
IPRAW = LinkSettings(id="raw", kind=Kind.IPRAW, host=HOST, port=89)

STATIC: Mapping[str, Any] = {
    "dhcp": False,
    "ip": IPv4Address("192.168.1.60"),
    "netmask": IPv4Address("255.255.255.0"),
    "gateway": IPv4Address("192.168.1.1"),
}


class Wired:
    """Where INT# is, for a driver that opens it with each connection."""

    name = "INT#"

    def __init__(self, make: Callable[[], Pin]) -> None:
        self._make = make

    async def open(self) -> Pin:
        return self._make()


class Pin:
    """INT#, wired: each edge that is not lost makes `fd` readable; `looks` counts level()."""

    def __init__(self, sim: Ch392Sim | PaperChip) -> None:
        self._sim = sim
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._forget = sim.on_int(self._turned)
        self.looks = 0
        self.closed = False

    def _turned(self, level: int) -> None:
        self._far.send(bytes([level]))

    @property
    def fd(self) -> int:
        return self._near.fileno()

    def acknowledge(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._near.recv(4096)

    def level(self) -> int | None:
        self.looks += 1
        return 0 if self._sim.int_low else 1

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._forget()
            self._near.close()
            self._far.close()


class Line(Cable):
    """A Cable whose rate changes while it is open."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._sim.attach(lambda data: send(heard(data, self._sim.baud, self._rate)))

    def receive(self, data: bytes) -> None:
        self.written.append(data)
        self._sim.receive(heard(data, self._rate, self._sim.baud))

    @property
    def _rate(self) -> int:
        return self.line.baud if self.line is not None else self.rates[-1]


class LinkListener(Listener):
    """A Sink that takes link data at once, unless `holding`: then `held` has to be taken."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: list[tuple[str, LinkPhase]] = []
        self.phase_times: list[float] = []
        self.infos: dict[str, Mapping[str, Any]] = {}
        self.data: list[LinkData] = []
        self.holding = False
        self.held: list[LinkData] = []

    def link_state(self, state: LinkState) -> None:
        self.phases.append((state.link, state.phase))
        self.phase_times.append(asyncio.get_running_loop().time())
        self.changed.set()

    def link_info(self, info: LinkInfo) -> None:
        self.infos[info.link] = info.info
        self.changed.set()

    def link_data(self, data: LinkData) -> None:
        self.data.append(data)
        if self.holding:
            self.held.append(data)
        else:
            data.taken()
        self.changed.set()

    def take_held(self) -> None:
        """Take what was held, and all that comes."""
        self.holding = False
        held, self.held = self.held, []
        for each in held:
            each.taken()

    def received(self, link: str, peer: str = "") -> bytes:
        """All that came on a link, from one peer where it has several."""
        return b"".join(each.data for each in self.data if (each.link, each.peer) == (link, peer))


class LinkBench(Bench):
    """A node with one device that has links."""

    said: LinkListener
    device: Ch392

    def renew(self) -> None:
        self.device = self._make()
        self.said = LinkListener()
        self.node = Node([self.device])
        self.node.add_sink(self.said)
        self._task = None

    @property
    def counters(self) -> Mapping[str, int]:
        return self.device.counters()

    def phase(self, link: str) -> str:
        """What a link does now."""
        return str(self.node.link_states["lan", link])

    def info(self, link: str) -> Mapping[str, Any]:
        """What is known about a link."""
        return self.node.link_infos["lan", link]

    async def opened(self, link: str, phase: str = "open") -> None:
        """Wait until a link is open."""
        await self.until(lambda: self.phase(link) == phase)

    def submit(self, key: str, value: CommandValue, peer: str = "") -> str:
        """Send a link's command and return its id."""
        self._numbers += 1
        number = f"n{self._numbers}"
        now = asyncio.get_running_loop().time()
        self.node.submit(CommandRequest("lan", key, value, id=number, received=now, peer=peer))
        return number

    async def send(self, link: str, data: bytes, peer: str = "") -> Result:
        """Send over a link and wait for what becomes of it."""
        return await self.ending(self.submit(f"link/{link}/tx", data, peer))

    async def set(self, link: str, value: str) -> Result:
        """OPEN or CLOSE a link."""
        return await self.ending(self.submit(f"link/{link}/set", value))


over_spi = False
"""Where a Ch392Bench is that does not say it."""


class MemorySpi:
    """An SPI port to a simulated chip, and its bus."""

    name = "spi:memory"
    max_write = max_read = 4096

    def __init__(self, sim: Ch392Sim) -> None:
        self._spi = sim.spi
        self._times = {"gap": 0, "turn": 0}

    async def open(self, *, gap: int, turn: int) -> MemorySpi:
        self._times = {"gap": gap, "turn": turn}
        return self

    async def run(self, commands: Sequence[bytes]) -> list[bytes]:
        await asyncio.sleep(0)
        return [self._transfer(command) for command in commands]

    def _transfer(self, command: bytes) -> bytes:
        reply = b""
        self._spi.select()
        for segment in ch392_segments(command, **self._times):
            out = self._spi.exchange(segment.sent or bytes(segment.read))
            reply += b"" if segment.sent else out
            self._spi.rest(segment.gap)
        self._spi.release()
        return reply

    async def close(self) -> None:
        """Nothing is held."""


class Ch392Bench(LinkBench):
    """A node with a CH392 that has `links`; INT# is wired if `wired`, else it is polled.

    It is on SPI or a UART as `spi` says, else as `over_spi` does.
    """

    sim: Ch392Sim

    def __init__(
        self,
        *links: LinkSettings,
        wired: bool = True,
        baud: int | None = 115200,
        times: Ch392Times | None = None,
        profile: Profile = DEFAULT,
        lease: Lease | None = SERVER,
        memory: dict[str, Any] | None = None,
        seed: int = 0,
        spi: bool | None = None,
        **settings: Any,
    ) -> None:
        self.network = Network()
        self.ether = MemoryEther(self.network)
        self.pins: list[Pin] = []
        self.memory = {} if memory is None else memory
        sim = Ch392Sim(ether=self.ether, times=times or Ch392Times(), dhcp_server=lease, seed=seed)
        port = Line(sim, baud=baud)
        wanted = Ch392Settings(id="lan", links=links, profile=profile, **settings)
        interrupt = Wired(self._pin) if wired else None
        on_spi = over_spi if spi is None else spi

        def make() -> Ch392:
            if on_spi:
                return Ch392(wanted, SpiLinePort(MemorySpi(sim), profile, interrupt))
            return Ch392(wanted, UartBusPort(port, profile, self.memory, interrupt))

        super().__init__(sim, port, make)

    def _pin(self) -> Pin:
        self.pins.append(Pin(self.sim))
        return self.pins[-1]

    # The far side

    def listen(self, address: str = PLC) -> Service:
        """Be a service that the chip can connect to."""
        return self.network.listen(address)

    def call(self, port: int = 8080, source: str = f"{HOST}:40000") -> Stream:
        """Connect to a server of the chip."""
        return self.network.call(source, f"{CHIP}:{port}")

    def mailbox(self, address: str) -> Mailbox:
        """Be somebody with a UDP port."""
        return self.network.mailbox(address)

    # The chip

    def commands(self, *codes: int) -> list[bytes]:
        """The commands, code and arguments, that the chip took; of these codes, if any is given."""
        return [
            bytes([event.code]) + event.arguments
            for event in self.seen
            if isinstance(event, CommandTaken) and (not codes or event.code in codes)
        ]

    @property
    def open_sockets(self) -> list[int]:
        """The chip's sockets that are open."""
        return [each.index for each in self.sim.sockets if each.session is not None]

    async def stop(self) -> None:
        await super().stop()
        assert all(pin.closed for pin in self.pins), "INT# was not let go of"


class PaperBench(LinkBench):
    """A node with a CH392 on paper."""

    def __init__(
        self,
        *links: LinkSettings,
        wired: bool = True,
        profile: Profile = DEFAULT,
        paper: PaperChip | None = None,
        **settings: Any,
    ) -> None:
        self.paper = paper or PaperChip()
        wanted = Ch392Settings(id="lan", links=links, profile=profile, **(STATIC | settings))
        line = MemoryPort(self.paper, baud=9600)
        interrupt = Wired(self._pin) if wired else None
        self.pins: list[Pin] = []

        def make() -> Ch392:
            return Ch392(wanted, UartBusPort(line, profile, {}, interrupt))

        super().__init__(self.paper, line, make)

    def _pin(self) -> Pin:
        self.pins.append(Pin(self.paper))
        return self.pins[-1]

    async def stop(self) -> None:
        await super().stop()
        assert self.paper.early == [], "sent while a command was BUSY"
