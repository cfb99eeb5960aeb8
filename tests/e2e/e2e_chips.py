"""`chiplink.chips` on a pseudo-terminal, or the SPI wire; the chip's network is this machine."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chiplink.chips import ch392
from chiplink.sim import Ch392Sim, Ch392Times, Ether, PtyLine
from chiplink.sim.spi_wire import SpiWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal

    from chiplink.chips import Ch392Chip

NEIGHBOUR = "203.0.113.5"
"""How the chip sees this machine: an address for documentation."""

ADDRESS = "203.0.113.60"

TIMES = Ch392Times(link_up=0.02, dhcp_answer=0.02)
"""As the chip, but for what a network takes."""


class Lan:
    """A chip on its line; ports of `ports` that it opens lead to any free ones of this machine."""

    def __init__(self, folder: Path, ports: tuple[int, ...], over: str) -> None:
        ether = Ether(address_map={NEIGHBOUR: "127.0.0.1"}, port_map=dict.fromkeys(ports, 0))
        self.sim = Ch392Sim(ether=ether, times=TIMES)
        if over == "spi":
            self.line: PtyLine | SpiWire = SpiWire(self.sim, folder / "lan")
            self.url = f"spi+unix://{self.line.path}"
        else:
            self.line = PtyLine(self.sim, link=folder / "lan")
            self.url = f"serial://{self.line.path}?baud=921600"

    def chip(self, **options: Any) -> Ch392Chip:
        """The same as a program has it."""
        options.setdefault("ip", ADDRESS)
        return ch392(self.url, **options)

    def port(self, port: int, kind: Literal["tcp", "udp"] = "tcp") -> int:
        """Where a port that the chip opened is on this machine."""
        return self.sim.ether.bound_port(kind, port)


@asynccontextmanager
async def lan(
    folder: Path, *, ports: tuple[int, ...] = (), over: str = "uart"
) -> AsyncIterator[Lan]:
    """A chip that waits for a program, over `uart` or `spi`."""
    one = Lan(folder, ports, over)
    try:
        async with one.line:
            yield one
    finally:
        one.sim.close()


@asynccontextmanager
async def ready_chip(
    folder: Path, *, ports: tuple[int, ...] = (), over: str = "uart", **options: Any
) -> AsyncIterator[tuple[Lan, Ch392Chip]]:
    """A chip in use, its network there."""
    async with lan(folder, ports=ports, over=over) as one, one.chip(**options) as chip:
        async with asyncio.timeout(20):
            await chip.ready()
        yield one, chip


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, by a self-made certificate for localhost, and a trusting client's."""
    key, paper = str(folder / "key.pem"), str(folder / "cert.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", paper], check=True, capture_output=True
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(paper, key)
    return server, ssl.create_default_context(cafile=paper)


def descriptors_before() -> dict[str, str]:
    """What this process has open, without what earlier tests left for the garbage collector."""
    gc.collect()
    return descriptors()


def descriptors() -> dict[str, str]:
    """What this process has open, by number."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of this look
            found[entry.name] = str(entry.readlink())
    return found
