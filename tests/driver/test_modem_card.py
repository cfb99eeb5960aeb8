"""The SIM's PIN: tried once, on disk before, never again until it or the card is another."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from driver_modem import EVERY, ModemBench, bench
from modem_script import Script, lined, turns
from virtual_clock import virtual

from chiplink.driver import modem_card as card
from chiplink.exceptions import OfflineError, ProbeError, RefusedError
from chiplink.sim.modem_events import LineTaken
from chiplink.state import StateFile

if TYPE_CHECKING:
    from pathlib import Path

    from chiplink.sim.events import Event
    from chiplink.sim.modem import ModemSim

HAS_TRIES = pytest.mark.parametrize("chip", ["sim800", "sim7028"])


def locked(sim: ModemSim) -> None:
    sim.card.lock()


def tries_of(path: Path, heard: list[bool]) -> Any:
    """Look, at each PIN, whether the try was on disk by then."""

    def prepare(sim: ModemSim) -> None:
        def hear(event: Event) -> None:
            if isinstance(event, LineTaken) and event.text.startswith("AT+CPIN="):
                heard.append(path.exists() and "pin_try" in path.read_text())

        sim.observe(hear)
        sim.card.lock()

    return prepare


async def stuck(at: ModemBench, words: str) -> None:
    await at.until(lambda: words in str(at.states.get("last_error", "")))
    assert words in at.stack.obstacle


@pytest.mark.parametrize("chip", EVERY)
async def test_the_right_pin(chip: str, tmp_path: Path) -> None:
    path, heard = tmp_path / "node.json", []
    memory = StateFile(path).section("cell")
    prepare = tries_of(path, heard)
    async with bench(chip, pin="1234", memory=memory, prepare=prepare) as at:
        assert at.states["sim"] == "ready"
        assert at.states.get("last_error", "") == ""
        assert heard == [True]
        assert "pin_try" not in path.read_text()
        # Another start asks again, and the PIN is known to be right.
        at.sim.restart("by itself")
        await at.until(lambda: at.states["restarts"] == 1)
        await at.ready()
        assert heard == [True, True]


@pytest.mark.parametrize("chip", EVERY)
async def test_a_wrong_pin_is_tried_once_over_restarts_of_everything(
    chip: str, tmp_path: Path
) -> None:
    path, heard = tmp_path / "node.json", []
    for _program in range(3):
        memory = StateFile(path).section("cell")
        async with bench(
            chip, pin="9999", memory=memory, prepare=tries_of(path, heard), ready=False
        ) as at:
            await stuck(at, "the SIM's PIN")
            at.sim.restart("by itself")
            await at.until(lambda at=at: at.offline)
            await stuck(at, "the SIM's PIN")
            assert at.states["sim"] == "pin"
    assert heard == [True]
    assert "9999" not in path.read_text()


async def test_another_pin_is_tried(tmp_path: Path) -> None:
    path, heard = tmp_path / "node.json", []
    for pin in ("9999", "1234"):
        memory = StateFile(path).section("cell")
        async with bench(
            "sim800", pin=pin, memory=memory, prepare=tries_of(path, heard), ready=False
        ) as at:
            if pin == "9999":
                await stuck(at, "is wrong")
            else:
                await at.ready()
    assert heard == [True, True]


@HAS_TRIES
async def test_the_last_tries_are_a_persons(chip: str, tmp_path: Path) -> None:
    heard: list[bool] = []

    def prepare(sim: ModemSim) -> None:
        sim.card.pin_tries = 1
        tries_of(tmp_path, heard)(sim)

    memory = StateFile(tmp_path / "node.json").section("cell")
    async with bench(chip, pin="1234", memory=memory, prepare=prepare, ready=False) as at:
        await stuck(at, "1 try is left")
    assert heard == []


async def test_what_cannot_be_recorded_is_not_tried(tmp_path: Path) -> None:
    heard: list[bool] = []
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "node.json"
    memory = StateFile(path).section("cell")
    prepare = tries_of(tmp_path / "none", heard)
    async with bench("sim800", pin="1234", memory=memory, prepare=prepare, ready=False) as at:
        await stuck(at, "cannot be written to disk")
    assert heard == []


async def test_a_lost_answer_is_settled_by_the_card_itself(tmp_path: Path) -> None:
    path, heard = tmp_path / "node.json", []

    def prepare(sim: ModemSim) -> None:
        tries_of(path, heard)(sim)
        sim.faults.switch_on("lost-answer=1,cpin")

    memory = StateFile(path).section("cell")
    async with bench("sim800", pin="1234", memory=memory, prepare=prepare) as at:
        assert at.states["sim"] == "ready"
    assert "pin_try" not in path.read_text()


@virtual
async def test_a_pin_that_was_never_sent_was_not_tried() -> None:
    number = "\r\n8986001234567890123\r\n\r\nOK\r\n"
    told = await lined(Script({"AT+CCID": [number], "AT+SPIC": [""]}))
    memory: dict[str, Any] = {}
    unlocking = asyncio.create_task(card.unlock(told.line, "1234", "SPIC", memory))
    await turns(30)
    told.line.give_up(ProbeError("unplugged"))
    with pytest.raises(OfflineError):
        await unlocking
    assert memory == {}
    assert told.script.heard == [b"AT+CCID\r", b"AT+SPIC\r"]
    await told.line.close()


@pytest.mark.parametrize("chip", EVERY)
async def test_no_pin_is_known(chip: str) -> None:
    async with bench(chip, prepare=locked, ready=False) as at:
        await stuck(at, "set pin_file")
        assert at.states["sim"] == "pin"


async def test_a_puk_is_for_a_telephone() -> None:
    def prepare(sim: ModemSim) -> None:
        sim.card.pin_tries = 0

    async with bench("sim800", pin="1234", prepare=prepare, ready=False) as at:
        await stuck(at, "PUK")
        assert at.states["sim"] == "puk"


@pytest.mark.parametrize("chip", EVERY)
async def test_no_card_and_then_one(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chiplink.driver.modem_network.SEARCH_POLL", 0.02)
    async with bench(chip, faults=("sim-missing",), ready=False) as at:
        await stuck(at, "no SIM card")
        assert at.states["sim"] == "missing"
        at.sim.faults.switch_off("sim-missing")
        await at.ready()


class TestRecord:
    def test_the_same_pin_on_another_card(self) -> None:
        memory: dict[str, Any] = {}
        card.note(memory, "8986001", "1234")
        assert card.refusal(memory, "8986001", "1234")
        assert card.refusal(memory, "", "1234")
        assert not card.refusal(memory, "8986002", "1234")
        assert not card.refusal(memory, "8986001", "4321")

    def test_a_card_that_was_not_known(self) -> None:
        memory: dict[str, Any] = {}
        card.note(memory, "", "1234")
        assert card.refusal(memory, "8986001", "1234")

    def test_it_holds_no_pin(self) -> None:
        memory: dict[str, Any] = {}
        card.note(memory, "8986001", "1234")
        assert "1234" not in json.dumps(memory).replace(memory["pin_try"]["salt"], "").replace(
            memory["pin_try"]["hash"], ""
        )

    def test_a_state_that_keeps_nothing(self) -> None:
        with pytest.raises(RefusedError, match="disk"):
            card.note(StateFile(None).section("cell"), "", "1234")

    @pytest.mark.parametrize("record", [None, 5, {}, {"card": 1, "salt": [], "hash": None}])
    def test_a_record_that_is_none(self, record: object) -> None:
        assert card.refusal({"pin_try": record}, "", "1234") == ""
