"""Everything in its place; leaving it ends every program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from real_hass import HomeAssistant
from real_programs import ROOT, Bridge, Broker, Simulator, chiplink, free_port

if TYPE_CHECKING:
    from pathlib import Path


class House:
    """An async context manager around the programs; `integration` installs ours."""

    def __init__(self, folder: Path, *, integration: bool = False) -> None:
        self.folder = folder
        self.broker = Broker(folder, free_port())
        self.sim = Simulator(folder)
        self.bridge = Bridge(folder, self.broker.url, self.sim.port)
        self.hass = HomeAssistant(folder, free_port(), self.broker.port)
        if integration:
            self.hass.install(ROOT / "custom_components/chiplink")

    async def __aenter__(self) -> Self:
        try:
            self.broker.start()
            await self.broker.listens()
            await self.hass.start()
            await self.hass.running()
            self.sim.start()
            await self.sim.says("ready")
            self.bridge.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        for program in (self.bridge, self.sim):
            await program.stop()
        await self.hass.close()
        await self.broker.stop()

    async def keys(self, chords: str) -> None:
        """Press keys past Home Assistant."""
        await chiplink("keys", "--broker", self.broker.url, chords)
