"""The modems' rows of the harness: each model with the kinds of link that differ.

What no answer of a modem shows is outside: a UART has no checksum, so a byte turned over in
a payload, or in the number that counts it, is taken as it is.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chiplink.driver.modem import Modem, ModemSettings
from chiplink.driver.modem_at import AtMode
from chiplink.sim import GSeriesSim, Sim800Sim, Sim7028Sim
from chiplink.sim.modem_card import PIN_TRIES
from chiplink.sim.modem_events import LineTaken, Said
from chiplink.sim.modem_faults import TRAP_PAYLOAD
from driver.ch392_bench import CLIENT, SERVER_LINK, UDP
from driver.ch392_network import MemoryEther
from driver.driver_bench import Cable
from driver.fake_stack import Network
from faults.fault_harness import ChipCase, Demand, FaultCase, Moment, Operation
from faults.fault_links import (
    CARRIED,
    LARGE,
    FarSide,
    both_ways,
    far_side,
    link_operations,
    nothing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.links import LinkSettings
    from chiplink.model import Result
    from chiplink.sim.modem import ModemSim
    from driver.driver_bench import Bench

PAYLOAD = LARGE[:3500].translate(CARRIED)
"""Three pieces of what a modem takes at once."""

SIMULATORS: dict[str, Callable[..., ModemSim]] = {
    "sim800": Sim800Sim,
    "sim7028": Sim7028Sim,
    "gseries": GSeriesSim,
}
BACK = 400.0
"""Seconds of virtual time until attempts at a data context, and behind it at a link, are over."""

GIVEN_UP = 160.0
"""Seconds of virtual time in which silence is told: some answers may take 120."""

LATE = 50.0
"""Seconds of virtual time in which data come whose notice was lost: every 30 it is looked for."""

RESULT_MS = 75_000


class ModemWorld(FarSide):
    """A modem with one link, and the far side of it."""

    added = TRAP_PAYLOAD

    def __init__(self, chip: str, link: LinkSettings, seed: int, *, pull: bool | None) -> None:
        self.network = Network()
        self.ether = MemoryEther(self.network)
        sim = SIMULATORS[chip](ether=self.ether, seed=seed)
        port = Cable(sim, baud=115200)
        wanted = ModemSettings(
            id="lan",
            chip=chip,
            apn="internet",
            pin="1234",
            at=AtMode.QUERY,
            pull=pull,
            links=(link,),
        )
        super().__init__(sim, port, lambda: Modem(wanted, port, {}))  # type: ignore[arg-type]
        self.face(link, PAYLOAD)
        sim.faults.watch(partial(self._unlock, sim))

    @staticmethod
    def _unlock(sim: ModemSim, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        """Be the person who takes the card's PIN away when one try was wrong: none may follow."""
        if name == "pin-wrong" and not on:
            assert sim.card.pin_tries >= PIN_TRIES - 1
            sim.card.locked = False
            sim.card.insert(inserted=True)


def _at_rest(bench: Bench) -> bool:
    """While it runs its links may be open; in the end none is."""
    world = far_side(bench)
    return world.node_runs or world.ether.links == []


def _said(_bench: Bench, _operation: Operation, result: Result) -> str:
    return f"after {result.ms} ms" if (result.ms or 0) > RESULT_MS else ""


# Faults


def line(count: int) -> Moment:
    """When the modem has taken the n-th command line."""
    return Moment(LineTaken, count)


def said(count: int) -> Moment:
    """When the modem has said the n-th thing."""
    return Moment(Said, count, "words")


COMMAND_BYTES = (1, 2, 3, 5, 9, 14)
"""Of the first command, up to its end."""

ANSWER_BYTES = (1, 2, 3, 4, 5, 6, 9)


def _line_faults(command: int) -> list[FaultCase]:
    """A send's command has so many bytes before its payload."""
    rows = [
        FaultCase((f"{fault}=#{place}",), garbles=True)
        for fault, places in (
            ("lose-in", COMMAND_BYTES),
            ("flip-in", COMMAND_BYTES[:4]),
            ("double-in", COMMAND_BYTES[:4]),
            ("lose-out", ANSWER_BYTES),
            ("flip-out", ANSWER_BYTES[:5]),
            ("double-out", ANSWER_BYTES[:5]),
        )
        for place in places
        if fault.endswith("-out") or place < command
    ]
    rows += [
        FaultCase((f"{fault}-{way}{argument}",), Demand.DONE)
        for way in ("in", "out")
        for fault, argument in (("split", "=30%"), ("delay", "=30%"), ("delay", "=200ms"))
    ]
    rows += [
        FaultCase(("delay-out=2s",)),
        FaultCase(("hangup",), Demand.OFFLINE, line(1), garbles=True),
        FaultCase(("hangup",), moment=said(1), lasts=0.05, garbles=True),
        FaultCase(("hangup", "restart"), moment=line(2), lasts=7.0, garbles=True),
    ]
    return rows


ANSWERS = [
    FaultCase(("no-answer=1",)),
    FaultCase(("no-answer=2",)),
    FaultCase(("no-answer",), Demand.OFFLINE),
    FaultCase(("lost-answer=1",)),
    FaultCase(("lost-answer",), moment=line(1), lasts=5.0),
    FaultCase(("error=1",)),
    FaultCase(("error",), lasts=20.0),
]

