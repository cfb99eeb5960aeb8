"""The CH392's driver over SPI: on the simulator's wire, and through the real ioctl path."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chiplink.demo.neighbours import Echo
from chiplink.sim import Ch392Sim, Ch392Times, Ether, SpiWire
from chiplink.sim.ch392_events import SpiProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
PROGRAM = HERE / "e2e_spi_program.py"
NEIGHBOUR = "203.0.113.5"
SIZE = 100_000
DEADLINE = 60


@pytest.fixture(scope="session")
def preload() -> str:
    """Where the library is that answers /dev/spidev*."""
    run = HERE.parent / "native/run"
    done = subprocess.run([run, "preload"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


async def _echoed(url: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run the program on a simulated chip; return what the chip complained about."""
    times = Ch392Times(link_up=0.05, dhcp_answer=0.05)
    sim = Ch392Sim(ether=Ether(address_map={NEIGHBOUR: "127.0.0.1"}), times=times)
    problems: list[str] = []
    sim.observe(lambda event: isinstance(event, SpiProblem) and problems.append(event.problem))
    try:
        async with Echo() as echo, SpiWire(sim, folder / "wire"):
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, str(PROGRAM), url, NEIGHBOUR, str(echo.port), str(SIZE)),
                env=os.environ | environment,
                stdout=subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(DEADLINE):
                    out, _ = await program.communicate()
            finally:
                if program.returncode is None:
                    program.kill()
    finally:
        sim.close()
    assert program.returncode == 0
    told = json.loads(out)
    assert told["same"] is True
    assert told["states"]["dhcp"] == "bound"
    return problems


@pytest.mark.parametrize("interrupt", ["", "?int=none"], ids=["INT", "polled"])
async def test_over_the_simulators_wire(tmp_path: Path, interrupt: str) -> None:
    assert await _echoed(f"spi+unix://{tmp_path}/wire{interrupt}", tmp_path, {}) == []


@pytest.mark.parametrize("mode", [0, 3])
async def test_through_the_real_ioctls(tmp_path: Path, preload: str, mode: int) -> None:
    log = tmp_path / "ioctls"
    environment = {
        "LD_PRELOAD": preload,
        "SPIDEV_WIRE": str(tmp_path / "wire"),
        "SPIDEV_LOG": str(log),
    }
    assert await _echoed(f"spi:///dev/spidev0.0?mode={mode}", tmp_path, environment) == []
    assert len(log.read_text().splitlines()) > SIZE // 2144
