"""`chiplink probe`: what answers on a port, and what was tried where nothing does."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from cli_support import run_program

from chiplink.cli import probe_command
from chiplink.driver import modem_probe
from chiplink.driver.modem_probe import FoundModem
from chiplink.sim import Ch392Sim, Ch392Times, PtyLine
from chiplink.sim.ch9329_params import FACTORY, Parameters

if TYPE_CHECKING:
    from pathlib import Path

    from cli_support import Desk

    from chiplink.sim import Ch9329Sim


async def test_a_chip_is_found_at_its_rate(desk: Desk, sim: Ch9329Sim) -> None:
    sim.pc.toggle_light("caps")
    ended = await desk.run("probe", desk.line.path)
    assert ended.code == 0, ended
    lines = [line.strip() for line in ended.out.splitlines()]
    assert lines[0] == f"{desk.line.path}: CH9329"
    for line in (
        "answers at       9600 baud",
        "firmware         1.0",
        "computer         connected",
        "lights           caps",
        "serial mode      0: protocol (set by pins)",
        "product          'CH9329' (not shown to the computer)",
    ):
        assert line in lines
    assert desk.written == []


async def test_as_json(desk: Desk, sim: Ch9329Sim) -> None:
    sim.pc.unplug()
    found = json.loads((await desk.run("probe", desk.port, "--json")).out)
    assert found["port"] == desk.port
    assert (found["chip"], found["baud"], found["firmware"]) == ("ch9329", 9600, "1.0")
    assert found["computer"] is False
    assert found["strings"]["manufacturer"]["text"] == "WCH.CN"


async def test_what_was_tried_where_nothing_answers(desk: Desk, sim: Ch9329Sim) -> None:
    sim.faults.switch_on("no-answer")
    ended = await desk.run("probe", desk.port)
    assert ended.code == 1
    assert "nothing answers; tried: no CH9329 answers at 9600 baud" in ended.complaint
    assert ended.out == ""


async def test_nothing_as_json(desk: Desk, sim: Ch9329Sim) -> None:
    sim.core.active.parameters = Parameters(FACTORY[:1] + b"\x82" + FACTORY[2:])
    ended = await desk.run("probe", desk.port, "--json")
    assert ended.code == 1
    content = json.loads(ended.out)
    assert content["chip"] is None
    tried = content["tried"]
    assert len(tried) == len(probe_command.PROBES)
    assert "SET pin is low" in tried[0]
    assert "no CH392 answers" in tried[1]


async def test_a_ch392(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found where a CH9329 was looked for in vain; before its INIT it knows no cable."""
    chip = Ch392Sim(times=Ch392Times.instant())
    try:
        async with PtyLine(chip, link=tmp_path / "lan") as line:
            port = f"{line.path}?baud=9600"
            ended = await run_program(capsys, "probe", port, "--json")
    finally:
        chip.close()
    assert ended.code == 0, ended
    assert json.loads(ended.out) == {
        "port": port,
        "chip": "ch392",
        "baud": 9600,
        "firmware": "01h",
        "mac": "84:c2:e4:00:03:92",
        "phy": "disconnected",
        "ip": str(IPv4Address(0)),
    }


async def test_other_chips_join_by_a_row(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_url: object, _text: str, tried: list[str]) -> None:
        tried.append("no CHX answers")

    async def there(_url: object, _text: str, _tried: list[str]) -> probe_command.Description:
        return probe_command.Description(["  is there"], {"chip": "chy"})

    rows = (
        probe_command.Probe("ch9329", "CHX", silent),
        probe_command.Probe("ch9329", "CHY", there),
    )
    monkeypatch.setattr(probe_command, "PROBES", rows)
    ended = await desk.run("probe", desk.port)
    assert (ended.code, ended.out) == (0, f"{desk.port}: CHY\n  is there\n")
    monkeypatch.setattr(probe_command, "PROBES", rows[:1] * 2)
    assert "no CHX answers; no CHX answers" in (await desk.run("probe", desk.port)).complaint


async def test_what_a_modem_says_of_itself_controls_no_terminal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(_port: object) -> FoundModem:
        return FoundModem("", 9600, "G\x9b2J\x1b[2J")

    monkeypatch.setattr(modem_probe, "find", find)
    monkeypatch.setattr(probe_command, "PROBES", probe_command.PROBES[-1:])
    ended = await desk.run("probe", desk.port)
    assert "  it says   G�2J�[2J\n" in ended.out


@pytest.mark.parametrize(
    ("port", "code"),
    [("ttyUSB0", 2), ("http://x", 2), ("/dev/x?baud=fast", 2), ("/nonexistent/port", 1)],
)
async def test_a_port_that_is_none(desk: Desk, port: str, code: int) -> None:
    ended = await desk.run("probe", port)
    assert ended.code == code
    assert ended.complaint


async def test_arguments(desk: Desk, tmp_path: Path) -> None:
    assert (await desk.run("probe")).code == 2
    assert (await desk.run("probe", str(tmp_path), "--xml")).code == 2
    shown = await desk.run("probe", "--help")
    assert shown.code == 0
    assert "ASCII mode types" in " ".join(shown.out.split())
