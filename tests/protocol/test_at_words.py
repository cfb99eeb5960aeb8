"""Transcripts in words, and what the query mode lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.protocol import at_words
from chiplink.protocol.at_query import READS, refusal

DIALOGUE = """AT+CSQ
+CSQ: 20,0
OK
AT+CPIN="1234"
+CME ERROR: 16
AT+CIPSTART=0,"TCP","1.2.3.4","80"
OK
0, CONNECT FAIL
AT+CIPHEAD
+RECEIVE,0,5:
hello
RDY"""

CIPSTART = (
    '→ AT+CIPSTART=0,"TCP","1.2.3.4","80": it ends with OK, and before or after it a result of its'
    " own, within 160 s (3.1.1)"
)

WORDS = [
    (True, "→ AT+CSQ: OK ends it, within 9 s (27.007 8.5)"),
    (True, "← +CSQ: 20,0: -73 dBm, 65 %"),
    (True, "← OK: done, or accepted"),
    (True, "→ AT+CPIN=…: OK ends it, within 5 s (27.007 8.3)"),
    (True, "← +CME ERROR: 16: incorrect password: a wrong PIN"),
    (
        True,
        CIPSTART,
    ),
    (True, "← OK: done, or accepted"),
    (True, "← 0, CONNECT FAIL: the connection was not made"),
    (False, "→ AT+CIPHEAD: CIPHEAD has no such form (8.1)"),
    (True, "← +RECEIVE,0,5: data follows"),
    (True, "← data: 5 bytes 'hello'"),
    (True, "← RDY: the modem has started: links and settings are gone"),
]


def test_a_dialogue() -> None:
    assert at_words.sim800(at_words.transcript(DIALOGUE)) == WORDS
    assert at_words.sim800(at_words.transcript(at_words.transcript(DIALOGUE).hex(" "))) == WORDS


@pytest.mark.parametrize(
    ("model", "text", "line"),
    [
        ("sim7028", "AT+CIPHEAD", (True, ("→ AT+CIPHEAD: OK ends it, within 9 s; sets 1: a header"
          " before received data (2.1.8)"))),
        ("sim7028", "AT+CIPOPEN?", (True, "→ AT+CIPOPEN?: asks; OK ends it (2.1.3)")),
        ("sim7028", "+CIPSEND: 0,5,-1", (True, ("← +CIPSEND: 0,5,-1: link 0, -1 of 5 bytes: the"
          " socket is dead"))),
        ("sim7028", "+IPCLOSE: 1,1", (True, "← +IPCLOSE: 1,1: link 1, closed by the peer")),
        ("sim7028", "+CIPOPEN: 0,0", (True, "← +CIPOPEN: 0,0: link 0, operation succeeded")),
        ("sim7028", "+CEREG: 0,5", (True, "← +CEREG: 0,5: registered, roaming")),
        ("sim7028", "+CIPRXGET: 4,0,18", (True, "← +CIPRXGET: 4,0,18: 18 bytes wait")),
        ("sim7028", ">", (True, "← >: the modem waits for data")),
        ("sim800", "RECV FROM: 1.2.3.4:80", (True, ("← RECV FROM: 1.2.3.4:80: the data behind it"
          " comes from 1.2.3.4:80"))),
        ("sim800", "\\x00\\xff", (False, "not a line: 2 bytes 00 FF")),
        ("sim800", "AT+XYZ=1", (True, "→ AT+XYZ=1: not of the documents")),
        ("sim800", "ATI", (True, "→ ATI")),
        ("gseries", "COMMAND NO RESPONSE!", (True, ("← COMMAND NO RESPONSE!: the network is bad and"
          " the connection timed out"))),
    ],
)  # fmt: skip
def test_single_lines(model: str, text: str, line: tuple[bool, str]) -> None:
    assert at_words.explain(model, at_words.transcript(text)) == [line]


def test_the_gseries_error_50_is_its_own() -> None:
    assert "no credit" in at_words.gseries(b"\r\n+CME ERROR: 50\r\n")[0][1]
    assert "incorrect parameters" in at_words.sim7028(b"\r\n+CME ERROR: 50\r\n")[0][1]


def test_what_is_missing_is_told() -> None:
    assert at_words.sim800(b"+IPD,5:ab") == [
        (True, "← +IPD,5: data follows"),
        (False, "← data: 2 bytes 'ab', the rest is missing"),
    ]
    assert at_words.sim800(b"+CSQ: 2") == [(False, "a line without its end: 7 bytes '+CSQ: 2'")]


@given(st.binary(max_size=200), st.sampled_from(sorted(at_words.COMMANDS)))
def test_anything_is_explained(data: bytes, model: str) -> None:
    for good, words in at_words.explain(model, data):
        assert isinstance(good, bool)
        assert words


# at = "query"


@pytest.mark.parametrize(
    "text",
    [*sorted(READS), "AT+CREG?", "at+csq", "AT+CIPOPEN?", "AT+CIPSTATUS=?", "AT+CPIN=?", "ATI"],
)
def test_what_is_let_through(text: str) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AT+CFUN=0", "allows AT"),
        ("AT+CIPHEAD", "allows AT"),
        ("AT+CIPSHUT", "allows AT"),
        ("ATZ", "allows AT"),
        ("AT&F", "allows AT"),
        ("hello", "allows AT"),
        ("", "allows AT"),
        ("AT+CSQ;+CFUN=0", "no ;"),
        ("AT+CSQ?\rAT+CFUN=0", "one line"),
        ("AT+CSQ?\n", "one line"),
        ("AT+CSQ\x1a", "one line"),
        ("AT+CSQ\x00", "one line"),
        ("AT+ÇSQ?", "one line"),
        ("AT+CNUM?", "secret"),
        ("AT+CPIN?", "secret"),
        ("AT+CSTT?", "secret"),
        ("AT+" + "X" * 600 + "?", "at most"),
        ("AT+CREG?=1", "allows AT"),
    ],
)
def test_what_is_refused_and_why(text: str, why: str) -> None:
    assert why in str(refusal(text))
