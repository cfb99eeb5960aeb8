from __future__ import annotations

import struct

import pytest

from chiplink import layouts


def test_names_are_sorted_and_hold_the_common_ones() -> None:
    names = layouts.names()
    assert list(names) == sorted(set(names))
    assert {"us", "us_intl", "uk", "de", "ch", "fr", "be", "es", "it", "br", "jp"} <= set(names)


def test_load_reads_a_layout_once() -> None:
    assert layouts.load("de") is layouts.load("de")
    assert layouts.load("de").name == "de"
    assert layouts.load("de").title == "German"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("us_dvorac", "us_dvorak"), ("us-intl", "us_intl"), ("DE", "de"), ("../us", "us")],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"the nearest is '{nearest}'"):
        layouts.load(name)


@pytest.mark.parametrize("name", ["", "x" * 100_000, "\0", "de.json"])
def test_a_hostile_name_is_a_short_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="is no keyboard layout") as caught:
        layouts.load(name)
    assert len(str(caught.value)) < 120


def test_table_rows_are_packed_for_the_core() -> None:
    table = layouts.load("de").table
    rows = {row[0]: row[1:] for row in struct.iter_unpack("<IB3s3sB", table)}
    assert len(table) == 12 * len(rows)
    assert rows[ord("a")] == (1, b"\x04\0\0", b"\0\0\0", 1)
    assert rows[ord("Ä")] == (1, b"\x34\0\0", b"\x02\0\0", 1)
    assert rows[ord("1")] == (1, b"\x1e\0\0", b"\0\0\0", 0)
    assert rows[ord("`")] == (2, b"\x2e\x2c\0", b"\x02\0\0", 0)
    assert rows[ord("É")] == (2, b"\x2e\x08\0", b"\0\x02\0", 1)
    assert table[:12] == bytes.fromhex("09000000 01 2b0000 000000 00")


def test_caps_lock_spoils_what_it_makes_a_capital_of_that_shift_does_not() -> None:
    rows = {row[0]: row[4] for row in struct.iter_unpack("<IB3s3sB", layouts.load("ch").table)}
    assert rows[ord("a")] == layouts.CAPS_INVERTS == 1
    assert rows[ord("ö")] == layouts.CAPS_SPOILS == 2


def test_strokes_of_an_untypable_character_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        layouts.load("us").strokes("é")


def test_missing_lists_each_character_once_in_order() -> None:
    us = layouts.load("us")
    assert us.missing("naïve café — naïve\n\t€") == "ïé—€"
    assert us.missing("plain\n") == ""
    assert us.missing("\r\x1b\0") == "\r\x1b\0"
