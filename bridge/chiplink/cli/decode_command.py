"""`chiplink decode`: frames in words, as the datasheet names them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from chiplink.exceptions import UsageError
from chiplink.protocol.ch9329_words import explain
from chiplink.tables import nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

MAX_INPUT = 1024 * 1024

DECODERS: dict[str, Callable[[bytes], list[tuple[bool, str]]]] = {"ch9329": explain}
"""For each chip, what turns bytes into lines and whether each is good."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `decode`."""
    parser.add_argument("chip", metavar="CHIP", help=", ".join(DECODERS))
    parser.add_argument("hex", nargs="+", metavar="HEX", help="bytes in hex; - reads them")


def run(options: argparse.Namespace) -> int:
    """Print a line a frame; 1 if any is bad."""
    decoder = DECODERS.get(options.chip)
    if decoder is None:
        raise UsageError(f"unknown chip {options.chip!r}{nearest(options.chip, list(DECODERS))}")
    text = sys.stdin.read(MAX_INPUT) if options.hex == ["-"] else " ".join(options.hex)
    lines = decoder(_bytes(text))
    for good, line in lines:
        print(line if good else f"bad: {line}")
    return 0 if lines and all(good for good, _line in lines) else 1


def _bytes(text: str) -> bytes:
    cleaned = text.replace("0x", " ").replace(",", " ").replace(":", " ")
    try:
        return bytes.fromhex(cleaned)
    except ValueError:
        raise UsageError("that is no hex; write for example 57 AB 00 01 00 03") from None
