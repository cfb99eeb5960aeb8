"""The tour: each step does one thing over MQTT and checks what came of it, on both sides."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chiplink.demo import tour_kvm, tour_lan, tour_modems
from chiplink.exceptions import ChiplinkError

if TYPE_CHECKING:
    from chiplink.demo.stage import Stage
    from chiplink.demo.tour_checks import Step

STEPS: tuple[Step, ...] = (*tour_kvm.STEPS, *tour_lan.STEPS, *tour_modems.STEPS)


async def run_tour(stage: Stage) -> bool:
    """Play every step and print a line for each; whether all held."""
    held = 0
    for name, step in STEPS:
        begin = time.monotonic()
        try:
            seen = await step(stage)
        except (ChiplinkError, OSError) as error:
            print(f"FAILED  {name}: {str(error) or 'not in time'}", flush=True)
        else:
            held += 1
            ms = int((time.monotonic() - begin) * 1000)
            print(f"ok  {name}: {seen} ({ms} ms)", flush=True)
    print(f"{held} of {len(STEPS)} steps held", flush=True)
    return held == len(STEPS)
