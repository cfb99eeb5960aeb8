"""The switch in front of all key presses."""

from __future__ import annotations

import asyncio

import pytest

from chiplink.driver.arming import ArmedMode, Arming
from chiplink.exceptions import Code, DisarmedError, NotAllowedError
from driver.driver_ch9329 import Ch9329Bench
from driver.virtual_clock import virtual


@pytest.mark.parametrize(
    ("mode", "armed"),
    [(ArmedMode.MANUAL, False), (ArmedMode.ALWAYS, True), (ArmedMode.NEVER, False)],
)
def test_how_it_starts(mode: ArmedMode, armed: bool) -> None:  # noqa: FBT001
    arming = Arming(mode, lambda _armed: None)
    assert arming.armed is armed
    if armed:
        arming.check()
    else:
        with pytest.raises(DisarmedError):
            arming.check()


@virtual
async def test_on_and_off_is_told_once() -> None:
    told: list[bool] = []
    arming = Arming(ArmedMode.MANUAL, told.append)
    arming.arm(secure=True)
    arming.arm(secure=True)
    arming.check()
    arming.disarm()
    arming.disarm()
    assert told == [True, False]


@virtual
async def test_never() -> None:
    arming = Arming(ArmedMode.NEVER, lambda _armed: None)
    with pytest.raises(NotAllowedError, match="never"):
        arming.arm(secure=True)
    assert not arming.armed


@virtual
async def test_only_over_what_is_secure() -> None:
    arming = Arming(ArmedMode.MANUAL, lambda _armed: None)
    with pytest.raises(NotAllowedError, match="allow_plain"):
        arming.arm(secure=False)
    assert not arming.armed
    arming.arm(secure=True)
    arming.disarm()
    assert not arming.armed


@virtual
async def test_it_switches_itself_off() -> None:
    told: list[bool] = []
    arming = Arming(ArmedMode.MANUAL, told.append, disarm_after=60)
    arming.arm(secure=True)
    await asyncio.sleep(59)
    arming.arm(secure=True)  # counts anew
    await asyncio.sleep(59)
    assert arming.armed
    await asyncio.sleep(2)
    assert not arming.armed
    assert told == [True, False]


@virtual
async def test_what_starts_on_switches_itself_off_too() -> None:
    async with Ch9329Bench(armed=ArmedMode.ALWAYS, disarm_after=60).running() as bench:
        assert bench.value("armed") is True
        await asyncio.sleep(61)
        assert bench.value("armed") is False
        assert (await bench.do("type", "a")).error is Code.DISARMED


@virtual
async def test_a_refused_arming_does_not_prolong() -> None:
    arming = Arming(ArmedMode.MANUAL, lambda _armed: None, disarm_after=60)
    arming.arm(secure=True)
    await asyncio.sleep(59)
    with pytest.raises(NotAllowedError):
        arming.arm(secure=False)
    await asyncio.sleep(2)
    assert not arming.armed


@pytest.mark.parametrize("end", ["disarm", "close"])
@virtual
async def test_no_timer_is_left(end: str) -> None:
    told: list[bool] = []
    arming = Arming(ArmedMode.MANUAL, told.append, disarm_after=60)
    arming.arm(secure=True)
    getattr(arming, end)()
    await asyncio.sleep(61)
    assert told == ([True, False] if end == "disarm" else [True])


@virtual
async def test_armed_again_the_old_timer_is_forgotten() -> None:
    arming = Arming(ArmedMode.MANUAL, lambda _armed: None, disarm_after=60)
    arming.arm(secure=True)
    await asyncio.sleep(30)
    arming.disarm()
    arming.arm(secure=True)
    await asyncio.sleep(40)
    assert arming.armed
    arming.close()
