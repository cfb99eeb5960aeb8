"""Configurations of older versions, with a step made up to prove the mechanism."""

from __future__ import annotations

from typing import Any

import pytest

from chiplink.exceptions import ConfigError
from chiplink.migration import STEPS, VERSION, migrate


def rename_keyboard(tables: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """From 1 to 2: [keyboard.NAME] is called [device.NAME], and its chip was understood."""
    devices = tables.pop("keyboard", {})
    for name, device in devices.items():
        if "lang" in device:
            problems.append(f"keyboard.{name}.lang: no longer known; write layout")
        device.setdefault("chip", "ch9329")
    return {**tables, "device": devices}


def split_broker(tables: dict[str, Any], _problems: list[str]) -> dict[str, Any]:
    """From 2 to 3: broker = "host" became a table."""
    host = tables.pop("broker")
    return {**tables, "mqtt": {"url": f"mqtt://{host}"}}


OLD_STEPS = {1: rename_keyboard, 2: split_broker}
OLD = {"broker": "there", "keyboard": {"kvm": {"port": "/dev/ttyUSB0"}}}
NEW = {
    "mqtt": {"url": "mqtt://there"},
    "device": {"kvm": {"port": "/dev/ttyUSB0", "chip": "ch9329"}},
}


def test_every_step_is_there() -> None:
    assert set(STEPS) == set(range(1, VERSION))


@pytest.mark.parametrize("tables", [{}, {"version": VERSION}])
def test_this_version_stays_as_it_is(tables: dict[str, Any]) -> None:
    problems: list[str] = []
    assert migrate({**tables, "node": {"id": "cellar"}}, problems) == {"node": {"id": "cellar"}}
    assert problems == []


@pytest.mark.parametrize("old", [OLD, {"version": 1, **OLD}])
def test_an_old_one_is_led_through_every_step(old: dict[str, Any]) -> None:
    problems: list[str] = []
    assert migrate(old, problems, steps=OLD_STEPS, newest=3) == NEW
    assert problems == []
    assert old["keyboard"] == {"kvm": {"port": "/dev/ttyUSB0"}}


def test_one_in_between_skips_what_it_has_behind_it() -> None:
    old = {"version": 2, "broker": "there", "device": NEW["device"]}
    assert migrate(old, [], steps=OLD_STEPS, newest=3) == NEW


def test_a_step_may_find_fault() -> None:
    problems: list[str] = []
    old = {**OLD, "keyboard": {"kvm": {"lang": "de"}}}
    migrate(old, problems, steps=OLD_STEPS, newest=3)
    assert problems == ["keyboard.kvm.lang: no longer known; write layout"]


def test_a_version_of_thousands_of_digits_is_of_the_future_too() -> None:
    problems: list[str] = []
    migrate({"version": 10**5000}, problems)
    assert problems == ["version: it is newer than this chiplink reads (1); update chiplink"]


def test_tables_within_tables_without_end_are_refused() -> None:
    tables: dict[str, Any] = {}
    for _level in range(2000):
        tables = {"a": tables}
    with pytest.raises(ConfigError, match="nested too deeply"):
        migrate(tables, [])


def test_one_of_the_future_is_refused_in_one_line() -> None:
    problems: list[str] = []
    assert migrate({"version": 7, "node": {}}, problems) == {"node": {}}
    assert problems == ["version: 7 is newer than this chiplink reads (1); update chiplink"]


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None, {}])
def test_what_is_no_version(version: object) -> None:
    problems: list[str] = []
    migrate({"version": version}, problems)
    assert problems == ["version: this is none; write version = 1, or leave it out"]
