"""The CH392's row of the harness: each kind of link, what it does, and what can go wrong.

What no answer of the chip shows is outside: a UART has no checksum, so a byte too many, or
turned over, in a WRITE's length or payload is written as if it were right, and a byte turned
over in what is read is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from chiplink.sim import Ch392Times
from chiplink.sim.ch392_events import CommandTaken
from chiplink.sim.events import Replied
from driver.ch392_bench import CLIENT, PLC, SERVER_LINK, UDP, UDP_SERVER, Ch392Bench
from driver.fake_stack import CHIP, HOST
from faults.fault_harness import ChipCase, Demand, FaultCase, Moment, Operation

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings
    from chiplink.model import CommandValue, Result
    from driver.driver_bench import Bench
    from driver.fake_stack import Mailbox, Stream

SMALL = b"a small one: " + bytes(range(0x80, 0xC0))
LARGE = random.Random(392).randbytes(6000).replace(b"\x57\xab", b"\x57\xac")  # noqa: S311
"""Without a sync code: what is left of a torn WRITE must not be a command by chance."""

QUICK = Ch392Times(init=0.03, link_up=0.2)
"""INIT is asked for every 2 ms: it need not be for 350 each time."""

SEND_DEADLINE_MS = 65_000
CALL_AGAIN = 0.5


class World(Ch392Bench):
    """A chip with one link, and the far side of it, which comes back when it was left alone."""

    def __init__(self, link: LinkSettings, seed: int, *, spi: bool = False) -> None:
        super().__init__(link, wired=seed % 2 == 0, seed=seed, spi=spi, times=QUICK)
        self.link = link
        self.got = bytearray()
        self.datagrams: list[bytes] = []
        self.stream: Stream | None = None
        self.connections = 0
        self.box: Mailbox | None = None
        self.node_runs = False
        self._far: list[asyncio.Task[None]] = []
        self._next_port = 40000

    @property
    def peer(self) -> str:
        """Whom to send to, where that must be said."""
        if not self.link.several:
            return ""
        if self.link.kind.is_stream:
            return "" if self.stream is None else self.stream.local
        return f"{HOST}:5000"

    def request(self, key: str, value: CommandValue = None, *, secure: bool = True) -> str:
        return self.submit(key, value, self.peer if key.endswith("/tx") else "")

    def start(self) -> None:
        super().start()
        self.node_runs = True
        if self._far:
            return
        if self.link.kind.is_stream:
            far = self._accept() if self.link.host else self._call()
        else:
            self.box = self.mailbox(f"{HOST}:5000")
            far = self._collect(self.box)
        self._far.append(asyncio.create_task(far))

    async def stop(self) -> None:
        await super().stop()
        self.node_runs = False
        for task in self._far:
            task.cancel()
        await asyncio.wait(self._far)

    async def _accept(self) -> None:
        service = self.listen(PLC)
        while True:
            await self._take(await service.accept())

    async def _call(self) -> None:
        while True:
            self._next_port += 1
            with contextlib.suppress(ConnectionRefusedError):
                await self._take(self.call(source=f"{HOST}:{self._next_port}"))
            await asyncio.sleep(CALL_AGAIN)

    async def _take(self, stream: Stream) -> None:
        """Read a connection to its end."""
        self.stream = stream
        self.connections += 1
        with contextlib.suppress(ConnectionResetError):
            while data := await stream.read():
                self.got += data
        stream.finish()
        self.stream = None

    async def _collect(self, box: Mailbox) -> None:
        while True:
            self.datagrams.append((await box.get())[0])

    # What the far side does

    def post(self) -> None:
        """Send LARGE."""
        stream = self.stream
        assert stream is not None
        self._far.append(asyncio.create_task(self._pour(stream, LARGE)))

    async def _pour(self, stream: Stream, data: bytes) -> None:
        with contextlib.suppress(ConnectionResetError):
            await stream.send(data)

    def post_datagrams(self) -> None:
        """Send five datagrams, one after the other."""
        self._far.append(asyncio.create_task(self._drip()))

    async def _drip(self) -> None:
        assert self.box is not None
        for data in DATAGRAMS:
            self.box.post(data, f"{CHIP}:{self.link.local_port}")
            await asyncio.sleep(0.1)

    def link_is_open(self) -> bool:
        """Whether both sides have the connection."""
        if not self.link.kind.is_stream:
            return self.phase(self.link.id) == "open"
        stream = self.stream
        return (
            self.phase(self.link.id) == "open"
            and stream is not None
            and not stream.broken
            and len(self.ether.links) == 1
        )


DATAGRAMS = tuple(LARGE[at : at + size] for at, size in ((0, 1), (1, 400), (401, 8), (409, 900)))


def _world(bench: Bench) -> World:
    assert isinstance(bench, World)
    return bench


def _got(bench: Bench) -> tuple[object, ...]:
    world = _world(bench)
    return tuple(world.got) if world.link.kind.is_stream else tuple(world.datagrams)


def _received(bench: Bench) -> tuple[object, ...]:
    data = [each.data for each in _world(bench).said.data]
    return tuple(b"".join(data)) if _world(bench).link.kind.is_stream else tuple(data)


def _nothing(_bench: Bench) -> tuple[object, ...]:
    return ()


def _breaks(bench: Bench) -> int:
    """How often a connection was lost."""
    return _world(bench).connections


def _at_rest(bench: Bench) -> bool:
    """While it runs the link's sockets alone are open; in the end none is."""
    world = _world(bench)
    return world.node_runs or world.open_sockets == []


