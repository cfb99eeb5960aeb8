"""Frames in words: every example of the document, others written by hand, and bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.cli import main
from chiplink.protocol.ch9329_words import explain
from chiplink.protocol.media_names import MEDIA, POWER

if TYPE_CHECKING:
    from collections.abc import Iterable

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "ch9329.json").read_text()
)

WORDS = {
    "get_info": "→ GET_INFO",
    "key_a_press": "→ SEND_KB_GENERAL_DATA: a",
    "key_a_release": "→ SEND_KB_GENERAL_DATA: all keys released",
    "key_shift_a_press": "→ SEND_KB_GENERAL_DATA: shift + a",
    "keys_release": "→ SEND_KB_GENERAL_DATA: all keys released",
    "media_mute_press": "→ SEND_KB_MEDIA_DATA: mute",
    "media_mute_release": "→ SEND_KB_MEDIA_DATA: all media keys released",
    "absolute_left_press": "→ SEND_MS_ABS_DATA: pointer to x 0, y 0 of 4096; left held;"
    " wheel still",
    "absolute_left_release": "→ SEND_MS_ABS_DATA: pointer to x 0, y 0 of 4096; no button held;"
    " wheel still",
    "absolute_100_100": "→ SEND_MS_ABS_DATA: pointer to x 320, y 533 of 4096; no button held;"
    " wheel still",
    "absolute_968_500": "→ SEND_MS_ABS_DATA: pointer to x 3097, y 2667 of 4096; no button held;"
    " wheel still",
    "relative_left_press": "→ SEND_MS_REL_DATA: pointer stays; left held; wheel still",
    "relative_left_release": "→ SEND_MS_REL_DATA: pointer stays; no button held; wheel still",
    "relative_left_3": "→ SEND_MS_REL_DATA: pointer 3 left; no button held; wheel still",
    "relative_down_5": "→ SEND_MS_REL_DATA: pointer 5 down; no button held; wheel still",
    "get_para_cfg": "→ GET_PARA_CFG",
    "set_default_cfg": "→ SET_DEFAULT_CFG",
    "reset": "→ RESET",
    "get_info_reply": "← GET_INFO: V1.8, computer connected, lights: none",
    "get_info_reply_reserved": "← GET_INFO: V1.0, computer connected, lights: none,"
    " reserved 00 46 00 00 00",
    "keyboard_accepted": "← SEND_KB_GENERAL_DATA: success",
    "media_accepted": "← SEND_KB_MEDIA_DATA: success",
    "absolute_accepted": "← SEND_MS_ABS_DATA: success",
    "error_sum": "← SEND_KB_GENERAL_DATA failed: the chip saw a wrong checksum (E4)",
}


def made(code: int, data: Iterable[int] = (), address: int = 0) -> bytes:
    content = bytes(data)
    body = bytes([0x57, 0xAB, address, code, len(content)]) + content
    return body + bytes([sum(body) % 256])


def words(data: bytes) -> str:
    ((good, line),) = explain(data)
    assert good, line
    return line.partition(": ")[2]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_example_of_the_document(vector: dict[str, Any]) -> None:
    assert explain(bytes.fromhex(vector["hex"])) == [(True, WORDS[vector["name"]])]


def test_all_examples_in_one_stream() -> None:
    stream = b"".join(bytes.fromhex(vector["hex"]) for vector in VECTORS)
    assert explain(stream) == [(True, WORDS[vector["name"]]) for vector in VECTORS]


# Media and power keys

MEDIA_BITS = """
    01 00 00 volume_up      | 00 01 00 email          | 00 00 01 media_select
    02 00 00 volume_down    | 00 02 00 www_search     | 00 00 02 explorer
    04 00 00 mute           | 00 04 00 www_favourites | 00 00 04 calculator
    08 00 00 play_pause     | 00 08 00 www_home       | 00 00 08 screen_saver
    10 00 00 next_track     | 00 10 00 www_back       | 00 00 10 my_computer
    20 00 00 previous_track | 00 20 00 www_forward    | 00 00 20 minimise
    40 00 00 cd_stop        | 00 40 00 www_stop       | 00 00 40 record
    80 00 00 eject          | 00 80 00 www_refresh    | 00 00 80 rewind
