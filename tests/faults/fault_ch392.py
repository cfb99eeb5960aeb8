"""The CH392's row of the harness: each kind of link, what it does, and what can go wrong.

What no answer of the chip shows is outside: a UART has no checksum, so a byte too many, or
turned over, in a WRITE's length or payload is written as if it were right, and a byte turned
over in what is read is read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from chiplink.sim import Ch392Times
from chiplink.sim.ch392_events import CommandTaken
from chiplink.sim.events import Replied
from driver.ch392_bench import CLIENT, SERVER_LINK, UDP, UDP_SERVER, Ch392Bench
from faults.fault_harness import ChipCase, Demand, FaultCase, Moment, Operation
from faults.fault_links import FarSide, both_ways, far_side, link_operations, nothing

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings
    from chiplink.model import Result
    from driver.driver_bench import Bench

QUICK = Ch392Times(init=0.03, link_up=0.2)
"""INIT is asked for every 2 ms: it need not be for 350 each time."""

SEND_DEADLINE_MS = 65_000


class World(FarSide, Ch392Bench):
    """A chip with one link, and the far side of it."""

    def __init__(self, link: LinkSettings, seed: int, *, spi: bool = False) -> None:
        super().__init__(link, wired=seed % 2 == 0, seed=seed, spi=spi, times=QUICK)
        self.face(link)


def _world(bench: Bench) -> World:
    assert isinstance(bench, World)
    return bench


def _at_rest(bench: Bench) -> bool:
    """While it runs the link's sockets alone are open; in the end none is."""
    world = _world(bench)
    return world.node_runs or world.open_sockets == []


def _said(bench: Bench, operation: Operation, result: Result) -> str:
    return f"after {result.ms} ms" if (result.ms or 0) > SEND_DEADLINE_MS else ""


# Faults


def taken(count: int) -> Moment:
    """When the chip has taken the n-th command."""
    return Moment(CommandTaken, count)


def answered(count: int) -> Moment:
    """When the chip has answered the n-th command."""
    return Moment(Replied, count, "answer")


def _at(fault: str, *places: int, demand: Demand = Demand.TRUTH) -> list[FaultCase]:
    """A fault of the n-th byte."""
    garbles = fault.endswith("-in")
    return [FaultCase((f"{fault}=#{place}",), demand, garbles=garbles) for place in places]


WIRED, BOTH = (0,), (0, 1)
"""Seeds: with an even one INT# is wired, with an odd one the chip is polled."""

COUNTS = ((1, BOTH), (2, WIRED), (3, WIRED))

HEAD = (1, 2, 3)
"""Sync code and command."""


def _bytes_lost(places: tuple[int, ...]) -> list[FaultCase]:
    return [
        *_at("lose-in", *places),
        *_at("lose-out", *(1, 2, 3, 4, 5, 9)),
    ]


def _bytes_spoilt() -> list[FaultCase]:
    rows = [
        *_at("flip-out", *range(1, 6)),
        *_at("double-out", *range(1, 8)),
        *_at("double-in", *HEAD, 4, 5),
    ]
    rows += [replace(case, seeds=(0, 1, 2)) for case in _at("flip-in", *HEAD, 4)]
    return rows


def _pauses() -> list[FaultCase]:
    return [
        FaultCase((f"{fault}-{way}{argument}",), demand, seeds=seeds)
        for way in ("in", "out")
        for fault, argument, demand, seeds in (
            ("split", "", Demand.TRUTH, WIRED),
            ("split", "=20%", Demand.TRUTH, WIRED),
            ("split", "=30ms,#3", Demand.DONE, WIRED),
            ("delay", "", Demand.DONE, BOTH),
            ("delay", "=30%", Demand.DONE, WIRED),
            ("delay", "=80ms,#2", Demand.DONE, WIRED),
            ("delay", "=200ms", Demand.TRUTH, WIRED),
            ("delay", "=2s", Demand.TRUTH, WIRED),
        )
    ]


NOISE = FaultCase(
    ("lose-in=1%", "lose-out=1%", "split-out=5%", "delay-in=10%"), garbles=True, seeds=(0, 1, 2)
)


