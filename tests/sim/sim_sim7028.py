"""A host at a simulated SIM7028, brought to where a test begins."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sim_ch392 import Peer, accepted, port_of, tcp_server
from sim_modem import PEER, Terminal, terminal

from chiplink.sim import Sim7028Sim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def sim7028(*, is_open: bool = False, **options: Any) -> AsyncIterator[Terminal]:
    """A SIM7028 without echo; is_open: after NETOPEN."""
    async with terminal(Sim7028Sim, **options) as host:
        if is_open:
            await net_open(host)
        yield host


async def net_open(host: Terminal) -> None:
    host.send("AT+NETOPEN\r")
    await host.line("OK", "+NETOPEN: 0")


@asynccontextmanager
async def connected(
    *setup: str, link: int = 0, **options: Any
) -> AsyncIterator[tuple[Terminal, Peer]]:
    """A SIM7028 with a TCP connection, and its peer."""
    async with sim7028(**options) as host:
        await net_open(host)
        await host.ok(*setup)
        with tcp_server() as server:
            host.send(f'AT+CIPOPEN={link},"TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", f"+CIPOPEN: {link},0")
            async with accepted(server) as peer:
                yield host, peer
