"""Fault x chip x operation: what must be true of every one of them.

A chip joins by a ChipCase: how to build a bench, what it can do, and what can go wrong.
The effect of an operation at the chip's far side is a sequence; the expected one is
written by hand. Done means exactly that, anything else a beginning of it: nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from chiplink.exceptions import Code
from chiplink.model import Phase
from chiplink.sim.events import FrameReceived, Replied

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from chiplink.model import CommandValue, Result
    from chiplink.sim.events import Event
    from driver.driver_bench import Bench

Command = tuple[str, "CommandValue"]

TRUTHFUL = {
    Code.UNKNOWN,
    Code.CHIP_ERROR,
    Code.OFFLINE,
    Code.TIMEOUT,
    Code.CANCELLED,
    Code.CLOSED,
}
"""What a command on a bad line may end with: the rest would blame something else."""

NOTHING_DONE = {Code.OFFLINE, Code.CLOSED}
"""These say that it has had no effect."""

SETTLING = 12.0
"""Seconds of virtual time in which a device whose line works again puts all in order: it
looks at an idle chip every ten."""

BACK = 60.0
"""Seconds of virtual time in which a device finds its chip again."""

GIVEN_UP = 15.0
"""Seconds of virtual time in which silence for ever is told as offline."""


class Demand(Enum):
    """What a fault must not keep an operation from."""

    DONE = "it is done, whatever it is, and the chip stays online"
    REPEATED = "it is done if it may be sent twice"
    TRUTH = "what is said of it is true"
    OFFLINE = "while the fault lasts the chip is offline"


@dataclass(frozen=True)
class Moment:
    """When the chip has taken, or answered, the n-th command of an operation."""

    kind: type[Event]
    count: int
    name: str = "command"

    def __str__(self) -> str:
        return f"{self.name} {self.count}"


def command(count: int) -> Moment:
    """After the n-th command is carried out, before it is answered."""
    return Moment(FrameReceived, count)


def answer(count: int) -> Moment:
    """After the n-th answer is out."""
    return Moment(Replied, count, "answer")


@dataclass(frozen=True)
class FaultCase:
    """What goes wrong: the simulator's faults, and when; from the beginning if no moment is given.

    `torn` is the beginning of a frame that stands in the chip's buffer. `lasts` is in seconds
    of virtual time, else the fault ends after the operation has. `gaps` allows an effect with
    holes: what the chip acknowledged went to nobody. `garbles`: the chip may take other bytes
    for data, and then the operation must fail and its connection end. Faults of `seeds` are
    played with each.
    """

    faults: tuple[str, ...]
    demand: Demand = Demand.TRUTH
    moment: Moment | None = None
    torn: str = ""
    lasts: float | None = None
    gaps: bool = False
    garbles: bool = False
    seeds: tuple[int, ...] = (0,)

    @property
    def away(self) -> bool:
        """Whether the chip acknowledges for a while what goes to nobody."""
        return self.gaps or not {"unplugged", "restart"}.isdisjoint(self.faults)

    def __str__(self) -> str:
        parts = [*self.faults, *([f"torn {self.torn}"] if self.torn else [])]
        if self.moment is not None:
            parts.append(f"at {self.moment}")
        if self.lasts is not None:
            parts.append(f"for {self.lasts:g}s")
        return " ".join(parts)


@dataclass(frozen=True)
class Operation:
    """A command, or `waits` for a while; `before` is done on a good line first.

    `act` is what the far side does at the beginning, `undo` the command that brings back what
    it needs. `broken` tells, as often as it grows, of a failure that was made known: then a
    beginning of the effect is enough, although nothing was commanded.

    `effect` tells from the bench what became of it. `repeatable`: sent twice it does what it
    does once. `leaves` says that it leaves something down when it is done, `absent` that the
    chip is away meanwhile. `loose` takes out of an effect what a failure may add to it.
    """

    name: str
    effect: Callable[[Bench], tuple[object, ...]]
    expected: tuple[object, ...] = ()
    command: Command | None = None
    before: tuple[Command, ...] = ()
    act: Callable[[Bench], None] | None = None
    undo: Command | None = None
    broken: Callable[[Bench], int] | None = None
    waits: float = 0.0
    connects: bool = False
    repeatable: bool = True
    leaves: bool = False
    absent: bool = False
    loose: Callable[[tuple[object, ...]], tuple[object, ...]] = tuple

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ChipCase:
    """A chip: `build(seed)` makes a bench of it, `at_rest` says that nothing is pressed.

    `afterwards` is the command that must work in the end, and `proof` what else must; `tidy` is
    what lets go of what an operation left. `said` checks more of a result, and returns a complaint.
    `stops` are the commands that stop what runs, `again` those that undo them. It finds its chip
    again `back` seconds after a fault, and tells silence for ever `given_up` seconds after.
    """

    name: str
    build: Callable[[int], Bench]
    operations: tuple[Operation, ...]
    faults: tuple[FaultCase, ...]
    at_rest: Callable[[Bench], bool]
    ready: Callable[[Bench], bool]
    tidy: Command
    afterwards: Operation
    said: Callable[[Bench, Operation, Result], str]
    moments: tuple[Moment, ...]
    stops: tuple[Command, ...] = ()
    again: tuple[Command, ...] = ()
    proof: Callable[[Bench], Awaitable[None]] | None = None
    back: float = BACK
    given_up: float = GIVEN_UP


class Trial:
    """One operation of one chip under one fault."""

    def __init__(self, chip: ChipCase, fault: FaultCase, operation: Operation, seed: int) -> None:
        self.chip, self.fault, self.operation = chip, fault, operation
        self.bench = chip.build(seed)
        self._stop_watching: Callable[[], None] = _nothing

    async def run(self) -> None:
        """Play it, and insist on everything that must be true."""
        bench, operation = self.bench, self.operation
        if not operation.connects:
            bench.start()
            await bench.until(self._ready)
            for key, value in operation.before:
                assert (await bench.do(key, value)).phase is Phase.DONE
            await asyncio.sleep(1)
        self._at, self._before = len(bench.seen), operation.effect(bench)
        self._breaks = operation.broken(bench) if operation.broken else 0
        self._written = len(bench.port.written)
        self._spoil()
        result = await self._operate()
        if self.fault.demand is Demand.OFFLINE:
            await bench.until(lambda: not bench.online, self.chip.given_up)
        self._mend()
        if operation.undo is not None:
            assert (await bench.do(*operation.undo)).phase is Phase.DONE
        await asyncio.sleep(SETTLING)
        await bench.until(self._ready, self.chip.back)
        self._check(result)
        self._check_rest(result)
        await self._check_afterwards()
        await bench.stop()
        assert self.chip.at_rest(bench), "the end left something pressed"
        assert bench.port.line is None, "the port is still open"
        bench.sim.close()

    def _ready(self) -> bool:
        return self.bench.online and self.chip.ready(self.bench)

    # The fault

    def _spoil(self) -> None:
        moment = self.fault.moment
        if self.fault.torn:
            self.bench.sim.receive(bytes.fromhex(self.fault.torn))
        if moment is None:
            self._strike()
            return
        self._stop_watching = at_moment(self.bench, moment, self._strike)

    def _strike(self) -> None:
        for fault in self.fault.faults:
            self.bench.sim.faults.switch_on(fault)
        if self.fault.lasts is not None:
            asyncio.get_running_loop().call_later(self.fault.lasts, self._mend)

    def _mend(self) -> None:
        self._stop_watching()
        self.bench.sim.faults.clear()

    # The operation

    async def _operate(self) -> Result | None:
        bench, operation = self.bench, self.operation
        if operation.connects:
            bench.start()
        if operation.act is not None:
            operation.act(bench)
        if operation.command is not None:
            number = bench.request(*operation.command)
            result = await bench.ending(number)
            await asyncio.sleep(0.5)
            assert bench.endings(number) == [result], "answered twice"
            return result
        await asyncio.sleep(operation.waits)
        return None

    # What must be true

    def _check(self, result: Result | None) -> None:
        self._check_demand(result)
        if self.fooled():
            return
        operation = self.operation
        effect = operation.effect(self.bench)[len(self._before) :]
        if self._is_garbled(result):
            return
        if self._is_whole(result) and not self.fault.gaps:
            assert effect == operation.expected, f"said to be done, but {effect}"
            return
        part, whole = operation.loose(effect), operation.loose(operation.expected)
        if self.fault.gaps:
            assert _with_gaps(part, whole), f"{result}: {effect}"
        else:
            assert part == whole[: len(part)], f"{result}: {effect}"
        if result is not None and result.phase is Phase.FAILED:
            assert result.error in TRUTHFUL, result
            done = result.error in NOTHING_DONE and effect != ()
            assert not done, f"{result.error}, but {effect}"
            problem = "" if self.fault.away else self.chip.said(self.bench, operation, result)
            assert not problem, problem

    def _is_garbled(self, result: Result | None) -> bool:
        """Whether a connection took other bytes for its own, and was ended for it."""
        operation = self.operation
        if not self.fault.garbles or result is None or result.phase is Phase.DONE:
            return False
        if result.error in NOTHING_DONE:
            return False
        return operation.broken is None or operation.broken(self.bench) > self._breaks

    def _is_whole(self, result: Result | None) -> bool:
        """Whether the effect must be all that was expected."""
        if result is not None:
            return result.phase is Phase.DONE
        broken = self.operation.broken
        return broken is None or broken(self.bench) == self._breaks

    def _check_demand(self, result: Result | None) -> None:
        demand, bench = self.fault.demand, self.bench
        if demand is Demand.DONE or (demand is Demand.REPEATED and self.operation.repeatable):
            assert result is None or result.phase is Phase.DONE, result
        if demand is Demand.DONE and not self.operation.absent:
            assert False not in bench.said.online, "it was called offline"
        if result is not None and result.phase is Phase.DONE:
            assert bench.value("last_error") == ""

    def fooled(self) -> bool:
        """Whether the chip took a frame for sound that nobody sent: an 8-bit sum can be fooled."""
        sent = b"".join(self.bench.port.written[self._written :])
        return any(
            not event.problem and _frame_end(event) not in sent
            for event in self.bench.seen[self._at :]
            if isinstance(event, FrameReceived)
        )

    def _check_rest(self, result: Result | None) -> None:
        left = self.operation.leaves and result is not None and result.phase is Phase.DONE
        assert left or self.chip.at_rest(self.bench), f"it stays pressed: {result}"

    async def _check_afterwards(self) -> None:
        bench, after = self.bench, self.chip.afterwards
        assert (await bench.do(*self.chip.tidy)).phase is Phase.DONE
        assert self.chip.at_rest(bench)
        await works(bench, after)
        if self.chip.proof is not None:
            await self.chip.proof(bench)
        assert self.chip.at_rest(bench)


async def works(bench: Bench, operation: Operation) -> None:
    """Insist that `operation` is done and has its effect."""
    before = operation.effect(bench)
    assert operation.command is not None
    result = await bench.do(*operation.command)
    assert result.phase is Phase.DONE, result
    await asyncio.sleep(operation.waits)
    assert operation.effect(bench)[len(before) :] == operation.expected


async def stopped(
    chip: ChipCase, operation: Operation, moment: Moment, stop: Command | None
) -> None:
    """Stop an operation on a good line by the command `stop`, or by the program's end."""
    bench = chip.build(0)
    bench.start()
    await bench.until(lambda: bench.online and chip.ready(bench))
    for key, value in operation.before:
        assert (await bench.do(key, value)).phase is Phase.DONE
    await asyncio.sleep(1)
    before = operation.effect(bench)
    struck = asyncio.Event()
    forget = at_moment(bench, moment, struck.set)
    assert operation.command is not None
    number = bench.request(*operation.command)
    await bench.until(lambda: struck.is_set() or bench.endings(number))
    forget()
    if stop is None:
        await bench.stop()
    else:
        assert (await bench.do(*stop)).phase is Phase.DONE
        await bench.ending(number)
        await asyncio.sleep(1)
    (result,) = bench.endings(number)
    part = operation.effect(bench)[len(before) :]
    if result.phase is Phase.DONE:
        assert part == operation.expected
    else:
        whole = operation.loose(operation.expected)
        assert result.error is Code.CANCELLED, result
        assert operation.loose(part) == whole[: len(operation.loose(part))]
    assert chip.at_rest(bench), f"it stays pressed: {result}"
    if stop is None:
        bench.renew()
        bench.start()
        await bench.until(lambda: bench.online and chip.ready(bench))
    for command in chip.again:
        assert (await bench.do(*command)).phase is Phase.DONE
    await works(bench, chip.afterwards)
    await bench.stop()
    bench.sim.close()


