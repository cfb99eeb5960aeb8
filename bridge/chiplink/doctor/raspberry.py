"""A Raspberry Pi's own UART: switched on, and not Bluetooth's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")

_UART = re.compile(r"/dev/(serial[01]|ttyAMA[0-9]+|ttyS0)")


def settings(context: Context) -> tuple[str, list[str]]:
    """Return the path of config.txt and its lines without comments."""
    for path in CONFIGS:
        if text := context.text(path):
            lines = (line.partition("#")[0].replace(" ", "") for line in text.splitlines())
            return path, [line for line in lines if line]
    return CONFIGS[0], []


def check(context: Context) -> list[Finding]:
    """Look at the UART if a device is on it and this is a Pi."""
    places = [place for place in context.serial_places if _UART.fullmatch(place.path)]
    if not context.is_pi or not places:
        return []
    path, lines = settings(context)
    found: list[Finding] = []
    for place in places:
        if _is_bluetooths(context, place.path):
            found.append(
                fail(
                    f"{place.key}: Bluetooth uses {place.path}",
                    'port = "/dev/serial0", or give the UART back:'
                    f" echo dtoverlay=disable-bt | sudo tee -a {path}, then restart",
                )
            )
        elif not context.at(place.path).exists() and not _is_on(lines):
            found.append(
                fail(
                    f"{place.key}: the UART is off: {path} has no enable_uart=1",
                    "sudo raspi-config nonint do_serial_hw 0, then restart",
                )
            )
        elif not _is_on(lines):
            found.append(
                warn(
                    f"{place.key}: {path} has no enable_uart=1: the rate may change with the load",
                    "sudo raspi-config nonint do_serial_hw 0, then restart",
                )
            )
    return found or [ok("the Raspberry Pi's UART is on and not Bluetooth's")]


def _is_on(lines: list[str]) -> bool:
    said = [line for line in lines if line.startswith(("enable_uart=", "dtparam=uart0="))]
    return bool(said) and said[-1].rpartition("=")[2] in ("1", "on")


def _is_bluetooths(context: Context, path: str) -> bool:
    """Whether serial1, Bluetooth's name for its UART, or the kernel's driver has it."""
    real = context.real(path)
    if context.at("/dev/serial1").is_symlink() and context.real("/dev/serial1") == real:
        return path != "/dev/serial0"
    devices = context.at("/sys/bus/serial/devices")
    is_held = any((one / "bluetooth").exists() for one in devices.glob("serial*"))
    return is_held and Path(path).name == "ttyAMA0" and not context.at(path).exists()
