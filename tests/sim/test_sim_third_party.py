"""Programs of others, as they are, on the simulated port: ch9329Comm and pych9329-hid."""

import asyncio
import importlib
import sys
import types
import warnings
from pathlib import Path

import pych9329_hid
import pytest
import serial
from sim_support import until

from chiplink.sim import Ch9329Sim, PtyLine


@pytest.fixture
def comm(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    # It imports a screen grabber and numpy for functions that need a screen; none is here.
    for name in ("pyautogui", "numpy"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    return importlib.import_module("ch9329Comm")


def opened(port: serial.Serial) -> types.SimpleNamespace:
    """What ch9329Comm wants: something with a `ser`."""
    return types.SimpleNamespace(ser=port)


async def test_ch9329comm_types(sim: Ch9329Sim, comm: types.ModuleType) -> None:
    def hello(path: str) -> None:
        with serial.Serial(path, 9600) as port:
            keyboard = comm.keyboard.DataComm()
            for letter in "HELLOWORLD":
                keyboard.send_data(letter * 2, port=opened(port))
                keyboard.send_data("", port=opened(port))
            keyboard.send_data("AABBCC", "L_SHIFT", port=opened(port))
            keyboard.send_data("", 0x03, port=opened(port))

    async with PtyLine(sim) as line:
        await asyncio.to_thread(hello, line.path)
        await until(sim, lambda: sim.pc.modifiers == 0x03)
    assert sim.pc.text == "helloworldABC"
    assert not sim.pc.keys_down


async def test_ch9329comm_moves_and_clicks(sim: Ch9329Sim, comm: types.ModuleType) -> None:
    def work(path: str) -> None:
        with serial.Serial(path, 9600) as port:
            mouse = comm.mouse.DataComm(1920, 1080)
            mouse.send_data_absolute(960, 540, port=opened(port))
            # Its y counts upwards.
            mouse.send_data_relatively(-100, 50, port=opened(port))
            mouse.click(port=opened(port))

    async with PtyLine(sim) as line:
        await asyncio.to_thread(work, line.path)
        await until(sim, lambda: sim.pc.clicks)
    assert sim.pc.clicks == [("left", 860, 490)]


async def test_pych9329_hid_keys_and_mouse(sim: Ch9329Sim) -> None:
    sim.pc.mouse.linux = False  # it clicks by absolute reports

    def work(path: str) -> None:
        with pych9329_hid.SerialTransport(path) as transport:
            hid = pych9329_hid.HIDController(transport, 1920, 1080)
            hid.keypress_hold_time = 0
            hid.write("Hello, World! #42\n")
            hid.hotkey("ctrl", "a")
            hid.click(960, 540)
            hid.scroll(-2)

    async with PtyLine(sim) as line:
        await asyncio.to_thread(work, line.path)
    assert sim.pc.text == "Hello, World! #42\n"
    assert sim.pc.clicks == [("left", 960, 540)]
    assert sim.pc.wheel == -6
    assert not sim.pc.anything_pressed


async def test_pych9329_hid_clicks_do_not_reach_a_linux_host(sim: Ch9329Sim) -> None:
    def work(path: str) -> None:
        with pych9329_hid.SerialTransport(path) as transport:
            hid = pych9329_hid.HIDController(transport, 1920, 1080)
            hid.keypress_hold_time = 0
            hid.click(960, 540)

    async with PtyLine(sim) as line:
        await asyncio.to_thread(work, line.path)
    assert sim.pc.pointer == (960, 540)
    assert sim.pc.clicks == []


async def test_pych9329_hid_parameters_and_strings(sim: Ch9329Sim) -> None:
    def configure(path: str) -> None:
        with pych9329_hid.SerialTransport(path) as transport:
            chip = pych9329_hid.CH9329(transport)
            config = chip.get_config()
            assert (config.chip_mode, config.baudrate, config.packet_interval) == (0x80, 9600, 3)
            config.chip_mode = config.serial_mode = 0
            config.baudrate = 115200
            config.custom_descriptor_enable = (False, True, False)
            assert chip.set_config(config)
            assert chip.get_usb_descriptor(1) == "CH9329"
            assert chip.set_usb_descriptor(1, "A keyboard")
            assert chip.get_usb_descriptor(1) == "A keyboard"
            assert chip.chip_reset()

    def check(path: str) -> tuple[int, int]:
        with pych9329_hid.SerialTransport(path, 115200) as transport:
            config = pych9329_hid.CH9329(transport).get_config()
            return config.chip_mode, config.baudrate

    async with PtyLine(sim) as line:
        await asyncio.to_thread(configure, line.path)
        await until(sim, lambda: sim.running and sim.pc.enumerated)
        assert sim.pc.identity.product == "A keyboard"
        assert await asyncio.to_thread(check, line.path) == (0, 115200)


async def test_pych9329_hid_meets_the_refusal_of_pin_set_modes(sim: Ch9329Sim) -> None:
    def write_back(path: str) -> tuple[bool, str]:
        with (
            pych9329_hid.SerialTransport(path) as transport,
            warnings.catch_warnings(record=True) as seen,
        ):
            warnings.simplefilter("always")
            chip = pych9329_hid.CH9329(transport)
            done = chip.set_config(chip.get_config())
            return done, str(seen[0].message)

    async with PtyLine(sim) as line:
        done, warning = await asyncio.to_thread(write_back, line.path)
    assert not done
    assert "0xE5" in warning


async def test_pych9329_hid_at_the_wrong_speed_gets_nothing(sim: Ch9329Sim, tmp_path: Path) -> None:
    def work(path: str) -> object:
        with (
            pych9329_hid.SerialTransport(path, 115200) as transport,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            return pych9329_hid.CH9329(transport).get_config()

    async with PtyLine(sim, link=tmp_path / "kvm") as line:
        assert await asyncio.to_thread(work, line.path) is None