def at_moment(bench: Bench, moment: Moment, action: Callable[[], None]) -> Callable[[], None]:
    """Do `action` at `moment`, counted from now, when the chip is done with it."""
    loop = asyncio.get_running_loop()
    count = 0

    def watch(event: Event) -> None:
        nonlocal count
        count += isinstance(event, moment.kind)
        if count == moment.count and isinstance(event, moment.kind):
            loop.call_soon(lambda: None if stopped else action())

    end = bench.sim.observe(watch)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            end()

    return stop


@contextlib.contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Let chance be the same each time."""
    random.seed(seed)
    chance = random.Random(seed)  # noqa: S311 - that is what it is for
    with mock.patch("secrets.randbelow", chance.randrange):
        yield


def _nothing() -> None:
    """No fault waits for its moment."""


def _frame_end(event: FrameReceived) -> bytes:
    """What a frame must contain, whatever simulated chip took it."""
    return bytes([event.command, len(event.data)]) + event.data


def _with_gaps(effect: tuple[object, ...], expected: tuple[object, ...]) -> bool:
    rest = iter(expected)
    return all(part in rest for part in effect)


def descriptors() -> list[str]:
    """The numbers of this process's open files."""
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


def acknowledged(detail: str) -> int | None:
    """The number in `n of m characters were acknowledged`."""
    match = re.search(r"(\d+) of \d+ characters were acknowledged", detail)
    return int(match[1]) if match else None
