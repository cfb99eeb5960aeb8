"""The CH9329's serial modes without frames: 1 types bytes as ASCII, 2 passes them through.

The filter strings of the parameters are stored but not applied: the document does not say
what they keep and what they drop.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import pc_keys
from .ch9329_core import HID_MODES, KEYBOARD_MODES
from .ch9329_wire import DATA_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch9329_core import Core

    Later = Callable[[float, Callable[[], None]], Callable[[], None]]

ASCII_MODE = 1
STEPS_MAX = 8192
ENTER = (0, pc_keys.ENTER)


class ByteModes:
    """Bytes of serial modes 1 and 2; silence of the packet interval ends a packet."""

    def __init__(self, core: Core, later: Later) -> None:
        self._core = core
        self._later = later
        self._held = bytearray()
        self._steps: deque[tuple[bytes, float]] = deque()
        self._typing = False
        self._cancel_end: Callable[[], None] | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes of the host."""
        if self._cancel_end is not None:
            self._cancel_end()
        self._held += data
        if self._core.serial_mode == ASCII_MODE:
            self._translate()
        else:
            self._pass_through(DATA_MAX)
        self._cancel_end = self._later(
            self._core.active.parameters.packet_interval, self._end_packet
        )

    def drop_packet(self) -> None:
        """Forget an unfinished packet; what is being typed is typed to its end."""
        self._held.clear()

    def clear(self) -> None:
        """Forget what is held and what is still to be typed."""
        self._held.clear()
        self._steps.clear()
        self._typing = False
        self._cancel_end = None

    def _end_packet(self) -> None:
        self._cancel_end = None
        if self._core.serial_mode == ASCII_MODE:
            for byte in self._held:
                self._add_character(byte)
            self._held.clear()
            if self._core.active.parameters.auto_enter:
                self._add(ENTER)
            self._start()
        else:
            self._pass_through(1)

    def _pass_through(self, least: int) -> None:
        pc = self._core.pc
        while len(self._held) >= least:
            report = bytes(self._held[:DATA_MAX])
            del self._held[:DATA_MAX]
            if pc.enumerated and self._core.work_mode in HID_MODES:
                pc.hid_report(report)

    def _translate(self) -> None:
        """Type what is held but for the beginning of an Enter group."""
        held = self._held
        groups = self._core.active.parameters.enter_characters
        while held:
            if group := next((group for group in groups if held.startswith(group)), None):
                del held[: len(group)]
                self._add(ENTER)
            elif any(group.startswith(held) for group in groups):
                break
            else:
                self._add_character(held.pop(0))
        self._start()

    def _add_character(self, byte: int) -> None:
        if key := pc_keys.key_of_ascii(chr(byte)):
            self._add(key)

    def _add(self, key: tuple[int, int]) -> None:
        if len(self._steps) < STEPS_MAX:
            parameters = self._core.active.parameters
            press = bytes([key[0], 0, key[1], 0, 0, 0, 0, 0])
            if parameters.fast_upload:
                self._steps.append((press, parameters.upload_interval))
            else:
                self._steps.append((press, parameters.release_delay))
                self._steps.append((bytes(8), parameters.upload_interval))

    def _start(self) -> None:
        if self._steps and not self._typing:
            self._typing = True
            self._step()

    def _step(self) -> None:
        if not self._steps:
            self._typing = False
            if self._core.active.parameters.fast_upload:
                self._report(bytes(8))
            return
        report, pause = self._steps.popleft()
        self._report(report)
        self._later(pause, self._step)

    def _report(self, report: bytes) -> None:
        if self._core.pc.enumerated and self._core.work_mode in KEYBOARD_MODES:
            self._core.pc.keyboard_report(report)
