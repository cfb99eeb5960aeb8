"""Benches with a simulated CH9329."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.sim import Ch9329Sim
from chiplink.sim.ch9329_params import FACTORY, Parameters, Stored
from driver.driver_bench import Bench, Cable

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from chiplink.sim import Times

SETTINGS = Ch9329Settings(
    id="kvm", armed=ArmedMode.ALWAYS, screen=(1920, 1080), secrets={"desk": "Hunter2!"}
)


class Ch9329Bench(Bench):
    """A bench whose chip is a CH9329; `pc` is the computer at its USB side."""

    sim: Ch9329Sim
    device: Ch9329

    def __init__(
        self,
        *,
        baud: int = 9600,
        chip_address: int = 0,
        work_mode: int = 0,
        seed: int = 0,
        times: Times | None = None,
        port_baud: int | None = None,
        memory: MutableMapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        raw = bytes([work_mode, 0, chip_address]) + baud.to_bytes(4, "big") + FACTORY[7:]
        stored = Stored(Parameters(raw))
        sim = Ch9329Sim(stored=stored, times=times, seed=seed)
        port = Cable(sim, baud=port_baud)
        wanted = replace(SETTINGS, **settings)
        remembered = {"baud": baud} if memory is None else memory
        self.pc = sim.pc
        super().__init__(sim, port, lambda: Ch9329(wanted, port, remembered))