def _chip_faults() -> list[FaultCase]:
    rows = [FaultCase((f"no-answer={count}",), seeds=seeds) for count, seeds in COUNTS]
    rows += [FaultCase(("no-answer=1",), moment=taken(count)) for count in (2, 4)]
    rows += [FaultCase(("no-answer",), Demand.OFFLINE, moment) for moment in (None, taken(3))]
    rows += [FaultCase((f"busy-forever=1{command}",)) for command in ("", ",open", ",close")]
    rows += [
        FaultCase((fault,), Demand.DONE)
        for fault in ("int-lost", "int-spurious", "int-stuck-low", "open-after-close-20h")
    ]
    rows += [
        FaultCase(("int-lost=30%", "int-spurious=30%"), Demand.DONE, seeds=(0, 2)),
        FaultCase(("open-after-close-20h=500ms",)),
        FaultCase(("phy-garbage=4",), Demand.DONE),
        FaultCase(("phy-garbage",)),
        FaultCase(("recv-length-garbage=1",)),
        FaultCase(("recv-length-garbage",)),
        FaultCase(("dhcp-none",), seeds=BOTH),
        FaultCase(("dhcp-change",), Demand.DONE),
        FaultCase(("cable",), lasts=5.0, seeds=BOTH),
        FaultCase(("cable",), moment=taken(2), lasts=0.5),
        FaultCase(("cable", "dhcp-none"), lasts=20.0),
    ]
    rows += [
        FaultCase(("silent-reset",), moment=moment, seeds=seeds)
        for moment, seeds in (
            (None, BOTH),
            (taken(1), WIRED),
            (answered(1), WIRED),
            (taken(4), WIRED),
        )
    ]
    return rows


def _line_faults() -> list[FaultCase]:
    return [
        FaultCase(("stray-status",), seeds=BOTH),
        *(FaultCase(("hangup",), Demand.OFFLINE, moment) for moment in (None, taken(2))),
        FaultCase(("hangup",), moment=taken(1), lasts=0.05),
        FaultCase(("hangup", "silent-reset"), moment=answered(2), lasts=7.0),
        NOISE,
    ]


FEW = (1, 3, 6)
MANY = (1, 2, 3, 4, 5, 6, 7, 30, 83, 84, 85, 86, 89, 92, 93, 96, 99)
"""Of a WRITE of SMALL: its head, its payload, and each question behind it."""

FULL = tuple(_bytes_lost(MANY) + _bytes_spoilt() + _pauses() + _line_faults() + _chip_faults())
"""For the kind of link that all is tried with."""


def _once(faults: tuple[FaultCase, ...]) -> tuple[FaultCase, ...]:
    """Every fault of FULL once, and of those that differ in their place alone a few."""
    places = re.compile(r".*=#\d+")
    kept = [case for case in faults if not places.fullmatch(case.faults[0])]
    kept += [case for case in faults if places.fullmatch(case.faults[0])][::5]
    return tuple(replace(case, seeds=case.seeds[:1]) for case in kept)


def _lossy(faults: tuple[FaultCase, ...]) -> tuple[FaultCase, ...]:
    """The same for datagrams, which nobody promises."""
    return tuple(replace(case, gaps=True) for case in faults)


def _case(
    name: str,
    link: LinkSettings,
    faults: tuple[FaultCase, ...],
    *,
    without: tuple[str, ...] = (),
    spi: bool = False,
) -> ChipCase:
    """A kind of link; operations that are the same for all of them are tried `without` it."""
    operations = (*link_operations(link), Operation("dhcp", nothing, (), ("dhcp", "PRESS")))
    (after,) = (each for each in operations if each.name == "send small")
    return ChipCase(
        name=f"ch392 {name}",
        build=lambda seed: World(link, seed, spi=spi),
        operations=tuple(each for each in operations if each.name not in without),
        faults=faults,
        at_rest=_at_rest,
        ready=lambda bench: far_side(bench).link_is_open(),
        tidy=(f"link/{link.id}/set", "OPEN"),
        afterwards=replace(after, waits=0.5),
        said=_said,
        moments=(),
        proof=both_ways,
    )


OF_THE_CHIP = ("dhcp", "reset")

CH392 = (
    _case("tcp-client", CLIENT, FULL),
    _case("tcp-server", SERVER_LINK, _once(FULL), without=("dhcp",)),
    _case("udp", UDP, _lossy(_once(FULL)), without=OF_THE_CHIP),
    _case("udp-server", UDP_SERVER, _lossy(_once(FULL)), without=OF_THE_CHIP),
    _case(
        "spi",
        CLIENT,
        (*_chip_faults(), FaultCase(("spi-echo=1",))),
        without=("dhcp",),
        spi=True,
    ),
)
