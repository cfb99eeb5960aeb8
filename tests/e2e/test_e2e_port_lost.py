"""The serial adapter: pulled out in the middle, missing at the start, put in again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from e2e_house import KVM, ROOT, House, running_bridge, tables
from e2e_waiting import until

from chiplink.sim import Ch9329Sim, PtyLine

if TYPE_CHECKING:
    from pathlib import Path

    from e2e_observer import Observer

    from chiplink.demo.broker import OwnBroker

TEXT = "The cable is about to go. " * 40


async def test_pulled_out_in_the_middle_of_a_text(home: House) -> None:
    name = await home.send("type", TEXT)
    waiting = await home.send("type", "never")
    await home.typed(10)
    home.line.hang_up()
    result = await home.observer.final(name)
    assert (result["phase"], result["error"]) == ("failed", "unknown")
    told = re.search(r"(\d+) of (\d+) characters", result["detail"])
    assert told is not None
    assert int(told[1]) <= len(home.text) <= int(told[1]) + 1
    assert (await home.observer.final(waiting))["error"] == "offline"
    await home.observer.sees(f"{KVM}/availability", "offline")
    assert home.observer.latest[f"{KVM}/last_error"]
    typed = home.text
    home.line.reopen()
    await home.observer.sees(f"{KVM}/availability", "online")
    await home.observer.sees(f"{KVM}/last_error", "")
    await home.done("release_all", "PRESS")
    assert home.text == typed
    await home.done("type", ".")
    assert home.text == typed + "."
    assert home.observer.latest[f"{ROOT}/status"] == b"online"


async def test_keys_held_when_it_was_pulled_are_let_go_when_it_is_back(home: House) -> None:
    await home.observer.final(await home.send("keys", "+ctrl +a"))
    home.line.hang_up()
    await home.observer.sees(f"{KVM}/availability", "offline")
    assert home.sim.pc.anything_pressed
    home.line.reopen()
    await home.observer.sees(f"{KVM}/availability", "online")
    await home.done("type", "x")
    assert home.text == "x"


async def test_a_chip_without_power_and_back(home: House) -> None:
    name = await home.send("type", TEXT)
    await home.typed(10)
    home.sim.faults.switch_on("no-answer")
    result = await home.observer.final(name)
    assert result["phase"] == "failed"
    assert result["error"] in ("unknown", "timeout")
    await home.observer.sees(f"{KVM}/availability", "offline")
    assert b"powered" in home.observer.latest[f"{KVM}/last_error"]
    home.sim.faults.switch_off("no-answer")
    await home.observer.sees(f"{KVM}/availability", "online")
    await home.done("release_all", "PRESS")
    await home.done("type", ".")


async def test_no_port_at_the_start_and_one_later(
    broker: OwnBroker, observer: Observer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link = tmp_path / "later"
    async with running_bridge(tables(broker.url, link)) as bridge:
        await observer.sees(f"{KVM}/availability", "offline")
        await observer.sees(
            f"{KVM}/last_error",
            f"{link}: no such port; is the cable plugged in? `chiplink ports` lists what there is",
        )
        await observer.sees(f"{ROOT}/status", "online")
        await observer.publish(f"{KVM}/type/set/early", "abc")
        assert (await observer.final("early"))["error"] == "offline"
        sim = Ch9329Sim()
        async with PtyLine(sim, link=link) as line:
            home = House(sim, line, observer, bridge)
            await home.online()
            await observer.sees(f"{KVM}/last_error", "")
            await home.done("type", "here")
            assert home.text == "here"
        sim.close()
    assert len([r for r in caplog.records if "no such port" in r.getMessage()]) <= 1
    assert not [r for r in caplog.records if r.exc_info]


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_port_that_is_none_is_told(
    broker: OwnBroker, observer: Observer, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "port"
    if what == "file":
        path.write_text("")
    else:
        path.mkdir()
    async with running_bridge(tables(broker.url, path)):
        await observer.sees(f"{KVM}/availability", "offline")
        await observer.sees(f"{ROOT}/status", "online")
        words = "not a serial port" if what == "file" else str(path)
        error = await until(lambda: observer.latest.get(f"{KVM}/last_error"))
        assert words in error.decode()