async def _both_ways(bench: Bench) -> None:
    """Data flows, byte-exact, on a new connection or the old one."""
    world = _world(bench)
    fresh = random.Random(len(world.seen)).randbytes(700)  # noqa: S311 - a pattern
    before, heard = len(_got(bench)), len(_received(bench))
    result = await world.send(world.link.id, fresh, world.peer)
    assert result.value is not None, result
    if world.link.kind.is_stream:
        stream = world.stream
        assert stream is not None
        await stream.send(fresh[::-1])
        expected: tuple[object, ...] = tuple(fresh)
        answer: tuple[object, ...] = tuple(fresh[::-1])
    else:
        assert world.box is not None
        world.box.post(fresh[::-1], f"{CHIP}:{world.link.local_port}")
        expected, answer = (fresh,), (fresh[::-1],)
    await asyncio.sleep(3)
    assert _got(bench)[before:] == expected
    assert _received(bench)[heard:] == answer


def _said(bench: Bench, operation: Operation, result: Result) -> str:
    return f"after {result.ms} ms" if (result.ms or 0) > SEND_DEADLINE_MS else ""


# Operations. Waiting is for what comes too late to be wanted, and for what must not come.


def _operations(link: LinkSettings) -> tuple[Operation, ...]:
    key = f"link/{link.id}"
    stream = link.kind.is_stream
    whole = tuple if stream else lambda data: (data,)
    operations = [
        Operation("connect", _nothing, connects=True, waits=8),
        Operation(
            "send small",
            _got,
            whole(SMALL),
            (f"{key}/tx", SMALL),
            broken=_breaks if stream else None,
        ),
        Operation("close", _nothing, (), (f"{key}/set", "CLOSE"), undo=(f"{key}/set", "OPEN")),
        Operation("reset", _nothing, (), ("reset", "PRESS"), absent=True),
        Operation("dhcp", _nothing, (), ("dhcp", "PRESS")),
    ]
    if stream:
        operations += [
            Operation("send large", _got, tuple(LARGE), (f"{key}/tx", LARGE), broken=_breaks),
            Operation(
                "receive",
                _received,
                tuple(LARGE),
                act=lambda bench: _world(bench).post(),
                broken=_breaks,
                waits=8,
            ),
        ]
    else:
        operations.append(
            Operation(
                "receive",
                _received,
                DATAGRAMS,
                act=lambda bench: _world(bench).post_datagrams(),
                waits=8,
            )
        )
    return tuple(operations)


# Faults


def taken(count: int) -> Moment:
    """When the chip has taken the n-th command."""
    return Moment(CommandTaken, count)


def answered(count: int) -> Moment:
    """When the chip has answered the n-th command."""
    return Moment(Replied, count)


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
    operations = _operations(link)
    (after,) = (each for each in operations if each.name == "send small")
    return ChipCase(
        name=f"ch392 {name}",
        build=lambda seed: World(link, seed, spi=spi),
        operations=tuple(each for each in operations if each.name not in without),
        faults=faults,
        at_rest=_at_rest,
        ready=lambda bench: _world(bench).link_is_open(),
        tidy=(f"link/{link.id}/set", "OPEN"),
        afterwards=replace(after, waits=0.5),
        said=_said,
        moments=(),
        proof=_both_ways,
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
