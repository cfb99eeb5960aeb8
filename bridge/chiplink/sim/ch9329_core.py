"""The state of a simulated CH9329 that its commands read and change, and its times."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ch9329_params import FACTORY_STRINGS, Stored
from .events import UsbChanged

if TYPE_CHECKING:
    from .faults import FaultSet
    from .pc import Pc

LIGHT_BITS = {"num": 0x01, "caps": 0x02, "scroll": 0x04}  # document 2.2.1
KEYBOARD_MODES = frozenset({0, 1, 2})
MEDIA_MODES = frozenset({0, 2})
MOUSE_MODES = frozenset({0, 2})
HID_MODES = frozenset({0, 3})
ALL_MODES = frozenset(range(4))


@dataclass(frozen=True, slots=True)
class Times:
    """How long the chip takes, in seconds; speed divides all but torn_hold."""

    keyboard: float = 0.004
    mouse: float = 0.017
    read: float = 0.002
    write: float = 0.010
    slow_write: float = 4.0
    light: float = 0.015  # from a light's change to the unsolicited 81
    boot: float = 0.4
    enumerate: float = 0.2
    split_gap: float = 0.032
    torn_hold: float = 10.0  # how long a torn frame waits for its rest
    speed: float = 1.0

    @classmethod
    def instant(cls) -> Times:
        """Return times without any waiting but for torn frames."""
        return cls(speed=math.inf)

    def scaled(self, seconds: float) -> float:
        """Return seconds at this speed."""
        return seconds / self.speed


@dataclass(slots=True)
class Core:
    """Settings in flash and in force, pins, version, and the computer at the other side."""

    pc: Pc
    faults: FaultSet
    stored: Stored = field(default_factory=Stored)
    version: int = 0x30
    info_reserved: bytes = bytes(5)
    pin_modes: bytes = b"\x80\x80"
    set_pin_low: bool = False
    active: Stored = field(init=False)

    def __post_init__(self) -> None:
        self.active = self.stored.copy()

    @property
    def work_mode(self) -> int:
        """The work mode in force."""
        return self.active.parameters.work_mode

    @property
    def serial_mode(self) -> int:
        """The serial mode in force; a low SET pin makes it the protocol (document, modes)."""
        return 0 if self.set_pin_low else self.active.parameters.serial_mode

    @property
    def readable(self) -> Stored:
        """The settings that read commands show."""
        return self.active if self.faults.is_on("params-active") else self.stored

    def info(self) -> bytes:
        """Return the eight bytes of GET_INFO (document 2.2.1)."""
        connected = self.pc.enumerated
        lights = 0
        if connected and self.work_mode in KEYBOARD_MODES:
            lights = sum(LIGHT_BITS[name] for name, on in self.pc.lights.items() if on)
        return bytes([self.version, connected, lights]) + self.info_reserved

    def identity(self) -> UsbChanged:
        """Return what the computer sees on enumeration; strings of our own only if enabled."""
        parameters = self.active.parameters
        vendor, product, serial = (
            (own if parameters.string_enabled(kind) else factory).decode("utf-8", "replace")
            for kind, (own, factory) in enumerate(
                zip(self.active.strings, FACTORY_STRINGS, strict=True)
            )
        )
        return UsbChanged(
            connected=True,
            vid=parameters.vid,
            pid=parameters.pid,
            manufacturer=vendor,
            product=product,
            serial=serial,
        )
