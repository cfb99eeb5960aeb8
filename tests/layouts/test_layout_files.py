"""Lint of every layout file as it is committed."""

from __future__ import annotations

import json
import re
import string
import struct
import unicodedata
from pathlib import Path

import pytest

from chiplink import layouts
from chiplink.layouts.recipes import RECIPES

FOLDER = Path(layouts.__file__).parent
# The alphabets of the layouts that have no small Latin letters.
SAMPLES = {
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "gr": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊΐ",
    "il": "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "rs": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "ua": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
}

every_layout = pytest.mark.parametrize("name", layouts.names())


def keys(name: str) -> list[tuple[str, str]]:
    """The rows of a file in its order, duplicates kept."""
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    pairs = json.loads(text, object_pairs_hook=list)
    return list(dict(pairs)["keys"])


def test_the_files_are_those_of_the_recipes() -> None:
    assert layouts.names() == tuple(sorted(RECIPES))
    titles = [layouts.load(name).title for name in layouts.names()]
    assert len(set(titles)) == len(titles)


@every_layout
def test_name(name: str) -> None:
    assert re.fullmatch("[a-z0-9_]{1,16}", name)


@every_layout
def test_characters_are_unique_sorted_and_in_nfc(name: str) -> None:
    characters = [char for char, _ in keys(name)]
    assert characters == sorted(set(characters))
    assert [char for char in characters if unicodedata.normalize("NFC", char) != char] == []
    controls = [char for char in characters if unicodedata.category(char)[0] == "C"]
    assert [char for char in controls if unicodedata.category(char) == "Cc"] == ["\t", "\n"]


@every_layout
def test_strokes_are_within_bounds(name: str) -> None:
    for char, text in keys(name):
        strokes = bytes.fromhex(text)
        assert len(strokes) in (2, 4, 6), char
        assert text == strokes.hex(), char
        for usage, modifiers in zip(strokes[::2], strokes[1::2], strict=True):
            assert 0x04 <= usage <= 0x38 or usage in (0x54, 0x55, 0x56, 0x57, 0x64, 0x87, 0x89)
            assert usage not in (0x29, 0x2A, 0x32), char
            assert modifiers in (0x00, 0x02, 0x40, 0x42), char


@every_layout
def test_no_two_characters_have_the_same_strokes(name: str) -> None:
    strokes = [text for _, text in keys(name)]
    assert len(set(strokes)) == len(strokes)


@every_layout
def test_table_and_file_agree(name: str) -> None:
    layout = layouts.load(name)
    rows = list(struct.iter_unpack("<IB3s3sB", layout.table))
    assert [chr(row[0]) for row in rows] == [char for char, _ in keys(name)]
    assert {row[4] for row in rows} <= {0, 1, 2}
    assert layout.characters == {char for char, _ in keys(name)}
    for char, text in keys(name):
        assert bytes(byte for stroke in layout.strokes(char) for byte in stroke).hex() == text


@every_layout
def test_the_basic_characters_are_there(name: str) -> None:
    layout = layouts.load(name)
    assert layout.missing(string.digits + ' \n\t.,-+*/=()!?:;%"') == ""
    latin = "".join(chr(code) for code in range(0x20, 0x7F))
    assert layout.missing(SAMPLES.get(name, latin)) == ""


@pytest.mark.parametrize("name", sorted(set(layouts.names()) - set(SAMPLES)))
def test_letters_of_one_key_differ_by_shift(name: str) -> None:
    layout = layouts.load(name)
    for small in string.ascii_lowercase:
        (usage, modifiers), *more = layout.strokes(small)
        assert (modifiers, more) == (0x00, [])
        if not (name.startswith("tr") and small == "i"):
            assert layout.strokes(small.upper()) == ((usage, 0x02),)
