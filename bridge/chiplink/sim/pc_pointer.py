"""The pointer of the simulated computer: absolute and relative reports, buttons, wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import ButtonChanged, Clicked, PointerMoved, Wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event

ABSOLUTE_RANGE = 4096
# Bits of the button byte; 08 and 10 work though the document names three.
BUTTONS = {"left": 0x01, "right": 0x02, "middle": 0x04, "back": 0x08, "forward": 0x10}
WHEEL_UNDEFINED = 0x80


class PcPointer:
    """A pointer on a screen; linux=True ignores what Linux hosts ignore of absolute reports."""

    def __init__(self, emit: Callable[[Event], None], screen: tuple[int, int]) -> None:
        self.screen = screen
        self.linux = True
        self.position = (0, 0)
        self.wheel = 0
        self.clicks: list[tuple[str, int, int]] = []
        self._emit = emit
        self._relative_buttons = 0
        self._absolute_buttons = 0
        self._last_absolute: tuple[int | None, int | None] = (None, None)

    @property
    def buttons_down(self) -> frozenset[str]:
        """The names of the buttons held."""
        held = self._relative_buttons | self._absolute_buttons
        return frozenset(name for name, bit in BUTTONS.items() if held & bit)

    def absolute(self, buttons: int, x: int, y: int, wheel: int) -> None:
        """Take an absolute report, x and y in 0 to 4095 (document 2.2.4)."""
        here = self.position
        pixel = tuple(
            place if self.linux and value == last else value * extent // ABSOLUTE_RANGE
            for place, value, last, extent in zip(
                here, (x, y), self._last_absolute, self.screen, strict=True
            )
        )
        self._last_absolute = (x, y)
        self._move(pixel[0], pixel[1])
        if not self.linux:
            self._set_buttons(buttons, self._relative_buttons)
            self._roll(wheel)

    def relative(self, buttons: int, dx: int, dy: int, wheel: int) -> None:
        """Take a relative report's bytes, two's complement, y positive down (document 2.2.5)."""
        x, y = self.position
        self._move(x + _signed(dx), y + _signed(dy))
        self._set_buttons(self._absolute_buttons, buttons)
        self._roll(wheel)

    def release_all(self) -> None:
        """Let go of every button, as a computer does when the mouse is gone."""
        self._set_buttons(0, 0)
        self._last_absolute = (None, None)

    def _move(self, x: int, y: int) -> None:
        width, height = self.screen
        place = (min(max(x, 0), width - 1), min(max(y, 0), height - 1))
        if place != self.position:
            self.position = place
            self._emit(PointerMoved(*place))

    def _set_buttons(self, absolute: int, relative: int) -> None:
        before = self.buttons_down
        self._absolute_buttons, self._relative_buttons = absolute, relative
        after = self.buttons_down
        for name in BUTTONS:
            if name in after and name not in before:
                self._emit(ButtonChanged(name, down=True))
            elif name in before and name not in after:
                self.clicks.append((name, *self.position))
                self._emit(ButtonChanged(name, down=False))
                self._emit(Clicked(name, *self.position))

    def _roll(self, wheel: int) -> None:
        if wheel not in (0, WHEEL_UNDEFINED):
            self.wheel += _signed(wheel)
            self._emit(Wheel(_signed(wheel)))


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte  # noqa: PLR2004 - two's complement
