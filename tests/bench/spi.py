"""The CH392 over SPI: ioctls a command, share of the bus, the way to the thread, the lock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.rig import percentile, program, verdict, wait_for

from chiplink import _core
from chiplink.sim import Ch392Sim, Ch392Times, SpiWire
from chiplink.transport.spi import SpiPort
from chiplink.transport.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from chiplink.transport.spi import SpiBus

COUNT = 3000
BUSY_COUNT = 500
COUNTED = 10
SHARE = 0.90
EXIST = bytes.fromhex("06 57")
PROGRAMS = str(Path(__file__).with_name("spi_programs.py"))
INTERVALS = (0.005, 0.0005)
SPEED = 8_000_000


def run() -> bool:
    """Measure all of it; the share of the bus and the ratio to plain ioctls have limits."""
    with tempfile.TemporaryDirectory() as folder, _chip(Path(folder)) as environment:
        good = _ioctls(Path(folder), environment)
        asyncio.run(_commands(folder))
        _held(f"{folder}/wire")
    asyncio.run(_threads())
    return asyncio.run(_share()) & good


@contextlib.contextmanager
def _chip(folder: Path) -> Iterator[dict[str, str]]:
    """Run a simulated chip in a process of its own, and say how to reach it by spidev."""
    run_native = Path(__file__).parents[1] / "native/run"
    built = subprocess.run([run_native, "preload"], check=True, capture_output=True, text=True)
    wire = folder / "wire"
    with program([sys.executable, "-m", "chiplink", "sim", "ch392", "--spi", str(wire)]):
        wait_for(wire.exists, "the simulator does not start")
        time.sleep(0.2)  # power-up takes the chip 85 ms
        yield os.environ | {"LD_PRELOAD": built.stdout.strip(), "SPIDEV_WIRE": str(wire)}


def _ask(way: str, count: int, environment: dict[str, str]) -> float:
    command = [sys.executable, PROGRAMS, way, str(count)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _ioctls(folder: Path, environment: dict[str, str]) -> bool:
    log = folder / "ioctls"
    print(f"spi: CHECK_EXIST on a preloaded spidev device, the median of {COUNT}")
    medians = {}
    for way, name in (("core", "one message"), ("plain", "a segment an ioctl")):
        log.unlink(missing_ok=True)
        _ask(way, COUNTED, environment | {"SPIDEV_LOG": str(log)})
        each = len(log.read_text().splitlines()) / COUNTED
        medians[way] = _ask(way, COUNT, environment)
        print(f"  {name}: {each:g} ioctls and {medians[way]:.1f} µs a command")
    return verdict("ratio", medians["core"] / medians["plain"], 0.8)


# The interpreter lock.


class Busy:
    """A thread that wants the interpreter lock all the time."""

    def __init__(self) -> None:
        self._stop = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._stop = True
        self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            pass


def _held(path: str) -> None:
    """Print how much of a call is outside of the C core: only there the lock is held."""
    device = _core.Spi(path.encode(), (1, 0, SPEED, 2, 2, 0, 4096, 2000))
    inner = _core._spi_run
    inside = 0

    def timed(*arguments: object) -> object:
        nonlocal inside
        begin = time.perf_counter_ns()
        result = inner(*arguments)
        inside = time.perf_counter_ns() - begin
        return result

    _core._spi_run = timed
    try:
        for batch in (1, 16):
            commands, outside = (EXIST,) * batch, []
            for _ in range(COUNT):
                begin = time.perf_counter_ns()
                device.run(commands)
                outside.append((time.perf_counter_ns() - begin - inside) / 1000)
            middle = statistics.median(outside)
            print(f"  the lock is held {middle:.1f} µs a call of {batch}, beside loop and thread")
    finally:
        _core._spi_run = inner
        device.close()


async def _commands(folder: str) -> None:
    """Ask through the transport, alone and beside a busy thread."""
    bus = await SpiPort(f"{folder}/wire", wire=True).open()
    times = await _times(lambda: bus.run([EXIST]), COUNT)
    print(f"  through the transport: {statistics.median(times):.1f} µs, alone")
    usual = sys.getswitchinterval()
    try:
        with Busy():
            for interval in INTERVALS:
                sys.setswitchinterval(interval)
                times = await _times(lambda: bus.run([EXIST]), BUSY_COUNT)
                middle, high = statistics.median(times), percentile(times, 0.99)
                print(
                    f"  beside a busy thread, switch interval {interval * 1000:g} ms:"
                    f" median {middle:.0f} µs, 99th percentile {high:.0f} µs"
                )
    finally:
        sys.setswitchinterval(usual)
        await bus.close()


async def _times(action: Callable[[], Awaitable[object]], count: int) -> list[float]:
    times = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        await action()
        times.append((time.perf_counter_ns() - begin) / 1000)
    return times


async def _threads() -> None:
    """The way to a thread and back, beside an executor's."""
    loop = asyncio.get_running_loop()
    worker, executor = Worker("bench"), ThreadPoolExecutor(1)
    ours = statistics.median(await _times(lambda: worker.call(int), COUNT))
    theirs = statistics.median(await _times(lambda: loop.run_in_executor(executor, int), COUNT))
    worker.stop()
    executor.shutdown()
    print(f"  to the thread and back: {ours:.1f} µs, by an executor {theirs:.1f} µs")


# The bus.


async def _share() -> bool:
    """The share of the bus that is payload, by the simulator's own clock at 8 MHz."""
    sim = Ch392Sim(times=Ch392Times.instant())
    good = True
    with tempfile.TemporaryDirectory() as folder:
        async with SpiWire(sim, f"{folder}/wire") as wire:
            bus = await SpiPort(wire.path, wire=True).open()
            for size in (536, 1072, 2144):
                good &= await _window(sim, bus, size)
            await bus.close()
    sim.close()
    return good


async def _window(sim: Ch392Sim, bus: SpiBus, size: int) -> bool:
    """Read and write a full window as a driver does, with what it asks before."""
    count = size.to_bytes(2, "little")
    ask = [b"\x29", b"\x30\x00"]
    ways = {
        "read": [*ask, b"\x3b\x00", b"\x3c\x00" + count],
        "written": [*ask, b"\x39\x00" + count + bytes(size)],
    }
    good = True
    for name, commands in ways.items():
        begin = sim.spi.busy
        await bus.run(commands)
        share = size * 8 * 1_000_000_000 / SPEED / (sim.spi.busy - begin)
        print(f"  {size} bytes {name}: {share:.1%} of the bus at 8 MHz is payload")
        good &= share >= SHARE
    print(f"  {'good' if good else 'TOO LITTLE'} (at least {SHARE:.0%})")
    return good
