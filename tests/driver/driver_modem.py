"""A modem's driver at a simulated modem, whose network is this machine's."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from chiplink.driver.modem import Modem, ModemSettings
from chiplink.driver.modem_at import AtMode
from chiplink.model import Availability, CommandRequest, DeviceEvent, StateUpdate
from chiplink.sim import Ether, GSeriesSim, ModemTimes, Sim800Sim, Sim7028Sim
from chiplink.transport.memory import MemoryPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping

    from chiplink.driver.device import Emission
    from chiplink.model import Scalar
    from chiplink.sim.modem import ModemSim

DEADLINE = 20.0
PEER = "203.0.113.5"
"""Where this machine is in the modem's network."""

SIMULATORS: dict[str, Callable[..., ModemSim]] = {
    "sim800": Sim800Sim,
    "sim7028": Sim7028Sim,
    "gseries": GSeriesSim,
}
EVERY = tuple(SIMULATORS)


class ModemBench:
    """A running driver and its simulated modem; `told` is everything that it said."""

    def __init__(self, device: Modem, sim: ModemSim) -> None:
        self.device = device
        self.sim = sim
        self.stack = device.stack
        self.told: list[Emission] = []
        self._changed = asyncio.Event()

    def take(self, emission: Emission) -> None:
        self.told.append(emission)
        self._changed.set()

    @property
    def states(self) -> dict[str, Scalar]:
        found: dict[str, Scalar] = {}
        for each in self.told:
            if isinstance(each, StateUpdate):
                found[each.key] = each.value
            elif isinstance(each, Availability):
                found["last_error"] = each.reason  # as the node has it
        return found

    @property
    def urcs(self) -> list[object]:
        return [each.data["text"] for each in self.told if isinstance(each, DeviceEvent)]

    @property
    def offline(self) -> list[str]:
        """Why it was not there, each time."""
        return [
            each.reason for each in self.told if isinstance(each, Availability) and not each.online
        ]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds, looked at after everything that is said."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def ready(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.stack.ready()

    async def command(self, key: str, value: Any = None) -> Any:
        request = CommandRequest(self.device.id, key, value)
        return (await self.device.execute(request, lambda _ms: None)).value


@contextlib.asynccontextmanager
async def bench(
    chip: str,
    *,
    faults: tuple[str, ...] = (),
    memory: MutableMapping[str, Any] | None = None,
    ready: bool = True,
    ports: tuple[int, ...] = (),
    prepare: Callable[[ModemSim], None] = lambda _sim: None,
    **settings: Any,
) -> AsyncIterator[ModemBench]:
    """A driver that runs; `ready`: its data context is up."""
    ether = Ether(address_map={PEER: "127.0.0.1"}, port_map=dict.fromkeys(ports, 0))
    sim = SIMULATORS[chip](ether=ether, times=ModemTimes.instant(), ipr=115200)
    for fault in faults:
        sim.faults.switch_on(fault)
    prepare(sim)
    chosen = {"apn": "internet"} | settings | {"at": AtMode(settings.get("at", "query"))}
    device = Modem(
        ModemSettings(id="cell", chip=chip, **chosen),
        MemoryPort(sim, chip),
        {} if memory is None else memory,
    )
    at = ModemBench(device, sim)
    running = asyncio.create_task(device.run(at.take))
    try:
        if ready:
            await at.ready()
        yield at
    finally:
        running.cancel()
        await asyncio.wait({running})
        sim.close()
