"""`chiplink decode`: frames in words, as the datasheet names them."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, NamedTuple

from chiplink.cli.printable import printable
from chiplink.exceptions import UsageError
from chiplink.protocol import at_words, ch392_words, ch9329_words
from chiplink.tables import nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Lines = list[tuple[bool, str]]

MAX_INPUT = 1024 * 1024

MAX_SHOWN = 32 * 1024
"""Characters of a line; the longest frame fits."""

BETWEEN = "|"
"""Stands between what was sent and what came back."""


class Decoder(NamedTuple):
    """What turns a chip's bytes into lines and whether each is good.

    `exchange` takes both directions, for chips whose replies do not say what they answer.
    `read` turns what was typed into bytes; None: it is hexadecimal.
    """

    explain: Callable[[bytes], Lines]
    exchange: Callable[[bytes, bytes], Lines] | None = None
    read: Callable[[str], bytes] | None = None


DECODERS = {
    "ch9329": Decoder(ch9329_words.explain),
    "ch392": Decoder(ch392_words.explain, ch392_words.explain_exchange),
    "sim7028": Decoder(at_words.sim7028, read=at_words.transcript),
    "gseries": Decoder(at_words.gseries, read=at_words.transcript),
    "sim800": Decoder(at_words.sim800, read=at_words.transcript),
}
"""A row a chip."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `decode`."""
    parser.epilog = (
        "A CH392's replies mean nothing without their commands: 'SENT | RECEIVED' decodes both,"
        " for example: chiplink decode ch392 '57 AB 06 55 | AA'. With - each line may be one."
        " A modem's are lines of text: chiplink decode sim800 AT+CSQ '+CSQ: 20,0' OK"
    )
    parser.add_argument("chip", metavar="CHIP", help=", ".join(DECODERS))
    parser.add_argument(
        "hex", nargs="+", metavar="HEX", help="bytes in hex, or a modem's lines; - reads them"
    )


def run(options: argparse.Namespace) -> int:
    """Print a line a frame; 1 if any is bad."""
    decoder = DECODERS.get(options.chip)
    if decoder is None:
        raise UsageError(f"unknown chip {options.chip!r}{nearest(options.chip, list(DECODERS))}")
    between = " " if decoder.read is None else "\n"
    text = _input() if options.hex == ["-"] else between.join(options.hex)
    if not text.strip():
        raise UsageError("there is nothing to decode; `chiplink decode --help` has examples")
    lines = _lines(decoder, text)
    for good, line in lines:
        print(printable(line if good else f"bad: {line}", MAX_SHOWN))
    return 0 if lines and all(good for good, _line in lines) else 1


def _input() -> str:
    """Read what is piped in; a byte that is no UTF-8 is kept, as in an argument."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin.read(MAX_INPUT)


def _lines(decoder: Decoder, text: str) -> Lines:
    if decoder.read is not None:
        return decoder.explain(decoder.read(text))
    return _exchanges(decoder, text) if BETWEEN in text else decoder.explain(_bytes(text))


def _exchanges(decoder: Decoder, text: str) -> Lines:
    """Explain one exchange a line of `text`; nothing may come back, or nothing be sent."""
    if decoder.exchange is None:
        known = ", ".join(name for name, each in DECODERS.items() if each.exchange)
        raise UsageError(f"this chip's replies need no {BETWEEN}; it is for {known}")
    lines = []
    for line in text.splitlines():
        sent, _between, received = line.partition(BETWEEN)
        if BETWEEN in received:
            raise UsageError(f"more than one {BETWEEN} in a line; write SENT {BETWEEN} RECEIVED")
        lines += decoder.exchange(_bytes(sent), _bytes(received))
    return lines


def _bytes(text: str) -> bytes:
    cleaned = text.replace("0x", " ").replace(",", " ").replace(":", " ")
    try:
        return bytes.fromhex(cleaned)
    except ValueError:
        raise UsageError("that is no hex; write for example 57 AB 00 01 00 03") from None
