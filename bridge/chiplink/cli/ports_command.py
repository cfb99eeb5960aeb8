"""`chiplink ports`: the ports of this host, what they are and who holds them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chiplink.cli.printable import printable
from chiplink.transport.holders import Scan, explain_holder, scan
from chiplink.transport.listing import list_ports_and_spi

if TYPE_CHECKING:
    import argparse

    from chiplink.transport.listing import ListedPort

NOTHING = "no serial port and no SPI device; is the adapter plugged in, is SPI switched on?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ports`."""
    parser.epilog = (
        "Nothing is opened or written. Who holds a port is read from /proc, as far as permitted:"
        " as root it is everybody. A lock that a program took by other means is not seen."
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print a port a line, with who holds it."""
    ports = list_ports_and_spi()
    seen = scan([port.device for port in ports])
    if options.json:
        print(json.dumps({"ports": [_as_json(port, seen) for port in ports]}, indent=2))
        return 0
    if not ports:
        print(NOTHING)
    for port in ports:
        _print(port, seen)
    if seen.hidden and ports:
        print(f"{seen.hidden} processes of other users could not be looked into; root sees them")
    return 0


def _print(port: ListedPort, seen: Scan) -> None:
    described = [port.probably, port.description if port.description != "n/a" else ""]
    what = "; ".join(printable(text) for text in described if text)
    usb = f" [{port.usb}]" if port.usb else ""
    print(f"{port.device}{usb}  {what or 'unknown'}")
    if port.stable:
        print(f"  better: {printable(port.stable)}")
    for holder in seen.holders[port.device]:
        print(f"  {explain_holder(port.device, holder)}")


def _as_json(port: ListedPort, seen: Scan) -> dict[str, Any]:
    return {
        "device": port.device,
        "kind": port.kind,
        "stable": port.stable or None,
        "usb": port.usb or None,
        "description": port.description or None,
        "probably": port.probably or None,
        "holders": [
            {
                "pid": holder.pid,
                "program": holder.program,
                "unit": holder.unit or None,
                "advice": explain_holder(port.device, holder),
            }
            for holder in seen.holders[port.device]
        ],
    }
