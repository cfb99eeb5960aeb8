"""What `chiplink type` and `chiplink keys` share: where to, and what came of it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from chiplink import layouts
from chiplink.cli.direct import send_direct
from chiplink.cli.remote import DEFAULT_BROKER, send_remote
from chiplink.exceptions import ChiplinkError, UsageError
from chiplink.mqtt.url import parse_broker
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    import argparse

MAX_INPUT = 1_000_000

LAYOUT = "us"
"""Where none is named."""


def add_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options of a command that types."""
    parser.add_argument("text", help=f"{what}; - reads standard input")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", metavar="PORT", help="straight to this serial port")
    where.add_argument(
        "--broker",
        metavar="URL",
        default=DEFAULT_BROKER,
        help="through a bridge on this broker (default: %(default)s; CHIPLINK_BROKER sets it)",
    )
    parser.add_argument(
        "--device",
        metavar="NODE/DEVICE",
        help="which device, where a broker has several",
    )
    parser.add_argument("--layout", help=f"the computer's layout, with --port (default: {LAYOUT})")


def run_key(options: argparse.Namespace, key: str) -> int:
    """Carry `key` out and say what came of it."""
    _check_options(options)
    text = _text(options.text)
    try:
        if options.port is not None:
            port = parse_port(options.port)
            asyncio.run(send_direct(port, options.port, key, text, options.layout or LAYOUT))
        else:
            asyncio.run(send_remote(parse_broker(options.broker), options.device, key, text))
    except TimeoutError:
        raise ChiplinkError("no result in time; is the bridge running?") from None
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """Refuse what would do nothing."""
    if options.port is not None and options.device is not None:
        raise UsageError("--device is a bridge's; with --port there is only one")
    if options.layout is None:
        return
    if options.port is None:
        raise UsageError("--layout goes with --port; a bridge's is in its configuration")
    if options.layout not in layouts.names():
        raise UsageError(f"unknown layout {options.layout!r}; one of {', '.join(layouts.names())}")


def _text(argument: str) -> str:
    """Return what shall be typed or pressed."""
    text = sys.stdin.read(MAX_INPUT + 1) if argument == "-" else argument
    if not text:
        raise UsageError("there is nothing to type or to press")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("this is no text in UTF-8") from None
    return text
