"""The CH9329's row of the harness: what it does, and what can go wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.exceptions import Code
from chiplink.sim.events import ButtonChanged, HidReceived, KeyDown, KeyUp, PointerMoved, Wheel
from driver.driver_ch9329 import Ch9329Bench
from faults.fault_harness import (
    ChipCase,
    Demand,
    FaultCase,
    Operation,
    acknowledged,
    answer,
    command,
)

if TYPE_CHECKING:
    from chiplink.model import Result
    from driver.driver_bench import Bench

TEXT = "Aa bb\nC!"
FIRST_MODIFIER = 0xE0
PLACES = ((100, 200), (1919, 1079), (640, 480), (30, 31), (50, 51))


def _pc(bench: Bench):  # noqa: ANN202 - the simulated computer
    assert isinstance(bench, Ch9329Bench)
    return bench.pc


def _text(bench: Bench) -> tuple[object, ...]:
    return tuple(_pc(bench).text)


def _keys(bench: Bench) -> tuple[object, ...]:
    """Each key that went down, with the modifiers that were held then."""
    modifiers, pressed = 0, []
    for event in bench.seen:
        if isinstance(event, KeyDown | KeyUp):
            if event.usage >= FIRST_MODIFIER:
                modifiers ^= 1 << (event.usage - FIRST_MODIFIER)
            elif isinstance(event, KeyDown):
                pressed.append((modifiers, event.usage))
    return tuple(pressed)


def _moves(bench: Bench) -> tuple[object, ...]:
    return tuple((event.x, event.y) for event in bench.seen if isinstance(event, PointerMoved))


def _beside(place: tuple[int, int]) -> bool:
    """Whether this is next to a place of PLACES: there a driver may make sure of the last step."""
    near = (max(abs(place[0] - x), abs(place[1] - y)) for x, y in PLACES)
    return place not in PLACES and min(near) <= 2


def _path(bench: Bench) -> tuple[object, ...]:
    return tuple(place for place in _moves(bench) if not _beside(place))


def _wheel(bench: Bench) -> tuple[object, ...]:
    return tuple(event.delta for event in bench.seen if isinstance(event, Wheel))


def _hid(bench: Bench) -> tuple[object, ...]:
    return tuple(event.data for event in bench.seen if isinstance(event, HidReceived))


def _drag(bench: Bench) -> tuple[object, ...]:
    steps: list[object] = []
    for event in bench.seen:
        if isinstance(event, PointerMoved):
            if not _beside((event.x, event.y)):
                steps.append((event.x, event.y))
        elif isinstance(event, ButtonChanged):
            steps.append("down" if event.down else "up")
    return tuple(steps)


def _nothing(bench: Bench) -> tuple[object, ...]:
    """Of all that an operation without effect could do."""
    return (*_text(bench), *_moves(bench), *_wheel(bench), *_hid(bench), *_pc(bench).media_pressed)


# Usages by hand from the HID usage tables, page 07; reports from the document.
OPERATIONS = (
    Operation("type", _text, tuple("Aa bb\nC!"), ("type", TEXT)),
    Operation("secret", _text, tuple("Hunter2!"), ("type_secret", "desk")),
    Operation("chord", _keys, ((0x05, 0x4C), (0x00, 0x3E)), ("keys", "ctrl+alt+delete f5")),
    Operation("hold", _keys, ((0x02, 0x04), (0x02, 0x05)), ("keys", "+shift a b"), leaves=True),
    Operation("hold and let go", _keys, ((0x01, 0x06), (0x01, 0x19)), ("keys", "+ctrl c v -ctrl")),
    Operation(
        "path",
        _path,
        PLACES[:3],
        ("mouse", [{"to": [100, 200]}, {"to": [1919, 1079]}, {"to": [640, 480]}]),
    ),
    Operation(
        "move",
        _moves,
        ((827, 460), (954, 460), (1000, 460), (1005, 467), (992, 467)),
        ("mouse", [{"move": [300, -40]}, {"move": [5, 7]}, {"move": [-13, 0]}]),
        before=(("mouse", {"to": [700, 500]}),),
        repeatable=False,
    ),
    Operation("wheel", _wheel, (-127, -127, -46), ("mouse", {"scroll": -300}), repeatable=False),
    Operation(
        "click",
        lambda bench: tuple(_pc(bench).clicks),
        (("left", 300, 310), ("right", 300, 310)),
        ("mouse", [{"click": "left"}, {"click": "right"}]),
        before=(("mouse", {"to": [300, 310]}),),
    ),
    Operation(
        "drag",
        _drag,
        ("down", (30, 31), (50, 51), "up"),
        ("mouse", [{"press": "left"}, {"to": [30, 31]}, {"to": [50, 51]}, {"release": "left"}]),
        loose=lambda effect: tuple(step for step in effect if step != "up"),
    ),
    Operation(
        "media",
        lambda bench: tuple(_pc(bench).media_pressed),
        ("volume_up",),
        ("media", "volume_up"),
    ),
    Operation(
        "power", lambda bench: tuple(_pc(bench).acpi_pressed), ("sleep",), ("power", "sleep")
    ),
    Operation(
        "hid_out",
        _hid,
        (bytes(range(64)),),
        ("hid_out", bytes(range(64))),
        repeatable=False,
    ),
    Operation(
        "release_all",
        _nothing,
        (),
        ("release_all", "PRESS"),
        before=(("keys", "+ctrl +a"), ("mouse", {"press": "left"})),
    ),
    Operation("connect", _nothing, waits=30.0, connects=True),
    Operation("poll", _nothing, waits=25.0, before=(("keys", "f5"),)),
)

IN_BYTES = (1, 2, 3, 4, 5, 6, 8, 13, 14, 15, 19, 28)
OUT_BYTES = (1, 2, 3, 4, 5, 6, 7, 8, 12, 14)
MOMENTS = (command(1), answer(1), command(2), answer(2), command(3), answer(5))


def _line_faults() -> list[FaultCase]:
    rows = [
        FaultCase((f"{kind}-{way}=#{at}",), Demand.REPEATED)
        for way, places in (("in", IN_BYTES), ("out", OUT_BYTES))
        for kind in ("lose", "flip", "double")
        for at in places
    ]
    rows += [
        FaultCase((f"{kind}-{way}={chance}",), seeds=(1, 2, 3))
        for way in ("in", "out")
        for kind in ("lose", "double")
        for chance in ("0.5%", "3%", "15%")
    ]
    rows += [
        FaultCase((f"{fault}-{way}{argument}",), demand)
        for way in ("in", "out")
        for fault, argument, demand in (
            ("split", "", Demand.REPEATED),  # a long frame comes too late
            ("split", "=20%", Demand.DONE),
            ("split", "=30ms,#3", Demand.DONE),
            ("delay", "", Demand.DONE),
            ("delay", "=30%", Demand.DONE),
            ("delay", "=80ms,#2", Demand.DONE),
        )
    ]
    rows += [
        FaultCase((f"delay-{way}={late}",)) for way in ("in", "out") for late in ("200ms", "2s")
    ]
    rows.append(FaultCase(("lose-in=1%", "lose-out=1%", "split-out=20%", "delay-in=10%")))
    return rows


def _chip_faults() -> list[FaultCase]:
    rows = [
        FaultCase((f"{fault}={count}",), demand, moment)
        for fault in ("no-answer", "lost-answer")
        for count, demand in ((1, Demand.REPEATED), (2, Demand.TRUTH), (3, Demand.TRUTH))
        for moment in (None, answer(1))
    ]
    rows += [
        FaultCase((fault,), Demand.OFFLINE, moment)
        for fault in ("no-answer", "lost-answer")
        for moment in (None, *MOMENTS)
    ]
    rows += [
        FaultCase((f"error={status},{count}",), demand, moment)
        for status in ("E1", "E2", "E3", "E4", "E5", "E6")
        for count in (1, 3)
        for moment in (None, answer(1))
        for demand in ((Demand.DONE if status < "E5" and count == 1 else Demand.TRUTH),)
    ]
    rows += [FaultCase((f"error={status}",), moment=answer(2)) for status in ("E4", "E6")]
    rows += [FaultCase((), Demand.REPEATED, torn=torn) for torn in _TORN]
    rows += [FaultCase(("restart",), moment=moment) for moment in (None, *MOMENTS)]
    return rows


_TORN = (
    "57",
    "57 AB",
    "57 AB 00 05 05 01 00 F3",  # zeros complete it, and it moves the pointer
    "57 AB 00 02 08 00 00 04",
    "57 AB 00 06 40",
    "57 AB 00 06 40 01 02 03",
)


def _cable_faults() -> list[FaultCase]:
    rows = [
        FaultCase(("unplugged",), moment=moment, lasts=lasts, gaps=lasts is not None)
        for moment in (None, *MOMENTS)
        for lasts in (None, 0.02)
    ]
    rows += [FaultCase(("hangup",), Demand.OFFLINE, moment) for moment in (None, *MOMENTS)]
    rows += [FaultCase(("hangup",), moment=moment, lasts=0.01) for moment in MOMENTS]
    rows += [FaultCase(("hangup", "restart"), moment=command(2), lasts=7.0)]
    return rows


def _quirks() -> list[FaultCase]:
    always = (
        "unknown-fe",
        "unknown-silent",
        "long-params",
        "params-active",
        "split-reply",
        "overrun",
        "drop-torn",
        "baud-fallback",
        "slow-write",
        "lost-reset-ack",
        "first-e4",
    )
    rows = [FaultCase((quirk,), Demand.DONE) for quirk in always]
    rows += [FaultCase((f"lost-head=#{n}",), Demand.REPEATED) for n in (1, 2, 3)]
    rows += [FaultCase(("lost-head",)), FaultCase(("lost-head=20%",), seeds=(1, 2, 3))]
    rows += [
        FaultCase((quirk, "restart"), moment=moment)
        for quirk in ("first-e4", "baud-fallback")
        for moment in (command(1), answer(2))
    ]
    rows += [
        FaultCase((quirk, "lose-in=#4"), Demand.REPEATED)
        for quirk in ("drop-torn", "overrun", "split-reply", "unknown-fe")
    ]
    return rows


def _said(bench: Bench, operation: Operation, result: Result) -> str:
    """Compare the number of characters acknowledged with those on the screen."""
    count = acknowledged(result.detail)
    if count is None or operation.name != "type" or result.error is Code.OFFLINE:
        return ""
    typed = len(_pc(bench).text)
    return "" if count <= typed <= count + 1 else f"{result.detail}; {typed} were typed"


def _build(seed: int) -> Ch9329Bench:
    return Ch9329Bench(seed=seed)


CH9329 = ChipCase(
    name="ch9329",
    build=_build,
    operations=OPERATIONS,
    faults=tuple(_line_faults() + _chip_faults() + _cable_faults() + _quirks()),
    at_rest=lambda bench: not _pc(bench).anything_pressed,
    ready=lambda bench: bench.value("usb") is True,
    tidy=("release_all", "PRESS"),
    afterwards=Operation("type", _text, tuple("good again"), ("type", "good again")),
    said=_said,
    moments=MOMENTS,
    stops=(("cancel", "PRESS"), ("armed", False)),
    again=(("armed", True),),
)
