"""SPI and its interrupt line: switched on and permitted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok
from chiplink.doctor.ports import permission

if TYPE_CHECKING:
    from chiplink.doctor.context import Context, Place

_INTERRUPT = re.compile(r"(gpiochip[0-9]+):[0-9]+")


def check(context: Context) -> list[Finding]:
    """Look at every device on SPI."""
    places = [place for place in context.places if place.scheme == "spi"]
    found = [finding for place in places for finding in _look(context, place)]
    return found or ([ok("SPI is on and permitted")] if places else [])


def _look(context: Context, place: Place) -> list[Finding]:
    if not context.at(place.path).exists():
        return [_missing(context, place)]
    found = permission(context, place, place.path)
    match = _INTERRUPT.fullmatch(place.options.get("int", ""))
    if match is None:
        return found
    chip = f"/dev/{match[1]}"
    if not context.at(chip).exists():
        return [
            *found,
            fail(f"{place.key}: {chip} is not there", "ls /dev/gpiochip*; correct int="),
        ]
    return found + permission(context, place, chip)


def _missing(context: Context, place: Place) -> Finding:
    text = f"{place.key}: {place.path} is not there"
    others = sorted(context.at("/dev").glob("spidev*"))
    if others:
        shown = ", ".join(context.shown(path) for path in others)
        return fail(text, f"there is {shown}; correct the port")
    if context.is_pi:
        return fail(f"{text}: SPI is off", "sudo raspi-config nonint do_spi 0, then restart")
    return fail(f"{text}: SPI is off", "switch the board's spidev overlay on (dtparam=spi=on)")
