"""Programs of others against `chiplink sim ch9329`, judged by what the simulator logs."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import pych9329_hid
import pytest
import pytest_asyncio
import serial
from e2e_program import Program, simulator
from e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def link(tmp_path: Path) -> str:
    return str(tmp_path / "chip")


@pytest_asyncio.fixture
async def chip(tmp_path: Path) -> AsyncIterator[Program]:
    async with simulator(tmp_path / "chip") as program:
        yield program


@pytest.fixture
def comm(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    # It imports a screen grabber and numpy for functions that need a screen; none is here.
    for name in ("pyautogui", "numpy"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    return importlib.import_module("ch9329Comm")


def events(chip: Program, name: str) -> list[Any]:
    lines = [json.loads(line) for line in chip.lines if line.startswith("{")]
    return [event for event in lines if event["event"] == name]


def screen(chip: Program) -> str:
    text = ""
    for event in events(chip, "text"):
        text = text[: len(text) - event["removed"]] + event["added"]
    return text


def held(chip: Program) -> int:
    return len(events(chip, "key_down")) - len(events(chip, "key_up"))


def frames(chip: Program, problem: str = "") -> int:
    return sum(event["problem"] == problem for event in events(chip, "frame"))


async def test_ch9329comm_types(chip: Program, link: str, comm: types.ModuleType) -> None:
    def work() -> None:
        with serial.Serial(link, 9600) as port:
            opened = types.SimpleNamespace(ser=port)
            keyboard = comm.keyboard.DataComm()
            for letter in "HELLO":
                keyboard.send_data(letter * 2, port=opened)
                keyboard.send_data("", port=opened)
            keyboard.send_data("WWOO", "L_SHIFT", port=opened)
            keyboard.send_data("", port=opened)

    await asyncio.to_thread(work)
    await until(lambda: screen(chip) == "helloWO" and not held(chip), lambda: chip.lines)
    await until(lambda: len(events(chip, "reply")) == frames(chip) == 12, lambda: chip.lines)


async def test_ch9329comm_moves_and_clicks(
    chip: Program, link: str, comm: types.ModuleType
) -> None:
    def work() -> None:
        with serial.Serial(link, 9600) as port:
            opened = types.SimpleNamespace(ser=port)
            mouse = comm.mouse.DataComm(1920, 1080)
            mouse.send_data_absolute(960, 540, port=opened)
            mouse.click(port=opened)

    await asyncio.to_thread(work)
    await until(lambda: events(chip, "click"), lambda: chip.lines)
    (click,) = events(chip, "click")
    assert (click["name"], click["x"], click["y"]) == ("left", 960, 540)
    assert not events(chip, "dropped")


async def test_pych9329_hid_types(chip: Program, link: str) -> None:
    def work() -> None:
        with pych9329_hid.SerialTransport(link) as transport:
            hid = pych9329_hid.HIDController(transport, 1920, 1080)
            hid.keypress_hold_time = 0
            hid.write("Hello, World! #42\n")
            hid.hotkey("ctrl", "a")
            hid.scroll(-2)

    await asyncio.to_thread(work)
    await until(lambda: events(chip, "wheel"), lambda: chip.lines)
    await until(lambda: not held(chip))
    assert screen(chip) == "Hello, World! #42\n"
    assert sum(event["delta"] for event in events(chip, "wheel")) == -6
    assert frames(chip) == len(events(chip, "frame"))


async def test_pych9329_hid_reads_the_settings(chip: Program, link: str) -> None:
    def work() -> tuple[int, int, str | None]:
        with pych9329_hid.SerialTransport(link) as transport:
            device = pych9329_hid.CH9329(transport)
            config = device.get_config()
            return config.baudrate, config.packet_interval, device.get_usb_descriptor(1)

    assert await asyncio.to_thread(work) == (9600, 3, "CH9329")
    names = [event["name"] for event in events(chip, "frame")]
    await until(lambda: len(events(chip, "reply")) >= 2)
    assert names == ["CMD_GET_PARA_CFG", "CMD_GET_USB_STRING"]
