"""A modem's line in words: nothing of secrets, identities, and what its links carry."""

from __future__ import annotations

import pytest

from chiplink.redaction import READERS
from chiplink.transport.tap import Direction

OUT, IN = Direction.OUT, Direction.IN


def told(chip: str, *pieces: tuple[Direction, bytes]) -> str:
    words = READERS[chip]()
    return "\n".join(line for each in pieces for _good, line in words.feed(*each))


EVERY_CHIP = pytest.mark.parametrize("chip", ["sim800", "sim7028", "gseries"])


@EVERY_CHIP
def test_what_is_asked_and_answered(chip: str) -> None:
    said = told(chip, (OUT, b"AT+CSQ\r"), (IN, b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n"))
    assert "AT+CSQ" in said
    assert "-73 dBm" in said
    assert "OK" in said


@EVERY_CHIP
@pytest.mark.parametrize(
    "pieces",
    [
        [(OUT, b'AT+CPIN="SECRET"\r'), (IN, b'AT+CPIN="SECRET"\r\r\nOK\r\n')],
        [(OUT, b'AT+CSTT="internet","me","SECRET"\r')],
        [(OUT, b"AT+CIMI\r"), (IN, b"\r\n460001234567890\r\n\r\nOK\r\n")],
        [(OUT, b"AT+CSTT?\r"), (IN, b'\r\n+CSTT: "internet","me","SECRET"\r\n')],
        [(OUT, b"AT+CIPSEND=0,6\r"), (IN, b"\r\n> "), (OUT, b"SECRET")],
        [(OUT, b"AT+CIPSEND=0,9\r"), (IN, b"\r\n> "), (OUT, b"AT+SECRET\r")],
        [(IN, b"\r\n+RECEIVE,0,6:\r\nSECRET")],
        [(IN, b"\r\n+IPD,6:SECRET")],
        [(OUT, b"AT+CIPRXGET=2,0,6\r"), (IN, b"\r\n+CIPRXGET: 2,0,6,0\r\nSECRET\r\nOK\r\n")],
        [(IN, b"\r\nSECRET without a header\r\n")],
        [(IN, b"\xff\xfeSECRET\r\n")],
    ],
)
def test_what_is_left_out(chip: str, pieces: list[tuple[Direction, bytes]]) -> None:
    said = told(chip, *pieces)
    assert "redacted" in said
    assert "SECRET" not in said
    assert "460001234567890" not in said


@EVERY_CHIP
def test_how_the_card_is(chip: str) -> None:
    said = told(chip, (OUT, b"AT+CPIN?\r"), (IN, b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"))
    assert "+CPIN: SIM PIN" in said
