"""Names of media and power keys and the bits behind them (appendix 1, table 2)."""

from __future__ import annotations

MEDIA: dict[str, tuple[int, int]] = {
    "volume_up": (1, 0),
    "volume_down": (1, 1),
    "mute": (1, 2),
    "play_pause": (1, 3),
    "next_track": (1, 4),
    "previous_track": (1, 5),
    "cd_stop": (1, 6),
    "eject": (1, 7),
    "email": (2, 0),
    "www_search": (2, 1),
    "www_favourites": (2, 2),
    "www_home": (2, 3),
    "www_back": (2, 4),
    "www_forward": (2, 5),
    "www_stop": (2, 6),
    "www_refresh": (2, 7),
    "media_select": (3, 0),
    "explorer": (3, 1),
    "calculator": (3, 2),
    "screen_saver": (3, 3),
    "my_computer": (3, 4),
    "minimise": (3, 5),
    "record": (3, 6),
    "rewind": (3, 7),
}
"""Media keys: the byte after the report id 02, counted from 1, and the bit in it."""

POWER: dict[str, int] = {"power": 0, "sleep": 1, "wake": 2}
"""ACPI keys: the bit of the byte after the report id 01."""
