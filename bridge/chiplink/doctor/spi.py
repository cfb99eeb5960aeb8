"""SPI and INT#: switched on, permitted, with large enough buffers, and gpiod for the pin."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok
from chiplink.doctor.ports import permission
from chiplink.doctor.raspberry import settings

if TYPE_CHECKING:
    from chiplink.doctor.context import Context, Place

BUFSIZ = "/sys/module/spidev/parameters/bufsiz"
LEAST_BUFSIZ = 2048
"""Bytes: a whole datagram passes in one transfer."""

CMDLINES = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")

_INTERRUPT = re.compile(r"(?:/dev/)?(gpiochip[0-9]+):[0-9]+")
_ON = ("dtparam=spi=on", "dtparam=spi")


def check(context: Context) -> list[Finding]:
    """Look at every device on SPI, and at every INT#."""
    places = [place for place in context.places if place.scheme == "spi"]
    found = [finding for place in places for finding in _device(context, place)]
    if places:
        found += _buffers(context)
    wired = [place for place in context.places if _is_wired(context, place)]
    found += [finding for place in wired for finding in _interrupt(context, place)]
    if wired and not context.has_gpiod:
        fix = f"pip --python {sys.executable} install 'gpiod>=2.1'"
        found.append(fail("INT# is wired and gpiod is not there", fix))
    return found or ([ok("SPI is on and permitted")] if places else [])


def _device(context: Context, place: Place) -> list[Finding]:
    if context.at(place.path).exists():
        return permission(context, place, place.path)
    return [_missing(context, place)]


def _is_wired(context: Context, place: Place) -> bool:
    """Whether INT# is on a GPIO line, and its chip's SPI, if it is there, is not missing."""
    wired = _INTERRUPT.fullmatch(_line(place)) is not None
    return wired and (place.scheme != "spi" or context.at(place.path).exists())


def _line(place: Place) -> str:
    return place.options.get("int", "")


def _interrupt(context: Context, place: Place) -> list[Finding]:
    match = _INTERRUPT.fullmatch(_line(place))
    chip = f"/dev/{match[1]}" if match else ""
    if context.at(chip).exists():
        return permission(context, place, chip)
    return [fail(f"{place.key}: {chip} is not there", "ls /dev/gpiochip*; correct int=")]


def _buffers(context: Context) -> list[Finding]:
    text = context.text(BUFSIZ).strip()
    if not text.isdecimal() or int(text) >= LEAST_BUFSIZ:
        return []
    path = next((path for path in CMDLINES if context.at(path).exists()), CMDLINES[0])
    return [
        fail(
            f"spidev's buffers have {text} bytes; {LEAST_BUFSIZ} are needed",
            f"take spidev.bufsiz= out of {path}, then restart",
        )
    ]


def _missing(context: Context, place: Place) -> Finding:
    text = f"{place.key}: {place.path} is not there"
    others = sorted(context.at("/dev").glob("spidev*"))
    if others:
        shown = ", ".join(context.shown(path) for path in others)
        return fail(text, f"there is {shown}; correct the port")
    if not context.is_pi:
        return fail(f"{text}: SPI is off", "switch the board's spidev overlay on (dtparam=spi=on)")
    path, lines = settings(context)
    if any(line in _ON for line in lines):
        return fail(f"{text}: {path} switches SPI on", "restart; another overlay may have its pins")
    return fail(
        f"{text}: SPI is off: {path} has no dtparam=spi=on",
        "sudo raspi-config nonint do_spi 0, then restart",
    )
