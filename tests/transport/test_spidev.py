"""The real ioctl path: a program with a spidev device that a preloaded library answers."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.sim import Ch392Sim, Ch392Times, SpiWire
from chiplink.sim.ch392_events import CommandTaken, SpiProblem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
DEADLINE = 60
DEVICE = "spi:///dev/spidev0.0"
EXIST = "0657"
STATUS = "2C"


@pytest.fixture(scope="session")
def preload() -> str:
    """Where the library is."""
    run = HERE.parent / "native/run"
    done = subprocess.run([run, "preload"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Kernel:
    """A simulated chip behind the library."""

    def __init__(self, sim: Ch392Sim, folder: Path, library: str) -> None:
        self.sim = sim
        self.log = folder / "ioctls"
        self.problems: list[str] = []
        sim.observe(
            lambda event: isinstance(event, SpiProblem) and self.problems.append(event.problem)
        )
        self.environment = os.environ | {
            "LD_PRELOAD": library,
            "SPIDEV_WIRE": str(folder / "wire"),
            "SPIDEV_LOG": str(self.log),
        }

    async def talk(self, url: str, *batches: str, **environment: str) -> Any:
        """Run the program; return what each batch was answered, or the error."""
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "spi_talk.py"),
            url,
            *batches,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE):
                out, _ = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
        assert program.returncode == 0
        answers = [json.loads(line) for line in out.splitlines()]
        return answers[-1]["error"] if isinstance(answers[-1], dict) else answers

    @property
    def ioctls(self) -> list[str]:
        return self.log.read_text().splitlines()


@asynccontextmanager
async def chip(folder: Path, library: str) -> AsyncIterator[Kernel]:
    sim = Ch392Sim(times=Ch392Times.instant())
    try:
        async with SpiWire(sim, folder / "wire"):
            yield Kernel(sim, folder, library)
    finally:
        sim.close()


async def test_a_command_is_one_ioctl(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:
        answers = await kernel.talk(DEVICE, EXIST, f"{EXIST} {STATUS} 3C000500", "22C0A80102 43")
    assert answers == [
        ["a8"],
        ["a8", "00", "00" * 5],
        ["", "00" * 8 + "ffffff00" + "00" * 8],
    ]
    assert kernel.ioctls == [
        "3 mode=0 bits=8 t1+2@8000000 t1+2@8000000 r1+0@8000000",
        "3 mode=0 bits=8 t1+2@8000000 t1+2@8000000 r1+0@8000000",
        "2 mode=0 bits=8 t1+2@8000000 r1+0@8000000",
        "3 mode=0 bits=8 t1+2@8000000 t3+2@8000000 r5+0@8000000",
        "2 mode=0 bits=8 t1+2@8000000 t4+0@8000000",
        "2 mode=0 bits=8 t1+2@8000000 r20+0@8000000",
    ]
    assert kernel.problems == []


async def test_mode_clock_and_gap_are_the_urls(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:
        assert await kernel.talk(f"{DEVICE}?mode=3&speed=1000&gap=7", EXIST) == [["a8"]]
    assert kernel.ioctls == ["3 mode=3 bits=8 t1+7@1000 t1+7@1000 r1+0@1000"]


async def test_gapless(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:
        answers = await kernel.talk(f"{DEVICE}?gapless=1", f"{EXIST} {STATUS} 3C000010")
    assert answers == [["a8", "00", "00" * 4096]]
    assert kernel.ioctls == [
        "1 mode=0 bits=8 b3+0@800000",
        "1 mode=0 bits=8 b2+0@800000",
        "1 mode=0 bits=8 b4096+0@800000",
        "1 mode=0 bits=8 b8+0@800000",
    ]
    assert kernel.problems == []


async def test_no_gap_and_the_echo(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:
        assert await kernel.talk(f"{DEVICE}?gap=0", STATUS) == [["2c"]]
    assert kernel.problems == ["the answer was read within TSC and is the echo of the code"]


async def test_the_longest_of_each_within_bufsiz(tmp_path: Path, preload: str) -> None:
    write = "39000C01" + "61" * 268
    async with chip(tmp_path, preload) as kernel:
        answers = await kernel.talk(DEVICE, "3C000010", f"39007D0F{'00' * 3965}", write)
    assert answers == [["00" * 4096], [""], [""]]
    assert [line.partition("8 ")[2] for line in kernel.ioctls] == [
        "t1+2@8000000 t3+2@8000000 r4096+0@8000000",
        "t1+2@8000000 t3968+0@8000000",
        "t1+2@8000000 t271+0@8000000",
    ]


async def test_a_smaller_bufsiz_cuts_a_read(tmp_path: Path, preload: str) -> None:
    (tmp_path / "bufsiz").write_text("2048\n")
    async with chip(tmp_path, preload) as kernel:
        answers = await kernel.talk(
            DEVICE, "3C000010", SPIDEV_BUFSIZ="2048", TALK_BUFSIZ=str(tmp_path / "bufsiz")
        )
    assert answers == [["00" * 4096]]
    assert len(kernel.ioctls) == 2
    assert kernel.problems == []


async def test_a_bufsiz_that_nobody_told_of(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:
        error = await kernel.talk(DEVICE, "3C000010", SPIDEV_BUFSIZ="2048")
        assert "spidev.bufsiz=65536" in error


@pytest.mark.parametrize(
    ("step", "number", "words"),
    [
        ("open", errno.ENOENT, "no such SPI device; "),
        ("open", errno.EACCES, "sudo usermod -aG spi $USER"),
        ("flock", errno.EWOULDBLOCK, "another program has the device"),
        ("mode", errno.EINVAL, "takes no mode 0 at 8000000 Hz"),
        ("speed", errno.EINVAL, "lower speed="),
        ("mode", errno.ENOTTY, "this is no SPI device"),
        ("message", errno.EMSGSIZE, "spidev.bufsiz"),
        ("message", errno.ESHUTDOWN, "the device is gone"),
        ("message", errno.EIO, "lower speed="),
        ("message", errno.ETIMEDOUT, "did not finish"),
    ],
)
async def test_what_the_kernel_refuses(
    tmp_path: Path, preload: str, step: str, number: int, words: str
) -> None:
    async with chip(tmp_path, preload) as kernel:
        error = await kernel.talk(DEVICE, STATUS, SPIDEV_FAIL=f"{step}:{number}")
    assert error.startswith("/dev/spidev0.0: ")
    assert words in error
    assert "\n" not in error


async def test_the_device_goes_away_in_the_middle(tmp_path: Path, preload: str) -> None:
    async with chip(tmp_path, preload) as kernel:

        def hang_up(event: object) -> None:
            if isinstance(event, CommandTaken):
                wire.on_fault("hangup", True)

        wire = SpiWire(kernel.sim, tmp_path / "other")
        async with wire:
            kernel.sim.observe(hang_up)
            error = await kernel.talk(DEVICE, EXIST, SPIDEV_WIRE=wire.path)
    assert error == "/dev/spidev0.0: the device is gone; is its overlay still there?"
