"""The port hangs up in the middle and comes back: on a real pseudo-terminal, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.ch9329 import Ch9329
from chiplink.model import Phase
from chiplink.sim import Ch9329Sim, PtyLine, Times
from chiplink.transport.serial import SerialPort
from driver.driver_bench import Bench
from driver.driver_ch9329 import SETTINGS, Ch9329Bench

pytest.register_assert_rewrite("faults.fault_harness")
from faults.fault_ch9329 import CH9329  # noqa: E402 - its assertions are rewritten first
from faults.fault_harness import (  # noqa: E402
    Moment,
    Operation,
    answer,
    at_moment,
    command,
    descriptors,
    works,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path
    from typing import Any

NAMES = ("type", "hold", "move", "media")
OPERATIONS = [operation for operation in CH9329.operations if operation.name in NAMES]


class PtyBench(Ch9329Bench):
    """A bench whose chip is at the other side of a pseudo-terminal."""

    def __init__(self, path: Path) -> None:
        sim = Ch9329Sim(times=Times.instant())
        port = SerialPort(str(path), low_lines=True)
        wanted = replace(SETTINGS, pace=0.001)
        self.pc = sim.pc
        Bench.__init__(self, sim, port, lambda: Ch9329(wanted, port, {"baud": 9600}))

    @contextlib.asynccontextmanager
    async def plugged(self) -> AsyncIterator[PtyBench]:
        """Run between the ends of the pseudo-terminal."""
        async with PtyLine(self.sim, link=self.port.name) as line:
            self.sim.faults.watch(line.on_fault)
            yield self
            await self.stop()
            self.sim.close()


async def in_the_middle(path: Path, operation: Operation, moment: Moment) -> None:
    async with PtyBench(path).plugged() as bench:
        bench.start()
        await bench.until(lambda: bench.online)
        await works(bench, CH9329.afterwards)  # the greetings are over
        for key, value in operation.before:
            assert (await bench.do(key, value)).phase is Phase.DONE
        before = operation.effect(bench)
        forget = at_moment(bench, moment, lambda: bench.sim.faults.switch_on("hangup"))
        assert operation.command is not None
        number = bench.request(*operation.command)
        await bench.until(lambda: not bench.online)
        forget()
        result = await bench.ending(number)
        bench.sim.faults.switch_off("hangup")
        await bench.until(lambda: bench.online)
        part = operation.effect(bench)[len(before) :]
        assert part == operation.expected[: len(part)]
        assert result.phase is Phase.FAILED or part == operation.expected
        assert (await bench.do(*CH9329.tidy)).phase is Phase.DONE
        assert CH9329.at_rest(bench)
        await works(bench, CH9329.afterwards)


async def from_scratch(path: Path) -> None:
    async with PtyBench(path).plugged() as bench:
        bench.sim.faults.switch_on("hangup")
        bench.start()
        await bench.until(lambda: "no such port" in str(bench.value("last_error")))
        bench.sim.faults.switch_off("hangup")
        await bench.until(lambda: bench.online)
        await works(bench, CH9329.afterwards)


def leaks_nothing(case: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine; descriptors and threads are afterwards what they were."""
    gc.collect()
    before = descriptors(), threading.active_count()
    asyncio.run(case)
    gc.collect()
    assert (descriptors(), threading.active_count()) == before


@pytest.mark.parametrize("moment", [command(1), answer(1)], ids=str)
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_hang_up_and_back(tmp_path: Path, operation: Operation, moment: Moment) -> None:
    leaks_nothing(in_the_middle(tmp_path / "kvm", operation, moment))


def test_no_port_and_then_one(tmp_path: Path) -> None:
    leaks_nothing(from_scratch(tmp_path / "kvm"))