"""
MEDIA_ROWS = [
    part.rsplit(maxsplit=1) for part in MEDIA_BITS.replace("\n", "|").split("|") if part.strip()
]


@pytest.mark.parametrize(("bits", "name"), MEDIA_ROWS, ids=[row[1] for row in MEDIA_ROWS])
def test_every_media_key(bits: str, name: str) -> None:
    assert words(made(0x03, b"\x02" + bytes.fromhex(bits))) == name


def test_the_tables_hold_every_bit_once() -> None:
    assert len(MEDIA) == len(MEDIA_ROWS) == 24
    assert sorted(MEDIA.values()) == [(byte, bit) for byte in (1, 2, 3) for bit in range(8)]
    assert POWER == {"power": 0, "sleep": 1, "wake": 2}


def test_several_media_keys_and_none() -> None:
    assert words(made(0x03, (2, 0x05, 0x80, 0x01))) == (
        "volume_up + mute + www_refresh + media_select"
    )
    assert words(made(0x03, (2, 0, 0, 0))) == "all media keys released"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (1, "power"),
        (2, "sleep"),
        (4, "wake"),
        (5, "power + wake"),
        (0, "all power keys released"),
        (0x81, "power + bit 7"),
    ],
)
def test_power_keys(bits: int, expected: str) -> None:
    assert words(made(0x03, (1, bits))) == expected


@pytest.mark.parametrize(
    ("code", "data", "report"),
    [
        (0x03, "01 04 00 00", "02"),
        (0x03, "02 01", "01"),
        (0x04, "01 00 40 01 15 02 00", "02"),
        (0x04, "00 40 01 15 02 00 00", "02"),
        (0x05, "02 00 FD 00 00", "01"),
        (0x05, "00 FD 00 00 00", "01"),
    ],
)
def test_a_report_without_its_id_does_nothing(code: int, data: str, report: str) -> None:
    assert words(made(code, bytes.fromhex(data))) == (
        f"report id {report} is missing: the chip acknowledges and does nothing: {data}"
    )


# Keyboard and mouse


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            "FF 00 00 00 00 00 00 00",
            "ctrl + shift + alt + gui + right_ctrl + right_shift + altgr + right_gui",
        ),
        ("05 00 4C 00 00 00 00 00", "ctrl + alt + delete"),
        ("00 00 04 05 06 1E 27 28", "a + b + c + 1 + 0 + enter"),
        ("00 00 A5 00 00 00 00 00", "usage A5H"),
        ("00 07 04 00 00 00 00 00", "a (the second byte is 07, not 00)"),
    ],
)
def test_keys(data: str, expected: str) -> None:
    assert words(made(0x02, bytes.fromhex(data))) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("02 18 FF 0F 00 00 00", "x 4095, y 0 of 4096; back + forward held; wheel still"),
        ("02 07 00 00 00 00 01", "x 0, y 0 of 4096; left + right + middle held; wheel 1 up"),
        ("02 00 00 00 00 00 FF", "x 0, y 0 of 4096; no button held; wheel 1 down"),
        ("02 20 00 00 00 00 80", "x 0, y 0 of 4096; bit 5 held; wheel 80H, which is undefined"),
        (
            "02 00 00 10 01 20 00",
            "x 4096 (counts as 4095), y 8193 (counts as 1) of 4096; no button held; wheel still",
        ),
    ],
)
def test_absolute_reports(data: str, expected: str) -> None:
    assert words(made(0x04, bytes.fromhex(data))) == f"pointer to {expected}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("01 00 7F 81 00", "pointer 127 right, 127 up; no button held; wheel still"),
        ("01 00 81 7F 00", "pointer 127 left, 127 down; no button held; wheel still"),
        ("01 04 00 00 7F", "pointer stays; middle held; wheel 127 up"),
        ("01 00 00 00 81", "pointer stays; no button held; wheel 127 down"),
        (
            "01 00 80 00 00",
            "pointer 128 left (80H: computers disagree); no button held; wheel still",
        ),
    ],
)
def test_relative_reports(data: str, expected: str) -> None:
    assert words(made(0x05, bytes.fromhex(data))) == expected


# The rest


def test_custom_hid_both_ways() -> None:
    assert explain(made(0x06, b"\x01\xab")) == [(True, "→ SEND_MY_HID_DATA: 2 bytes: 01 AB")]
    assert explain(made(0x87, bytes(64))) == [
        (True, f"← READ_MY_HID_DATA: 64 bytes: {' '.join(['00'] * 64)}")
    ]
    assert words(made(0x87)) == "0 bytes"


BLOCK = bytes.fromhex(
    "82 80 00 00 00 25 80 08 00 00 03 86 1A 29 E1 00 00 00 01 00"
    "0D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 82 00"
) + bytes(12)
BLOCK_WORDS = (
    "work mode 2: keyboard and mouse (set by pins); serial mode 0: protocol (set by pins);"
    " address 00H; baud rate 9600; packet interval 3 ms; vendor id 1A86; product id E129;"
    " upload interval 0 ms; release delay 1 ms; auto enter off; Enter at 0D; filter none;"
    " own USB strings product; fast upload off"
)


def test_parameters() -> None:
    assert explain(made(0x88, BLOCK)) == [(True, f"← GET_PARA_CFG: {BLOCK_WORDS}")]
    assert words(made(0x09, BLOCK)) == (f"{BLOCK_WORDS} (the chip takes no mode with bit 7 set)")
    assert words(made(0x09, b"\x02\x00" + BLOCK[2:])) == BLOCK_WORDS.replace("pins", "software")


def test_the_long_answer_of_a_ch9329f() -> None:
    body = bytes.fromhex("57 AB 00 88 32") + BLOCK + bytes(15)
    line = explain(body + bytes([sum(body) % 256]))
    assert line == [(True, f"← GET_PARA_CFG: {BLOCK_WORDS} (71 bytes long, as a CH9329F answers)")]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (made(0x0A, (0,)), "manufacturer string"),
        (made(0x0A, (1,)), "product string"),
        (made(0x0A, (2,)), "serial number string"),
        (made(0x0A, (7,)), "unknown string 07H"),
        (made(0x8A, b"\x01\x06CH9329"), "product string 'CH9329'"),
        (made(0x8A, b"\x02\x00"), "serial number string ''"),
        (made(0x0B, b"\x00\x03T\xc3\xbc"), "manufacturer string 'Tü'"),
        (made(0x0B, b"\x00\x05abc"), "manufacturer string 'abc', but its length byte says 5"),
        (made(0x8A, b"\x01\x04\x1b[2J"), r"product string '\x1b[2J'"),
        (made(0x8A, b"\x01\x02\xff\xfe"), "product string '��'"),
    ],
)
def test_usb_strings(frame: bytes, expected: str) -> None:
    assert words(frame) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x00, "success"),
        (0xE1, "the chip timed out waiting for a byte (E1)"),
        (0xE2, "the chip saw a wrong frame head (E2)"),
        (0xE3, "the chip does not know the command (E3)"),
        (0xE4, "the chip saw a wrong checksum (E4)"),
        (0xE5, "the chip refuses the parameter (E5)"),
        (0xE6, "the chip could not carry it out (E6)"),
        (0x77, "the chip answered with the unknown status 77h"),
    ],
)
def test_statuses(status: int, expected: str) -> None:
    for code in (0x82, 0x83, 0x84, 0x85, 0x86, 0x89, 0x8B, 0x8C, 0x8F):
        assert words(made(code, (status,))) == expected
    assert words(made(0xC9, (status,))) == expected


def test_addresses_and_firmware() -> None:
    assert explain(made(0x01, address=0x0C)) == [(True, "→ GET_INFO to address 0CH")]
    assert explain(made(0x0F, address=0xFF)) == [(True, "→ RESET to all")]
    told = words(made(0x81, (0x02, 0, 0x07, 0, 0, 0, 0, 0)))
    assert told == "version 02H, no computer, lights: num caps scroll"


def test_the_five_bytes_of_some_firmware_and_a_lost_head() -> None:
    assert explain(bytes.fromhex("57 AB 00 FE 00")) == [
        (True, "← the chip does not know the command (five bytes, without a checksum)")
    ]
    assert explain(bytes.fromhex("AB 00 89 01 00 8C")) == [
        (True, "← SET_PARA_CFG: success (its first byte, 57H, is missing)")
    ]


# Bad frames, and the exit code


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("57 AB 00 01 00 04", "wrong checksum"),
        ("57 AB 00 02 07 00 00 04 00 00 00 00 00 0F", "no frame of this command has this length"),
        ("57 AB 00 04 06 00 40 01 15 02 00 64", "no frame of this command has this length"),
        ("57 AB 00 02 08 00 00 04", "no frame of this command has this length"),
        ("12 34 56", "not a frame"),
        ("57", "not a frame"),
    ],
)
def test_bad_frames_say_why_and_fail(
    text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(not good and why in line for good, line in explain(bytes.fromhex(text)))
    assert main(["decode", "ch9329", *text.split()]) == 1
    assert f"{why}" in capsys.readouterr().out


def test_one_bad_frame_spoils_a_stream(capsys: pytest.CaptureFixture[str]) -> None:
    good = "57 AB 00 01 00 03"
    assert main(["decode", "ch9329", good, good]) == 0
    assert main(["decode", "ch9329", good, "00", good]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == ["→ GET_INFO", "bad: not a frame: 00", "→ GET_INFO"]


@pytest.mark.parametrize("code", [0x42, 0x43, 0x4A, 0x4B, 0x50, 0x7F])
def test_a_code_that_is_neither_command_nor_answer_is_shown_as_it_is(code: int) -> None:
    assert explain(made(code)) == [(True, f"→ command {code:02X}H")]
    assert explain(made(code, [1, 2])) == [(True, f"→ command {code:02X}H: 01 02")]


@given(st.integers(0, 255), st.binary(max_size=64), st.integers(0, 255))
@example(0x42, b"", 0)
@example(0x49, b"\x07" * 49, 0)
def test_any_frame_is_explained(code: int, data: bytes, address: int) -> None:
    for good, line in explain(made(code, data, address)):
        assert isinstance(good, bool)
        assert line


def test_what_is_no_hex_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "ch9329", "5G"]) == 2
    assert main(["decode", "ch9328", "57"]) == 2
    assert all(line.startswith("chiplink: ") for line in capsys.readouterr().err.splitlines())
