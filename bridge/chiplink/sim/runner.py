"""Running one simulated chip on a pseudo-terminal, or its SPI wire, until it is cancelled."""

from __future__ import annotations

import asyncio
import difflib
from typing import TYPE_CHECKING

from .ch392 import Ch392Sim
from .ch392_faults import CH392_FAULTS
from .ch9329 import Ch9329Sim
from .ch9329_faults import CH9329_FAULTS
from .ether_map import MappedEther, parse_map
from .gseries import GSeriesSim
from .gseries_faults import GSERIES_FAULTS
from .log import JsonLog
from .pty import PtyLine
from .sim800 import Sim800Sim
from .sim800_faults import SIM800_FAULTS
from .sim7028 import Sim7028Sim
from .sim7028_faults import SIM7028_FAULTS
from .spi_wire import SpiWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from .faults import Fault
    from .modem import ModemSim

    Simulated = Ch9329Sim | Ch392Sim | ModemSim

# A row for each chip with a simulator that speaks over a serial line.
SIMULATORS: dict[str, type[Simulated]] = {
    "ch9329": Ch9329Sim,
    "ch392": Ch392Sim,
    "sim7028": Sim7028Sim,
    "gseries": GSeriesSim,
    "sim800": Sim800Sim,
}
FAULTS: dict[str, Mapping[str, Fault]] = {
    "ch9329": CH9329_FAULTS,
    "ch392": CH392_FAULTS,
    "sim7028": SIM7028_FAULTS,
    "gseries": GSERIES_FAULTS,
    "sim800": SIM800_FAULTS,
}

MAX_RTT = 60.0
"""Seconds of a network's round trip."""


async def run_sim(  # noqa: PLR0913 - options of the command line
    chip: str,
    *,
    link: str | Path | None = None,
    spi: str | Path | None = None,
    faults: Iterable[str] = (),
    log: Callable[[str], None] | None = None,
    pace: bool = False,
    maps: Sequence[str] = (),
    rtt: float = 0.0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run chip until cancelled; faults are NAME[=ARG], log gets JSON lines, on_ready "ready PATH".

    With spi it is reached over a Unix socket there instead of a pseudo-terminal. maps are
    FROM=TO, where the chip's network leads (ether_map.py), rtt is its round trip in seconds.
    ValueError: unknown chip, fault or argument, a map that is none, a network for a chip that
    has none, or no such line. OSError: link or socket cannot be made.
    """
    sim = _make(_known(chip), maps, rtt)
    try:
        line = _line(sim, link, spi, pace=pace)
    except ValueError:
        sim.close()
        raise
    if log is not None:
        lines = JsonLog()
        sim.observe(lambda event: log(lines.log_line(event)))
    try:
        async with line:
            sim.faults.watch(line.on_fault)
            for fault in faults:
                sim.faults.switch_on(fault)
            if on_ready is not None:
                on_ready(f"ready {line.path}")
            await asyncio.get_running_loop().create_future()
    finally:
        sim.close()


def _line(
    sim: Simulated, link: str | Path | None, spi: str | Path | None, *, pace: bool
) -> PtyLine | SpiWire:
    if spi is None:
        return PtyLine(sim, link=link, pace=pace)
    if not isinstance(sim, Ch392Sim):
        raise ValueError("this chip has no SPI; only a ch392 has")  # noqa: TRY004 - a wrong option
    if link is not None or pace:
        raise ValueError("over SPI there is no pseudo-terminal to link to or to pace")
    return SpiWire(sim, spi)


def faults_of(chip: str) -> Mapping[str, Fault]:
    """Return the table of a chip's faults; ValueError names the nearest chip."""
    return FAULTS[_known(chip)]


def _make(chip: str, maps: Sequence[str], rtt: float) -> Simulated:
    kind = SIMULATORS[chip]
    if not 0 <= rtt <= MAX_RTT:
        raise ValueError(f"{rtt:g} s is no round trip; write 0 to {MAX_RTT:g}")
    if not maps and not rtt:
        return kind()
    if issubclass(kind, Ch9329Sim):
        words = f"a {chip} has no network: it takes neither a map nor a round trip"
        raise ValueError(words)  # noqa: TRY004 - a wrong option
    return kind(ether=MappedEther(parse_map(maps), rtt=rtt))


def _known(chip: str) -> str:
    if chip in SIMULATORS:
        return chip
    near = difflib.get_close_matches(chip, SIMULATORS, n=1, cutoff=0.0)
    raise ValueError(f"there is no simulator of {chip!r}; the nearest is {near[0]!r}")
