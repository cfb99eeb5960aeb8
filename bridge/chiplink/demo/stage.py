"""What the demonstration plays on: a broker, simulated chips on real terminals, the bridge."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chiplink.config import check_config
from chiplink.daemon import Bridge
from chiplink.demo.broker import OwnBroker
from chiplink.demo.watcher import Watcher
from chiplink.exceptions import BrokerError, ChiplinkError
from chiplink.mqtt.url import parse_broker
from chiplink.sim import Ch9329Sim, Pc, PtyLine

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker

NODE = "demo"

SECRET = "correct horse battery staple"  # noqa: S105 - of a simulated PC

READY_DEADLINE = 15.0
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
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="chiplink-demo-"))
        self.pc = Pc()
        self.chip = Ch9329Sim(pc=self.pc)
        self._exits.callback(self.chip.close)
        self._folder = Path(folder)
        self.line = PtyLine(self.chip, link=self._folder / "kvm")
        await self._exits.enter_async_context(self.line)
        self.watcher = await self._exits.enter_async_context(Watcher(self.broker, NODE))
        await self._start_bridge()

    async def _start_bridge(self) -> None:
        bridge = Bridge(check_config(self._configuration()), self._folder)
        self._bridge = asyncio.create_task(bridge.run(), name="bridge")
        try:
            async with asyncio.timeout(READY_DEADLINE):
                await self.watcher.until(f"chiplink/{NODE}/status", "online")
                await self.watcher.until(f"chiplink/{NODE}/kvm/availability", "online")
        except TimeoutError:
            raise ChiplinkError("the bridge did not come up; is the broker reachable?") from None

    async def _stop(self) -> None:
        if self._bridge is not None:
            self._bridge.cancel()
            await asyncio.wait((self._bridge,))
        await self._exits.aclose()

    def _configuration(self) -> dict[str, Any]:
        mqtt: dict[str, Any] = {"url": self.url}
        if not self.broker.is_loopback:
            raise BrokerError(f"{self.broker}: the demo arms a keyboard; use a broker on this host")
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
            "device": {"kvm": kvm},
        }
