"""Names of keys and the HID usages behind them (appendix 1, usage page 07)."""

from __future__ import annotations

MODIFIERS: dict[str, int] = {
    "ctrl": 0x01,
    "shift": 0x02,
    "alt": 0x04,
    "gui": 0x08,
    "right_ctrl": 0x10,
    "right_shift": 0x20,
    "altgr": 0x40,
    "right_gui": 0x80,
}
"""Modifier bits of a keyboard report (section 2.2.2); the left one where both exist."""

MODIFIER_ALIASES: dict[str, str] = {
    "control": "ctrl",
    "left_ctrl": "ctrl",
    "left_shift": "shift",
    "left_alt": "alt",
    "option": "alt",
    "left_gui": "gui",
    "win": "gui",
    "windows": "gui",
    "super": "gui",
    "meta": "gui",
    "cmd": "gui",
    "command": "gui",
    "right_alt": "altgr",
    "right_win": "right_gui",
}
"""Other names people use for modifiers."""

KEYS: dict[str, int] = {
    "enter": 0x28,
    "escape": 0x29,
    "backspace": 0x2A,
    "tab": 0x2B,
    "space": 0x2C,
    "caps_lock": 0x39,
    **{f"f{n}": 0x39 + n for n in range(1, 13)},
    "print_screen": 0x46,
    "scroll_lock": 0x47,
    "pause": 0x48,
    "insert": 0x49,
    "home": 0x4A,
    "page_up": 0x4B,
    "delete": 0x4C,
    "end": 0x4D,
    "page_down": 0x4E,
    "right": 0x4F,
    "left": 0x50,
    "down": 0x51,
    "up": 0x52,
    "num_lock": 0x53,
    "kp_divide": 0x54,
    "kp_multiply": 0x55,
    "kp_minus": 0x56,
    "kp_plus": 0x57,
    "kp_enter": 0x58,
    **{f"kp_{n}": 0x58 + n for n in range(1, 10)},
    "kp_0": 0x62,
    "kp_dot": 0x63,
    "iso": 0x64,
    "menu": 0x65,
    "kp_comma": 0x85,
    "ro": 0x87,
    "katakana_hiragana": 0x88,
    "yen": 0x89,
    "henkan": 0x8A,
    "muhenkan": 0x8B,
    "hangul": 0x90,
    "hanja": 0x91,
}
"""Keys that are not named by the character they type."""

KEY_ALIASES: dict[str, str] = {
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "ins": "insert",
    "pgup": "page_up",
    "pageup": "page_up",
    "pgdn": "page_down",
    "pagedown": "page_down",
    "capslock": "caps_lock",
    "numlock": "num_lock",
    "scrolllock": "scroll_lock",
    "print": "print_screen",
    "printscreen": "print_screen",
    "prtsc": "print_screen",
    "sysrq": "print_screen",
    "break": "pause",
    "app": "menu",
    "context_menu": "menu",
    "arrow_left": "left",
    "arrow_right": "right",
    "arrow_up": "up",
    "arrow_down": "down",
    "spacebar": "space",
}
"""Other names people use for keys."""

CHARACTER_NAMES: dict[str, str] = {"plus": "+"}
"""Characters that cannot stand for themselves in a chord."""

LOCK_USAGES = frozenset({0x39, 0x47, 0x53})
"""Caps, Scroll and Num Lock: some hosts want them held longer."""
