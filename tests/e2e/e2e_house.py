"""A house with a chip in its cellar: the bridge, a simulated chip on a port, somebody watching."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from e2e_waiting import until

from chiplink.config import check_config
from chiplink.daemon import Bridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from e2e_observer import Observer

    from chiplink.sim import Ch9329Sim, PtyLine

ROOT = "chiplink/cellar"
KVM = f"{ROOT}/kvm"


def tables(url: str, port: Path | str, *, node: str = "cellar", **device: Any) -> dict[str, Any]:
    """A configuration: one CH9329 called kvm at its factory rate, armed."""
    kvm = {
        "chip": "ch9329",
        "port": f"serial://{port}?baud=9600",
        "armed": "always",
        "pace_ms": 4,
        **device,
    }
    return {"node": {"id": node}, "mqtt": {"url": url}, "device": {"kvm": kvm}}


@asynccontextmanager
async def running_bridge(config: dict[str, Any]) -> AsyncIterator[Bridge]:
    """The bridge in this process; it must end well, and only when told."""
    bridge = Bridge(check_config(config))
    task = asyncio.create_task(bridge.run())
    try:
        yield bridge
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled() or task.exception() is None


class House:
    """What most tests need; commands get ids of their own."""

    def __init__(self, sim: Ch9329Sim, line: PtyLine, observer: Observer, bridge: Bridge) -> None:
        self.sim = sim
        self.line = line
        self.observer = observer
        self.bridge = bridge
        self._ids = (f"c{number}" for number in count(1))

    @property
    def text(self) -> str:
        return self.sim.pc.text

    async def online(self) -> None:
        """Wait until node and chip are there and the computer is seen."""
        await self.observer.sees(f"{ROOT}/status", "online")
        await self.observer.sees(f"{KVM}/availability", "online")
        await self.observer.sees(f"{KVM}/usb", "ON")

    async def send(self, key: str, payload: str | bytes, **more: Any) -> str:
        """Publish a command and return its id."""
        name = more.pop("id", None) or next(self._ids)
        await self.observer.publish(f"{KVM}/{key}/set/{name}", payload, **more)
        return name

    async def ask(self, key: str, payload: str | bytes, **more: Any) -> Any:
        """Publish a command and return its end, by when it must have let go of every key."""
        answered = len(self.observer.finals())
        name = await self.send(key, payload, **more)
        await until(
            lambda: [end for end in self.observer.finals()[answered:] if end.get("id") == name],
            lambda: f"no end of {name!r} among {self.observer.results()}",
        )
        result = self.observer.finals(name)[-1]
        assert result["key"] == key
        assert not self.sim.pc.anything_pressed
        return result

    async def done(self, key: str, payload: str | bytes, **more: Any) -> Any:
        """Publish a command that must succeed."""
        result = await self.ask(key, payload, **more)
        assert result["phase"] == "done", result
        assert "error" not in result
        return result

    async def fails(self, key: str, payload: str | bytes, code: str, **more: Any) -> Any:
        """Publish a command that must fail with this code."""
        result = await self.ask(key, payload, **more)
        assert (result["phase"], result.get("error")) == ("failed", code), result
        return result

    async def fails_while_typing(self, key: str, payload: str, code: str) -> None:
        """Publish a command that must fail at once although another one goes on."""
        result = await self.observer.final(await self.send(key, payload))
        assert (result["phase"], result.get("error")) == ("failed", code), result

    async def typed(self, characters: int) -> None:
        """Wait until at least so many characters are on the screen."""
        await until(lambda: len(self.text) >= characters, lambda: f"typed: {self.text!r}")


@asynccontextmanager
async def house(
    sim: Ch9329Sim, line: PtyLine, observer: Observer, config: dict[str, Any]
) -> AsyncIterator[House]:
    """Everything running and online."""
    async with running_bridge(config) as bridge:
        one = House(sim, line, observer, bridge)
        await one.online()
        yield one
    assert not sim.pc.anything_pressed
