"""The keyboard of the simulated computer: reports in; keys, text and lock lights out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import pc_keys
from .events import KeyDown, KeyUp, LightChanged, TextChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .pc_keys import Keymap

FIRST_KEY = 0x04  # 01 to 03 report errors (roll-over), 00 is no key
FIRST_MODIFIER = 0xE0  # E0 to E7 are the modifier byte's bits
LAST_MODIFIER = 0xE7


class PcKeyboard:
    """Keys held, the text they typed, and the three lock lights."""

    def __init__(self, emit: Callable[[Event], None], keymap: Keymap = pc_keys.us) -> None:
        self.keymap = keymap
        self.keys_down: list[int] = []
        self.modifiers = 0
        self.lights = {"num": False, "caps": False, "scroll": False}
        self._emit = emit
        self._text: list[str] = []

    @property
    def text(self) -> str:
        """What was typed, as Enter, Tab and Backspace left it."""
        return "".join(self._text)

    def clear_text(self) -> None:
        """Empty the screen."""
        removed = len(self._text)
        self._text.clear()
        self._emit(TextChanged("", removed, 0))

    def report(self, data: bytes) -> None:
        """Take the eight bytes of a keyboard report (document 2.2.2): a state, not a change."""
        if any(0 < usage < FIRST_KEY for usage in data[2:8]):
            return
        now = [
            usage
            for usage in dict.fromkeys(data[2:8])
            if usage and not FIRST_MODIFIER <= usage <= LAST_MODIFIER
        ]
        before = self.keys_down
        released = [usage for usage in before if usage not in now]
        pressed = [usage for usage in now if usage not in before]
        self.keys_down = [usage for usage in before if usage in now]
        for usage in released:
            self._emit(KeyUp(usage))
        self._set_modifiers(data[0])
        for usage in pressed:
            self.keys_down.append(usage)
            self._emit(KeyDown(usage))
            self._press(usage)

    def release_all(self) -> None:
        """Let go of everything, as a computer does when the keyboard is gone."""
        self.report(bytes(8))

    def toggle_light(self, name: str) -> None:
        """Turn a lock light (num, caps, scroll) over."""
        self.lights[name] = not self.lights[name]
        self._emit(LightChanged(name, self.lights[name]))

    def _set_modifiers(self, modifiers: int) -> None:
        changed = self.modifiers ^ modifiers
        self.modifiers = modifiers
        for bit in range(8):
            if changed >> bit & 1:
                usage = FIRST_MODIFIER + bit
                self._emit(KeyDown(usage) if modifiers >> bit & 1 else KeyUp(usage))

    def _press(self, usage: int) -> None:
        if light := pc_keys.LIGHT_OF_KEY.get(usage):
            self.toggle_light(light)
        elif not self.modifiers & (pc_keys.CTRL | pc_keys.LEFT_ALT | pc_keys.GUI):
            self._type(usage)

    def _type(self, usage: int) -> None:
        if usage == pc_keys.BACKSPACE:
            if self._text:
                self._text.pop()
                self._emit(TextChanged("", 1, len(self._text)))
        elif character := self._character(usage):
            self._text.append(character)
            self._emit(TextChanged(character, 0, len(self._text)))

    def _character(self, usage: int) -> str | None:
        if usage in (pc_keys.ENTER, pc_keys.ENTER_KEYPAD):
            return "\n"
        if usage == pc_keys.TAB:
            return "\t"
        shift = bool(self.modifiers & pc_keys.SHIFT)
        if usage in pc_keys.KEYPAD_NUMBERS and self.lights["num"] == shift:
            return None
        character = self.keymap(usage, self.modifiers)
        if character and self.lights["caps"] and character.isalpha():
            swapped = character.swapcase()
            return swapped if len(swapped) == 1 else character
        return character
