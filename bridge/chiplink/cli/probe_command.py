"""`chiplink probe`: which chip answers on a port."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chiplink.cli.ch9329_view import as_json, show
from chiplink.cli.printable import printable
from chiplink.devices import bus_port
from chiplink.driver import modem_probe
from chiplink.driver.ch392_probe import Found392, find
from chiplink.driver.ch9329_setup import Ch9329Setup
from chiplink.exceptions import ProbeError
from chiplink.ports import make_port
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from chiplink.transport.url import PortUrl

WARNING = (
    "Probing writes to the port: a CH9329 in ASCII mode types what it is sent on the computer."
)


@dataclass(frozen=True, slots=True)
class Description:
    """A chip that answered."""

    lines: list[str]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """A kind of chip, and what looks for it: None, with a line in the list, when it is not there.

    Raises PortError if the port cannot be used at all.
    """

    chip: str
    name: str
    look: Callable[[PortUrl, str, list[str]], Awaitable[Description | None]]


async def _ch9329(url: PortUrl, text: str, tried: list[str]) -> Description | None:
    if url.is_spi:
        return None
    port = make_port(url, "ch9329", text)
    try:
        async with Ch9329Setup(port) as chip:
            found = await chip.read()
    except ProbeError as error:
        tried.append(str(error).removeprefix(f"{port.name}: "))
        return None
    return Description(show(found), as_json(found))


async def _ch392(url: PortUrl, text: str, tried: list[str]) -> Description | None:
    port = bus_port(url, text, DEFAULT)
    try:
        found = await find(port)
    except ProbeError as error:
        tried.append(str(error).removeprefix(f"{port.name}: "))
        return None
    return Description(_shown_392(found), {"chip": "ch392", **asdict(found)})


def _shown_392(found: Found392) -> list[str]:
    return [
        f"  baud      {found.baud or 'none: SPI'}",
        f"  firmware  {found.firmware}",
        f"  MAC       {found.mac}",
        f"  cable     {found.phy}",
        f"  IP        {found.ip}",
    ]


async def _modem(url: PortUrl, text: str, tried: list[str]) -> Description | None:
    if url.is_spi:
        return None
    port = make_port(url, "sim800", text)
    try:
        found = await modem_probe.find(port)
    except ProbeError as error:
        tried.append(str(error).removeprefix(f"{port.name}: "))
        return None
    lines = [f"  baud      {found.baud or 'none'}", f"  it says   {found.words}"]
    lines.append(f"  chip      {found.chip or 'none that is known'}")
    return Description(lines, asdict(found))


MAX_SHOWN = 2000
"""Characters of a line; a modem may say anything of itself."""

PROBES = (
    Probe("ch9329", "CH9329", _ch9329),
    Probe("ch392", "CH392", _ch392),
    Probe("modem", "modem", _modem),
)
"""The chips that can be looked for, in the order in which that does least harm."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `probe`."""
    parser.epilog = WARNING
    parser.add_argument("port", metavar="PORT", help="a path, or serial:///dev/…?baud=9600")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what answers; 1 if nothing does."""
    return asyncio.run(_probe(parse_port(options.port), options.port, as_json=options.json))


async def _probe(url: PortUrl, text: str, *, as_json: bool) -> int:
    tried: list[str] = []
    for probe in PROBES:
        if sys.stderr.isatty():
            print(f"looking for a {probe.name}: some seconds", file=sys.stderr)
        found = await probe.look(url, text, tried)
        if found is None:
            continue
        if as_json:
            print(json.dumps({"port": text, **found.fields}, indent=2))
        else:
            print("\n".join([f"{text}: {probe.name}", *map(_shown, found.lines)]))
        return 0
    if as_json:
        print(json.dumps({"port": text, "chip": None, "tried": tried}, indent=2))
    raise ProbeError(f"{text}: nothing answers; tried: {'; '.join(tried)}")


def _shown(line: str) -> str:
    return printable(line, MAX_SHOWN)
