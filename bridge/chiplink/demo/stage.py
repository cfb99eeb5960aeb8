"""What the demonstration plays on: a broker, simulated chips on real terminals, the bridge."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chiplink.config import check_config
from chiplink.daemon import Bridge
from chiplink.demo.broker import OwnBroker
from chiplink.demo.modems import Modems
from chiplink.demo.neighbours import Echo, UdpNeighbour, free_port
from chiplink.demo.watcher import Watcher
from chiplink.exceptions import BrokerError, ChiplinkError
from chiplink.mqtt.url import parse_broker
from chiplink.sim import Ch392Sim, Ch392Times, Ch9329Sim, Ether, Pc, PtyLine

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker

NODE = "demo"

SECRET = "correct horse battery staple"  # noqa: S105 - of a simulated PC

NEIGHBOUR = "203.0.113.5"
"""Who the network chips talk to; an address for documentation, mapped to this machine."""

ADDRESS_MAP = {NEIGHBOUR: "127.0.0.1"}

PATIENT = 1.0
"""Seconds that a packet may pause: on a busy host a terminal has gaps that no UART has."""

READY_DEADLINE = 30.0
"""Seconds until every simulated chip answers."""


class Stage:
    """An async context manager: everything runs inside, nothing is left outside.

    `url` is a broker to use instead of one of our own.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._exits = contextlib.AsyncExitStack()
        self._bridge: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start everything; raises ChiplinkError with what did not start."""
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop everything, the bridge first: it says goodbye to the broker."""
        await self._stop()

    async def _start(self) -> None:
        self.url = self._url or (await self._exits.enter_async_context(OwnBroker())).url
        self.broker: Broker = parse_broker(self.url)
        if not self.broker.is_loopback:
            raise BrokerError(f"{self.broker}: the demo arms a keyboard; use a broker on this host")
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="chiplink-demo-"))
        self.pc = Pc()
        self.chip = Ch9329Sim(pc=self.pc)
        self._exits.callback(self.chip.close)
        self._folder = Path(folder)
        self.line = PtyLine(self.chip, link=self._folder / "kvm")
        await self._exits.enter_async_context(self.line)
        await self._lay_network()
        self.watcher = await self._exits.enter_async_context(Watcher(self.broker, NODE))
        await self._start_bridge()

    async def _lay_network(self) -> None:
        """Start the network chips, the modems, and who they talk to."""
        self.echo = await self._exits.enter_async_context(Echo())
        self.neighbour = await self._exits.enter_async_context(UdpNeighbour())
        self.server_port = free_port(socket.SOCK_STREAM)
        self.inbox_port = free_port(socket.SOCK_DGRAM)
        self.lan = await self._plug_in("lan")
        self.lan_server = await self._plug_in("lan_server")
        modems = Modems(self._folder, ADDRESS_MAP)
        self.modems = (await self._exits.enter_async_context(modems)).chips
        self._modem_tables = modems.tables(self._plc, self._lamp)

    async def _plug_in(self, name: str) -> Ch392Sim:
        times = Ch392Times(sync_guard=PATIENT)
        chip = Ch392Sim(ether=Ether(address_map=ADDRESS_MAP), times=times)
        self._exits.callback(chip.close)
        line = PtyLine(chip, link=self._folder / name)
        await self._exits.enter_async_context(line)
        return chip

    async def _start_bridge(self) -> None:
        configuration = self._configuration()
        bridge = Bridge(check_config(configuration), self._folder)
        self._bridge = asyncio.create_task(bridge.run(), name="bridge")
        try:
            async with asyncio.timeout(READY_DEADLINE):
                await self.watcher.until(f"chiplink/{NODE}/status", "online")
                for device in configuration["device"]:
                    await self.watcher.until(f"chiplink/{NODE}/{device}/availability", "online")
        except TimeoutError:
            raise ChiplinkError("the bridge did not come up; is the broker reachable?") from None

    async def _stop(self) -> None:
        if self._bridge is not None:
            self._bridge.cancel()
            await asyncio.wait((self._bridge,))
        await self._exits.aclose()

    def _configuration(self) -> dict[str, Any]:
        mqtt: dict[str, Any] = {"url": self.url}
        secret = self._folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET)
        kvm = {
            "chip": "ch9329",
            "port": self.line.path,
            "name": "Simulated PC",
            "armed": "always",
            "screen": list(self.pc.mouse.screen),
        }
        return {
            "node": {"id": NODE},
            "mqtt": mqtt,
            "secrets": {"demo_password": {"file": str(secret)}},
            "device": {
                "kvm": kvm,
                "lan": self._lan(),
                "lan_server": self._lan_server(),
                **self._modem_tables,
            },
        }

    @property
    def _plc(self) -> str:
        return f"{NEIGHBOUR}:{self.echo.port}"

    @property
    def _lamp(self) -> str:
        return f"{NEIGHBOUR}:{self.neighbour.port}"

    def _lan(self) -> dict[str, Any]:
        return {
            "chip": "ch392",
            "port": f"serial://{self._folder / 'lan'}?baud=921600",
            "name": "Simulated network",
            "link": {
                "plc": {"kind": "tcp-client", "remote": self._plc},
                "lamp": {"kind": "udp", "remote": self._lamp},
                "inbox": {"kind": "udp-server", "local": self.inbox_port},
            },
        }

    def _lan_server(self) -> dict[str, Any]:
        return {
            "chip": "ch392",
            "port": f"serial://{self._folder / 'lan_server'}?baud=921600",
            "name": "Simulated server",
            "link": {"desk": {"kind": "tcp-server", "local": self.server_port, "peers": 3}},
        }
