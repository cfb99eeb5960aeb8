"""Running one simulated chip on a pseudo-terminal until it is cancelled."""

from __future__ import annotations

import asyncio
import difflib
from typing import TYPE_CHECKING

from .ch9329 import Ch9329Sim
from .log import JsonLog
from .pty import PtyLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

# A row for each chip with a simulator that speaks over a serial line.
SIMULATORS = {"ch9329": Ch9329Sim}


async def run_sim(
    chip: str,
    *,
    link: str | Path | None = None,
    faults: Iterable[str] = (),
    log: Callable[[str], None] | None = None,
    pace: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run chip until cancelled; faults are NAME[=ARG], log gets JSON lines, on_ready "ready PATH".

    ValueError: unknown chip, fault or argument. OSError: the link cannot be made.
    """
    sim = _simulator(chip)()
    if log is not None:
        lines = JsonLog()
        sim.observe(lambda event: log(lines.log_line(event)))
    try:
        async with PtyLine(sim, link=link, pace=pace) as line:
            sim.faults.watch(line.on_fault)
            for fault in faults:
                sim.faults.switch_on(fault)
            if on_ready is not None:
                on_ready(f"ready {line.path}")
            await asyncio.get_running_loop().create_future()
    finally:
        sim.close()


def _simulator(chip: str) -> type[Ch9329Sim]:
    if chip in SIMULATORS:
        return SIMULATORS[chip]
    near = difflib.get_close_matches(chip, SIMULATORS, n=1, cutoff=0.0)
    raise ValueError(f"there is no simulator of {chip!r}; the nearest is {near[0]!r}")
