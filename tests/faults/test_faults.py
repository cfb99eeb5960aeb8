"""Every fault of every chip with every operation, in virtual time."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from driver.virtual_clock import run

pytest.register_assert_rewrite("faults.fault_harness")
from faults.fault_ch392 import CH392  # noqa: E402 - its assertions are rewritten first
from faults.fault_ch9329 import CH9329  # noqa: E402
from faults.fault_harness import (  # noqa: E402
    ChipCase,
    Command,
    FaultCase,
    Moment,
    Operation,
    Trial,
    descriptors,
    repeatable,
    stopped,
)
from faults.fault_modems import MODEMS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

CHIPS = (CH9329, *CH392, *MODEMS)

CASES = [
    pytest.param(chip, fault, operation, id=f"{chip.name}-{operation}-{fault}")
    for chip in CHIPS
    for operation in chip.operations
    for fault in chip.faults
]


@pytest.fixture(scope="module", autouse=True)
def _old_garbage() -> Iterator[None]:
    """Leave what is there out of the collections between the cases."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("chip", "fault", "operation"), CASES)
def test_fault(
    chip: ChipCase, fault: FaultCase, operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    before = descriptors(), threading.active_count()
    for seed in fault.seeds:
        run(_play(chip, fault, operation, seed))
    gc.collect()
    assert (descriptors(), threading.active_count()) == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def _play(chip: ChipCase, fault: FaultCase, operation: Operation, seed: int) -> None:
    with repeatable(seed):
        await Trial(chip, fault, operation, seed).run()


STOPS = [
    pytest.param(chip, operation, moment, stop, id=f"{chip.name}-{operation}-{name} at {moment}")
    for chip in CHIPS
    for operation in chip.operations
    if operation.command is not None and operation.command != chip.tidy
    for moment in chip.moments
    for stop in (*chip.stops, None)
    for name in ("the end" if stop is None else stop[0],)
]


@pytest.mark.parametrize(("chip", "operation", "moment", "stop"), STOPS)
def test_stopped_in_the_middle(
    chip: ChipCase, operation: Operation, moment: Moment, stop: Command | None
) -> None:
    run(stopped(chip, operation, moment, stop))


def test_ids_are_unique() -> None:
    names = Counter(case.id for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("chip", ["ch9329", "ch392", "sim800", "sim7028", "gseries"])
def test_every_fault_of_the_simulator_is_tried(chip: str) -> None:
    cases = [case for case in CHIPS if case.name.split()[0] == chip]
    faults = (fault for case in cases for fault in case.faults)
    tried = {name.partition("=")[0] for fault in faults for name in fault.faults}
    assert tried == run(_known(cases[0]))


async def _known(chip: ChipCase) -> set[str]:
    return set(chip.build(0).sim.faults.table)
