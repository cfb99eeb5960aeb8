"""`chiplink sim ch392 --spi PATH` as a program, driven over its wire by the transport."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from chiplink.ports import make_interrupt, make_spi_port
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE = 60
STATUS = bytes.fromhex("2C")


async def until_running(line: asyncio.StreamReader) -> None:
    """Read the log until the chip has started, which power-up takes a while."""
    async with asyncio.timeout(DEADLINE):
        while json.loads(await line.readline())["event"] != "started":
            pass


async def test_a_simulator_over_spi(tmp_path: Path) -> None:
    wire = tmp_path / "lan"
    command = [sys.executable, "-m", "chiplink", "sim", "ch392", "--spi", str(wire)]
    sim = await asyncio.create_subprocess_exec(
        *command, "--fault", "silent-reset=1ms", "--log", "json", stdout=subprocess.PIPE
    )
    assert sim.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            while (line := await sim.stdout.readline()) != f"ready {wire}\n".encode():
                assert line
        await until_running(sim.stdout)
        url = parse_port(f"spi+unix://{wire}")
        bus = await make_spi_port(url).open()
        assert await bus.run([bytes.fromhex("06 57"), STATUS]) == [b"\xa8", b"\0"]
        await bus.close()
        interrupt = make_interrupt(url)
        assert interrupt is not None
        (await interrupt.open()).close()
        sim.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            await sim.communicate()
        assert sim.returncode == 0
    finally:
        if sim.returncode is None:
            sim.kill()
            await sim.wait()
    assert [path.name for path in tmp_path.iterdir()] == []  # noqa: ASYNC240 - one look


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (["ch9329", "--spi", "lan"], "no SPI", 2),
        (["ch392", "--spi", "lan", "--link", "port"], "no pseudo-terminal", 2),
        (["ch392", "--spi", "lan"], "lan: Address already in use", 1),
    ],
)
def test_what_cannot_be(tmp_path: Path, options: list[str], words: str, code: int) -> None:
    (tmp_path / "lan").write_text("")
    command = [sys.executable, "-m", "chiplink", "sim", *options]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
