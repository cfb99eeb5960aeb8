"""A host at a simulated SIM800, brought to where a test begins."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sim_ch392 import Peer, accepted, port_of, tcp_server
from sim_modem import PEER, Terminal, terminal

from chiplink.sim import Sim800Sim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def sim800(
    *, multi: bool = False, up: bool = False, **options: Any
) -> AsyncIterator[Terminal]:
    """A SIM800 without echo; up: its context has an address."""
    async with terminal(Sim800Sim, **options) as host:
        if multi:
            await host.ok("AT+CIPMUX=1")
        if up:
            await bring_up(host)
        yield host


async def bring_up(host: Terminal) -> None:
    """The note's 3.1.1 up to the address."""
    await host.ok('AT+CSTT="CMNET"', "AT+CIICR")
    await host.ask("AT+CIFSR", "10.78.245.128")


@asynccontextmanager
async def connected(
    *, setup: tuple[str, ...] = (), link: int | None = None, **options: Any
) -> AsyncIterator[tuple[Terminal, Peer]]:
    """A SIM800 with one TCP connection, by number if several are possible, and its peer."""
    multi = link is not None
    async with sim800(multi=multi, up=True, **options) as host:
        await host.ok(*setup)
        with tcp_server() as server:
            number, name = (f"{link},", f"{link}, ") if multi else ("", "")
            host.send(f'AT+CIPSTART={number}"TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", f"{name}CONNECT OK")
            async with accepted(server) as peer:
                yield host, peer
