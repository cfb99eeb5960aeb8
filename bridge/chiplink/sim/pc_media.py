"""The media and power keys of the simulated computer (document, appendix 1, table 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import AcpiChanged, MediaChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event

# Names by byte after the report id 02, then by bit, bit 0 first.
MEDIA_KEYS = (
    ("volume_up", "volume_down", "mute", "play_pause",
     "next_track", "previous_track", "cd_stop", "eject"),
    ("email", "www_search", "www_favourites", "www_home",
     "www_back", "www_forward", "www_stop", "www_refresh"),
    ("media_select", "explorer", "calculator", "screen_saver",
     "my_computer", "minimise", "record", "rewind"),
)  # fmt: skip
ACPI_KEYS = ("power", "sleep", "wake")


class PcMedia:
    """Media and power keys held, and every one that was pressed, in order."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self.media_down: frozenset[str] = frozenset()
        self.media_pressed: list[str] = []
        self.acpi_down: frozenset[str] = frozenset()
        self.acpi_pressed: list[str] = []
        self._emit = emit

    def media(self, data: bytes) -> None:
        """Take the three bytes after report id 02."""
        now = _names(MEDIA_KEYS[0], data[0])
        now += _names(MEDIA_KEYS[1], data[1]) + _names(MEDIA_KEYS[2], data[2])
        before, self.media_down = self.media_down, frozenset(now)
        for name in sorted(before - self.media_down):
            self._emit(MediaChanged(name, down=False))
        for name in now:
            if name not in before:
                self.media_pressed.append(name)
                self._emit(MediaChanged(name, down=True))

    def acpi(self, data: int) -> None:
        """Take the byte after report id 01."""
        now = _names(ACPI_KEYS, data)
        before, self.acpi_down = self.acpi_down, frozenset(now)
        for name in sorted(before - self.acpi_down):
            self._emit(AcpiChanged(name, down=False))
        for name in now:
            if name not in before:
                self.acpi_pressed.append(name)
                self._emit(AcpiChanged(name, down=True))

    def release_all(self) -> None:
        """Let go of every key."""
        self.media(bytes(3))
        self.acpi(0)


def _names(keys: tuple[str, ...], bits: int) -> list[str]:
    return [name for bit, name in enumerate(keys) if bits >> bit & 1]
