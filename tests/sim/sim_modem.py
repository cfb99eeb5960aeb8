"""A host at a simulated modem: commands in, exact bytes out, and real peers behind the sockets."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from sim_support import DEADLINE

from chiplink.sim import Ether, ModemTimes
from chiplink.sim.modem import ModemSim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from chiplink.sim.events import Event

PEER = "203.0.113.5"
HOSTS = {"plc.example": PEER, "nowhere.example": ""}
Sim = TypeVar("Sim", bound=ModemSim)


class Terminal:
    """What a program at the serial port does; everything heard must be expected."""

    def __init__(self, sim: ModemSim) -> None:
        self.sim = sim
        self.heard = bytearray()
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        sim.attach(self._hear)
        sim.observe(self._on_event)

    def _hear(self, data: bytes) -> None:
        self.heard += data
        self._changed.set()

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until condition holds, looking again at everything heard and every event."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def send(self, data: bytes | str) -> None:
        self.sim.receive(data.encode("latin-1") if isinstance(data, str) else data)

    async def hear(self, expected: bytes | str) -> None:
        """Wait for as many bytes as expected has, and insist that they are those."""
        wanted = expected.encode("latin-1") if isinstance(expected, str) else expected
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: len(self.heard) >= len(wanted))
        got = bytes(self.heard[: len(wanted)])
        del self.heard[: len(wanted)]
        assert got == wanted

    async def quiet(self) -> None:
        """Insist that nothing more comes within a few turns of the loop."""
        for _ in range(5):
            await asyncio.sleep(0)
        assert bytes(self.heard) == b""

    async def ask(self, command: str, *lines: str) -> None:
        """Send a command and insist on these lines, each between two ends of line."""
        self.send(command + "\r")
        await self.hear("".join(f"\r\n{line}\r\n" for line in lines))
        await self.quiet()

    async def ok(self, *commands: str) -> None:
        for command in commands:
            await self.ask(command, "OK")

    async def line(self, *lines: str) -> None:
        await self.hear("".join(f"\r\n{line}\r\n" for line in lines))

    async def gather(self, count: int) -> bytes:
        """Take exactly count bytes, whatever they are."""
        await self.until(lambda: len(self.heard) >= count)
        got = bytes(self.heard[:count])
        del self.heard[:count]
        return got

    async def fetch(self, command: str) -> bytes:
        """Fetch counted data of link 0 and take its reply; notices before it are skipped."""
        self.send(command + "\r")
        head = re.compile(rb"\+CIPRXGET: 2,0,(\d+),\d+\r\n")
        empty = b"\r\n+IP ERROR: No data\r\n\r\nERROR\r\n"
        await self.until(lambda: head.search(self.heard) or empty in self.heard)
        found = head.search(self.heard)
        if found is None:
            self.heard.clear()
            return b""
        start, count = found.end(), int(found[1])
        end = start + count + len(b"\r\nOK\r\n")
        await self.until(lambda: len(self.heard) >= end)
        reply = bytes(self.heard[start:end])
        del self.heard[:end]
        assert reply[count:] == b"\r\nOK\r\n"
        return reply[:count]

    async def prompt(self, command: str, prompt: str = "\r\n> ") -> None:
        self.send(command + "\r")
        await self.hear(prompt)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def terminal(
    kind: Callable[..., ModemSim],
    *,
    ready: bool = True,
    ports: tuple[int, ...] = (),
    rtt: float = 0.0,
    times: ModemTimes | None = None,
    hosts: Mapping[str, str] | None = None,
    ipr: int = 115200,
    extra: Mapping[str, str] | None = None,
) -> AsyncIterator[Terminal]:
    """A modem whose peer 203.0.113.5 is this machine; ready: booted, registered, without echo."""
    ether = Ether(
        address_map={PEER: "127.0.0.1", **(extra or {})},
        port_map=dict.fromkeys(ports, 0),
        hosts=hosts or HOSTS,
        rtt=rtt,
    )
    sim = kind(ether=ether, times=times or ModemTimes.instant(), ipr=ipr)
    try:
        host = Terminal(sim)
        if ready:
            await booted(host)
        yield host
    finally:
        sim.close()


async def booted(host: Terminal) -> None:
    """Wait until the modem has said everything that it says by itself, and switch the echo off."""
    await host.until(lambda: b"SMS Ready" in host.heard and host.sim.radio.attached)
    host.heard.clear()
    host.send("ATE0\r")
    await host.hear("ATE0\r\r\nOK\r\n")
