"""Every layout typed into libxkbcommon, key by key, and read back as text.

Shares nothing with the generator: keys are XKB's names, written by hand for each usage, pressed
and released in an xkb_state; Caps Lock is a key that is pressed.
"""

from __future__ import annotations

import ctypes
import json
import struct
from pathlib import Path

import pytest

from chiplink import layouts
from chiplink.layouts import generate, recipes, xkb

COMPOSE = Path("/usr/share/X11/locale")
LETTERS = (
    "AC01 AB05 AB03 AC03 AD03 AC04 AC05 AC06 AD08 AC07 AC08 AC09 AB07 "
    "AB06 AD09 AD10 AD01 AD04 AC02 AD05 AD07 AB04 AD02 AB02 AD06 AB01"
)
KEYS = dict(zip(range(0x04, 0x1E), LETTERS.split(), strict=True))
KEYS |= {0x1E + place: f"AE{place + 1:02}" for place in range(10)}
KEYS |= {0x28: "RTRN", 0x2B: "TAB", 0x2C: "SPCE", 0x2D: "AE11", 0x2E: "AE12", 0x2F: "AD11"}
KEYS |= {0x30: "AD12", 0x31: "BKSL", 0x33: "AC10", 0x34: "AC11", 0x35: "TLDE", 0x36: "AB08"}
KEYS |= {0x37: "AB09", 0x38: "AB10", 0x54: "KPDV", 0x55: "KPMU", 0x56: "KPSU", 0x57: "KPAD"}
KEYS |= {0x64: "LSGT", 0x87: "AB11", 0x89: "AE13"}
HELD = {0x00: (), 0x02: ("LFSH",), 0x40: ("RALT",), 0x42: ("LFSH", "RALT")}
CONTROLS = {"\r": "\n"}
COMPOSING, COMPOSED = 1, 2
# Another release of the layouts' source may have changed a rare character, never ASCII.
TOLERATED = 0.03


class Rules(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")
    )


def library() -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        pytest.skip("NO LAYOUT WAS CHECKED AGAINST XKB: apt-get install libxkbcommon0")
    for package, path in (("xkb-data", xkb.XKB_FOLDER), ("libx11-data", COMPOSE)):
        if not path.is_dir():
            pytest.skip(f"NO LAYOUT WAS CHECKED AGAINST XKB: apt-get install {package}")
    return lib


class Host:
    """A computer with a keyboard of that layout."""

    def __init__(self, lib: ctypes.CDLL, origin: dict[str, str]) -> None:
        self.lib = lib
        context = self.call("xkb_context_new", 3)
        self.call("xkb_context_include_path_append", context, b"/usr/share/X11/xkb")
        names = [origin[key].encode() for key in ("model", "layout", "variant")]
        rules = Rules(b"evdev", *names, b"caps:capslock")
        self.keymap = self.call("xkb_keymap_new_from_names", context, ctypes.byref(rules), 0)
        text = (COMPOSE / origin["compose"] / "Compose").read_bytes()
        arguments = (text, ctypes.c_size_t(len(text)), origin["compose"].encode(), 1, 0)
        table = self.call("xkb_compose_table_new_from_buffer", context, *arguments)
        self.composer = self.call("xkb_compose_state_new", table, 0)
        self.state = self.call("xkb_state_new", self.keymap)

    def call(self, name: str, *arguments: object) -> ctypes.c_void_p:
        function = getattr(self.lib, name)
        function.restype = ctypes.c_void_p
        return ctypes.c_void_p(function(*arguments))

    def number(self, name: str, *arguments: object) -> int:
        return (self.call(name, *arguments).value or 0) & 0xFFFFFFFF

    def text(self, name: str, *arguments: object) -> str:
        buffer = ctypes.create_string_buffer(64)
        self.call(name, *arguments, buffer, ctypes.c_size_t(64))
        return buffer.value.decode()

    def key(self, name: str, down: int) -> int:
        code = self.number("xkb_keymap_key_by_name", self.keymap, name.encode())
        self.call("xkb_state_update_key", self.state, code, down)
        return code

    def tap(self, name: str) -> None:
        self.key(name, 1)
        self.key(name, 0)

    def stroke(self, usage: int, modifiers: int) -> str:
        """Press and release one key; what appears on the screen."""
        for name in HELD[modifiers]:
            self.key(name, 1)
        code = self.key(KEYS[usage], 1)
        keysym = self.number("xkb_state_key_get_one_sym", self.state, code)
        plain = self.text("xkb_state_key_get_utf8", self.state, code)
        for name in (KEYS[usage], *HELD[modifiers]):
            self.key(name, 0)
        self.call("xkb_compose_state_feed", self.composer, keysym)
        status = self.number("xkb_compose_state_get_status", self.composer)
        if status == COMPOSED:
            return self.text("xkb_compose_state_get_utf8", self.composer)
        return "" if status else CONTROLS.get(plain, plain)

    def type(self, strokes: list[tuple[int, int]]) -> str:
        self.call("xkb_compose_state_reset", self.composer)
        return "".join(self.stroke(usage, modifiers) for usage, modifiers in strokes)


def origin(name: str) -> dict[str, str]:
    path = Path(layouts.__file__).with_name(f"{name}.json")
    return {key: value for key, value in json.loads(path.read_text("utf-8")).items() if value}


def rows(name: str) -> list[tuple[str, list[tuple[int, int]], int]]:
    unpacked = struct.iter_unpack("<IB3s3sB", layouts.load(name).table)
    return [
        (chr(code), list(zip(usages[:count], held[:count], strict=True)), flags)
        for code, count, usages, held, flags in unpacked
    ]


def check(name: str, wrong: list[str], total: int) -> None:
    if origin(name)["source"] == xkb.version():
        assert wrong == []
    assert [char for char in wrong if char.isascii()] == []
    assert len(wrong) <= TOLERATED * total, wrong


@pytest.mark.parametrize("name", layouts.names())
def test_typed_text_is_read_back(name: str) -> None:
    host = Host(library(), {"variant": "", **origin(name)})
    wrong = [char for char, strokes, _ in rows(name) if host.type(strokes) != char]
    check(name, wrong, len(rows(name)))


@pytest.mark.parametrize("name", layouts.names())
def test_caps_lock_does_what_the_flags_say(name: str) -> None:
    host = Host(library(), {"variant": "", **origin(name)})
    host.tap("CAPS")
    wrong = []
    for char, strokes, flags in rows(name):
        *first, (usage, held) = strokes
        results = (host.type(strokes), host.type([*first, (usage, held ^ 0x02)]))
        expected = {0: results[0] == char, 1: results[1] == char, 2: char not in results}
        if not expected[flags]:
            wrong.append(char)
    check(name, wrong, len(rows(name)))


@pytest.mark.parametrize("name", layouts.names())
def test_the_file_is_what_the_generator_writes(name: str) -> None:
    library()
    if origin(name)["source"] != xkb.version():
        pytest.skip(f"THE GENERATOR WAS NOT CHECKED: the files are of {origin(name)['source']}")
    path = Path(layouts.__file__).with_name(f"{name}.json")
    assert generate.document(recipes.RECIPES[name]) == path.read_text("utf-8")


def test_the_generator_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["us", "klingon"]) == 2
    assert "no such layout: klingon" in capsys.readouterr().err
