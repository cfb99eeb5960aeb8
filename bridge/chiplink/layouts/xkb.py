"""The part of libxkbcommon that generate.py needs, by ctypes; a developer's tool only."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

XKB_FOLDER = Path("/usr/share/X11/xkb")
LOCALE_FOLDER = Path("/usr/share/X11/locale")
PC_FILE = Path("/usr/share/pkgconfig/xkeyboard-config.pc")

# The user's own files and environment must not reach the committed data.
NO_DEFAULT_INCLUDES_NO_ENVIRONMENT = 3
COMPONENTS_DEPRESSED, COMPONENTS_EFFECTIVE = 1, 8
KEY_DOWN = 1
EVDEV_OFFSET = 8  # an XKB keycode is the evdev code plus eight
SHORTCUT_MODIFIERS = ("Control", "Mod1", "Mod4")


class Compose(IntEnum):
    """enum xkb_compose_status."""

    NOTHING = 0
    COMPOSING = 1
    COMPOSED = 2
    CANCELLED = 3


class Symbol(NamedTuple):
    """What a key yields: the keysym, and its text when nothing is being composed."""

    keysym: int
    text: str


class RuleNames(ctypes.Structure):
    """struct xkb_rule_names."""

    _fields_ = tuple(
        (name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")
    )


class Keymap:
    """One compiled layout and its Compose table; raises ValueError if either does not compile."""

    def __init__(
        self, model: str, layout: str, variant: str, compose: str, options: str = ""
    ) -> None:
        self._lib = library()
        context = self._lib.xkb_context_new(NO_DEFAULT_INCLUDES_NO_ENVIRONMENT)
        self._lib.xkb_context_include_path_append(context, str(XKB_FOLDER).encode())
        described = ("evdev", model, layout, variant, options)
        names = RuleNames(*(part.encode() for part in described))
        self._keymap = self._lib.xkb_keymap_new_from_names(context, ctypes.byref(names), 0)
        text = (LOCALE_FOLDER / compose / "Compose").read_bytes()
        table = self._lib.xkb_compose_table_new_from_buffer(
            context, text, len(text), compose.encode(), 1, 0
        )
        if not self._keymap or not table:
            raise ValueError(f"{model} {layout}({variant}) with {compose} does not compile")
        self._compose = self._lib.xkb_compose_state_new(table, 0)

    def symbols(
        self, held: Iterable[int], keys: Iterable[int], lock: str = ""
    ) -> dict[int, Symbol]:
        """Tell what each of `keys` yields with `held` down; both are evdev codes.

        `lock` is "Lock" (Caps Lock) or "NumLock" when lit. Nothing is yielded while `held`
        makes a shortcut of every key, as Alt does.
        """
        state = self._state(held, lock)
        shortcut = self._mask(*SHORTCUT_MODIFIERS)
        if self._lib.xkb_state_serialize_mods(state, COMPONENTS_EFFECTIVE) & shortcut:
            return {}
        found = {key: self._symbol(state, key + EVDEV_OFFSET) for key in keys}
        return {key: symbol for key, symbol in found.items() if symbol.keysym}

    def compose(self, keysyms: Sequence[int]) -> tuple[Compose, str]:
        """Feed `keysyms` from the start; the state after the last, and the text if composed."""
        self._lib.xkb_compose_state_reset(self._compose)
        for keysym in keysyms:
            self._lib.xkb_compose_state_feed(self._compose, keysym)
        status = Compose(self._lib.xkb_compose_state_get_status(self._compose))
        if status is not Compose.COMPOSED:
            return status, ""
        buffer = ctypes.create_string_buffer(64)
        self._lib.xkb_compose_state_get_utf8(self._compose, buffer, len(buffer))
        return status, buffer.value.decode()

    def _state(self, held: Iterable[int], lock: str) -> int:
        state: int = self._lib.xkb_state_new(self._keymap)
        for key in held:
            self._lib.xkb_state_update_key(state, key + EVDEV_OFFSET, KEY_DOWN)
        depressed = self._lib.xkb_state_serialize_mods(state, COMPONENTS_DEPRESSED)
        locked = self._mask(lock) if lock else 0
        self._lib.xkb_state_update_mask(state, depressed, 0, locked, 0, 0, 0)
        return state

    def _mask(self, *modifiers: str) -> int:
        # NumLock is a virtual modifier: asked by its real one, which is Mod2 under evdev rules.
        real = ("Mod2" if name == "NumLock" else name for name in modifiers)
        indices = (self._lib.xkb_keymap_mod_get_index(self._keymap, m.encode()) for m in real)
        return sum(1 << index for index in indices)

    def _symbol(self, state: int, keycode: int) -> Symbol:
        keysym = self._lib.xkb_state_key_get_one_sym(state, keycode)
        buffer = ctypes.create_string_buffer(64)
        self._lib.xkb_state_key_get_utf8(state, keycode, buffer, len(buffer))
        return Symbol(keysym, buffer.value.decode())


def version() -> str:
    """Tell the release of the layouts' source, such as "xkeyboard-config 2.35.1"."""
    lines = PC_FILE.read_text("utf-8").splitlines() if PC_FILE.exists() else []
    numbers = [line.partition(":")[2].strip() for line in lines if line.startswith("Version:")]
    return f"xkeyboard-config {numbers[0] if numbers else 'unknown'}"


@cache
def library() -> ctypes.CDLL:
    """Load libxkbcommon (Debian: libxkbcommon0 and xkb-data); raises OSError without it."""
    lib = ctypes.CDLL("libxkbcommon.so.0")
    pointers = (
        "xkb_context_new",
        "xkb_keymap_new_from_names",
        "xkb_state_new",
        "xkb_compose_table_new_from_buffer",
        "xkb_compose_state_new",
    )
    for name in pointers:
        getattr(lib, name).restype = ctypes.c_void_p
    pointer, number, text, size = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t
    signatures = {
        "xkb_context_new": (number,),
        "xkb_context_include_path_append": (pointer, text),
        "xkb_keymap_new_from_names": (pointer, pointer, number),
        "xkb_keymap_mod_get_index": (pointer, text),
        "xkb_state_new": (pointer,),
        "xkb_state_update_key": (pointer, number, number),
        "xkb_state_update_mask": (pointer, *(number,) * 6),
        "xkb_state_serialize_mods": (pointer, number),
        "xkb_state_key_get_one_sym": (pointer, number),
        "xkb_state_key_get_utf8": (pointer, number, text, size),
        "xkb_compose_table_new_from_buffer": (pointer, text, size, text, number, number),
        "xkb_compose_state_new": (pointer, number),
        "xkb_compose_state_reset": (pointer,),
        "xkb_compose_state_feed": (pointer, number),
        "xkb_compose_state_get_status": (pointer,),
        "xkb_compose_state_get_utf8": (pointer, text, size),
    }
    for name, arguments in signatures.items():
        getattr(lib, name).argtypes = arguments
    for name in ("xkb_state_key_get_one_sym", "xkb_state_serialize_mods"):
        getattr(lib, name).restype = number
    return lib