HARMLESS = [
    FaultCase((fault,), Demand.DONE)
    for fault in (
        "urc-inside-reply",
        "time-urcs",
        "under-voltage",
        "double-cr",
        "lf-error",
        "payload-ok=1",
    )
]

EVENTS = [
    FaultCase(("closed-during-send=1",)),
    FaultCase(("send-fail=1",)),
    FaultCase(("send-fail",), lasts=10.0),
    FaultCase(("late-connect-fail=1",)),
    FaultCase(("late-connect-fail",), lasts=20.0),
    FaultCase(("lost-notice=1",)),
    FaultCase(("lost-notice",), lasts=20.0),
    FaultCase(("boot-junk", "restart")),
    FaultCase(("restart",), moment=line(1)),
    FaultCase(("restart",), moment=said(1)),
    FaultCase(("restart",), moment=line(2)),
    FaultCase(("power-dip",), moment=line(1)),
    FaultCase(("pdp-deact",)),
    FaultCase(("pdp-deact",), moment=line(1)),
    FaultCase(("pdp-deact",), moment=said(2)),
    FaultCase(("no-network",), lasts=20.0),
    FaultCase(("no-network",), moment=line(1), lasts=100.0),
    FaultCase(("sim-missing",), lasts=20.0),
    FaultCase(("sim-missing",), moment=line(1), lasts=5.0),
]

CARD = [
    FaultCase(("pin-needed",)),
    FaultCase(("pin-needed", "restart")),
    FaultCase(("pin-needed", "pin-wrong=1", "restart")),
]

OWN = {
    "sim800": [
        FaultCase(("send-fail-unread",), Demand.DONE),
        FaultCase(("no-space",), Demand.DONE),
    ],
    "sim7028": [
        FaultCase(("network-closed",)),
        FaultCase(("network-closed",), moment=line(1)),
        FaultCase(("netopen-fail=1", "restart")),
        FaultCase(("buffer-full=1",)),
        *(FaultCase((each,), Demand.DONE) for each in ("result-first", "ok-first", "colon")),
        FaultCase(("no-context-1", "restart")),
    ],
    "gseries": [
        FaultCase(("cme50=1", "pdp-deact")),
        FaultCase(("cme50",), lasts=20.0),
        FaultCase(("no-response=1", "pdp-deact")),
        *(
            FaultCase((each,), Demand.DONE)
            for each in ("connect-first", "ipd-comma", "ipd-spaced", "ciprcv", "shut-ok")
        ),
    ],
}

AT = Operation("at", nothing, (), ("at", "AT+CSQ"))


def _case(
    chip: str,
    name: str,
    link: LinkSettings,
    faults: list[FaultCase],
    *,
    pull: bool | None = None,
    without: tuple[str, ...] = (),
) -> ChipCase:
    operations = (
        *(
            replace(each, waits=LATE) if each.name == "receive" else each
            for each in link_operations(link, PAYLOAD)
        ),
        AT,
    )
    (after,) = (each for each in operations if each.name == "send small")
    if not link.kind.is_stream:
        faults = [replace(case, gaps=True) for case in faults]
    return ChipCase(
        name=f"{chip} {name}",
        build=lambda seed: ModemWorld(chip, link, seed, pull=pull),
        operations=tuple(each for each in operations if each.name not in without),
        faults=tuple(faults),
        at_rest=_at_rest,
        ready=lambda bench: far_side(bench).link_is_open(),
        tidy=(f"link/{link.id}/set", "OPEN"),
        afterwards=replace(after, waits=0.5),
        said=_said,
        moments=(),
        proof=both_ways,
        back=BACK,
        given_up=GIVEN_UP,
    )


def _full(chip: str) -> list[FaultCase]:
    # What a G series was given, and said OK to, is gone with its context: its level is `accepted`.
    given = [replace(case, gaps=chip == "gseries") for case in EVENTS]
    return [*_line_faults(11 if chip == "gseries" else 17), *ANSWERS, *HARMLESS, *given, *OWN[chip]]


OF_THE_MODEM = ("at", "reset")
OF_ANY_LINK = ("connect", *OF_THE_MODEM)
"""What is the same for every kind of link."""


def _client(chip: str) -> tuple[ChipCase, ChipCase]:
    """Every fault with a client's link, and what has to do with no link with fewer."""
    faults = _full(chip)
    whole = _case(chip, "tcp-client", CLIENT, [*faults, *CARD[:2]], without=OF_THE_MODEM)
    link = tuple(str(each) for each in whole.operations)
    return whole, _case(chip, "modem", CLIENT, [*faults[::3], CARD[2]], without=link)


def _link(chip: str, name: str, link: LinkSettings, *, pull: bool | None = None) -> ChipCase:
    faults = EVENTS if pull is None else [*EVENTS, *HARMLESS]
    return _case(chip, name, link, faults, pull=pull, without=OF_ANY_LINK)


MODEMS = (
    *_client("sim800"),
    _link("sim800", "push", CLIENT, pull=False),
    _link("sim800", "tcp-server", SERVER_LINK),
    _link("sim800", "udp", UDP),
    *_client("sim7028"),
    _link("sim7028", "push", CLIENT, pull=False),
    _link("sim7028", "tcp-server", SERVER_LINK),
    _link("sim7028", "udp", UDP),
    *_client("gseries"),
)
