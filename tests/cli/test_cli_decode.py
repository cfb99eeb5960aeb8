"""`chiplink decode`: bytes in, words out; exchanges where replies do not name themselves."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.catalog import CHIPS
from chiplink.cli import main
from chiplink.cli.decode_command import DECODERS

ARGUMENT = st.characters(exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF
)
"""What an argument can hold: a byte that is no UTF-8 comes as half a surrogate pair."""


def decode(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    code = main(["decode", *arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_every_chip_can_be_decoded() -> None:
    assert set(DECODERS) == set(CHIPS)


def test_packets_of_a_ch392(capsys: pytest.CaptureFixture[str]) -> None:
    said = decode("ch392", "57 AB 06 55", "57:AB:31:00:C0:A8:01:32", capsys=capsys)
    assert said == (0, ["→ CHECK_EXIST: 55H", "→ SET_IP_ADDR_SN: socket 0 to 192.168.1.50"], "")


def test_a_bad_packet(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _err = decode("ch392", "57AB0655", "57ABEE", capsys=capsys)
    assert (code, lines[0]) == (1, "→ CHECK_EXIST: 55H")
    assert lines[1].startswith("bad: → ")


def test_an_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    said = decode("ch392", "57 AB 06 55", "57 AB 26", "|", "AA 02", capsys=capsys)
    assert said == (
        0,
        [
            "→ CHECK_EXIST: 55H",
            "← CHECK_EXIST: AAH",
            "→ GET_PHY_STATUS",
            "← GET_PHY_STATUS: link, 10 Mbit/s full duplex",
        ],
        "",
    )


def test_a_wrong_reply_and_a_missing_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode("ch392", "57AB0655|AB", capsys=capsys)[:2] == (
        1,
        ["→ CHECK_EXIST: 55H", "bad: ← CHECK_EXIST: ABH, not the complement of 55H"],
    )
    assert decode("ch392", "57AB0655|", capsys=capsys)[0] == 1


def test_an_exchange_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("57AB0655 | AA\n\n57AB2C | 00\n57AB05 |\n"))
    code, lines, _err = decode("ch392", "-", capsys=capsys)
    assert code == 0
    assert [line.split(":")[0] for line in lines] == [
        "→ CHECK_EXIST",
        "← CHECK_EXIST",
        "→ GET_CMD_STATUS",
        "← GET_CMD_STATUS",
        "→ RESET_ALL",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ch329", "00"), "unknown chip 'ch329'; did you mean 'ch9329'?"),
        (("ch392", "57 AB 0"), "that is no hex; write for example 57 AB 00 01 00 03"),
        (("ch392", "57 | zz"), "that is no hex; write for example 57 AB 00 01 00 03"),
        (("ch392", "57 | AB | 00"), "more than one | in a line; write SENT | RECEIVED"),
        (("ch9329", "57 AB | 00"), "this chip's replies need no |; it is for ch392"),
        (("ch9329", ""), "there is nothing to decode; `chiplink decode --help` has examples"),
        (("sim800", " "), "there is nothing to decode; `chiplink decode --help` has examples"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decode(*arguments, capsys=capsys) == (2, [], f"chiplink: {words}\n")


def test_a_ch9329_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode("ch9329", "57 AB 00 01 00 03", capsys=capsys) == (0, ["→ GET_INFO"], "")
    assert decode("ch9329", "57 AB 00 01 00 04", capsys=capsys)[0] == 1
    lines = decode("ch9329", "57 AB 00 01 02 05", capsys=capsys)[1]
    assert lines[0] == "bad: → GET_INFO: no frame of this command has this length"


@pytest.mark.parametrize("chip", ["sim800", "sim7028", "gseries"])
def test_a_modems_lines(chip: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _err = decode(chip, "AT+CSQ", "+CSQ: 20,0", "OK", capsys=capsys)
    assert code == 0
    assert len(lines) == 3
    assert "-73 dBm" in lines[1]


@pytest.mark.parametrize("chip", ["sim800", "sim7028", "gseries"])
def test_a_modems_bytes_that_are_no_utf_8(
    chip: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = decode(chip, "+IPSTATUS: \udcb2", capsys=capsys)
    assert told[0] == 0
    assert "IPSTATUS" in told[1][0]
    piped = io.TextIOWrapper(io.BytesIO(b"+IPSTATUS: \xb2\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", piped)
    assert decode(chip, "-", capsys=capsys) == told


def test_hex_that_is_no_utf_8(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"57 \xff"), encoding="utf-8"))
    assert decode("ch9329", "-", capsys=capsys)[0] == 2


@given(st.text(ARGUMENT, max_size=40), st.sampled_from(sorted(DECODERS)))
@example("\udcff", "sim800")
@example("+CSQ: \x9b2J", "sim800")
def test_anything_is_decoded_or_wrong_usage(text: str, chip: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        assert main(["decode", chip, "--", text]) in (0, 1, 2)
    assert all(letter.isprintable() for letter in out.getvalue().replace("\n", ""))


def test_a_modems_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _err = decode("sim800", "0D 0A 4F 4B 0D 0A", capsys=capsys)
    assert (code, len(lines)) == (0, 1)
