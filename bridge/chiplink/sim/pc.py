"""The computer at the USB side of a simulated CH9329."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import pc_keys
from .events import HidReceived, Observable, UsbChanged
from .pc_keyboard import PcKeyboard
from .pc_media import PcMedia
from .pc_pointer import PcPointer

if TYPE_CHECKING:
    from .pc_keys import Keymap

HID_REPORT_MAX = 64  # document 2.2.6 and 2.2.7


class UsbDevice(Protocol):
    """What the computer tells the chip at the other end of its cable."""

    def usb_lights_changed(self) -> None:
        """Take the lock lights: one of them changed."""

    def usb_hid_received(self, data: bytes) -> None:
        """Take a custom HID report of the computer."""

    def usb_plug_changed(self) -> None:
        """Learn that the cable was plugged in or pulled out."""


class Pc(Observable):
    """Keyboard, pointer, media keys and lights of a computer; observers get events."""

    def __init__(
        self, *, screen: tuple[int, int] = (1920, 1080), keymap: Keymap = pc_keys.us
    ) -> None:
        super().__init__()
        self.keyboard = PcKeyboard(self.emit, keymap)
        self.mouse = PcPointer(self.emit, screen)
        self.consumer = PcMedia(self.emit)
        self.hid_received: list[bytes] = []
        self.plugged = True
        self.identity = UsbChanged(connected=False)
        self._device: UsbDevice | None = None

    @property
    def text(self) -> str:
        """What was typed, as Enter, Tab and Backspace left it."""
        return self.keyboard.text

    @property
    def keys_down(self) -> frozenset[int]:
        """The usages of the keys held, modifiers apart."""
        return frozenset(self.keyboard.keys_down)

    @property
    def modifiers(self) -> int:
        """The modifier bits held (document 2.2.2)."""
        return self.keyboard.modifiers

    @property
    def lights(self) -> dict[str, bool]:
        """The lights num, caps and scroll; a copy."""
        return dict(self.keyboard.lights)

    @property
    def pointer(self) -> tuple[int, int]:
        """The pixel the pointer stands at."""
        return self.mouse.position

    @property
    def wheel(self) -> int:
        """All turns of the wheel added up; up is positive."""
        return self.mouse.wheel

    @property
    def buttons_down(self) -> frozenset[str]:
        """The mouse buttons held: left, right, middle, back, forward."""
        return self.mouse.buttons_down

    @property
    def clicks(self) -> list[tuple[str, int, int]]:
        """Every (button, x, y) pressed and released, in order."""
        return self.mouse.clicks

    @property
    def media_down(self) -> frozenset[str]:
        """The media keys held."""
        return self.consumer.media_down

    @property
    def media_pressed(self) -> list[str]:
        """Every media key pressed, in order."""
        return self.consumer.media_pressed

    @property
    def acpi_down(self) -> frozenset[str]:
        """The power keys held."""
        return self.consumer.acpi_down

    @property
    def acpi_pressed(self) -> list[str]:
        """Every power key pressed, in order."""
        return self.consumer.acpi_pressed

    @property
    def anything_pressed(self) -> bool:
        """Whether any key, modifier, button, media or power key is held."""
        held = self.keys_down or self.buttons_down or self.media_down or self.acpi_down
        return bool(held) or self.modifiers != 0

    @property
    def enumerated(self) -> bool:
        """Whether the computer knows the chip."""
        return self.identity.connected

    def toggle_light(self, name: str) -> None:
        """Turn a lock light (num, caps, scroll) over, as another keyboard would."""
        self.keyboard.toggle_light(name)
        self._tell_lights()

    def send_hid(self, data: bytes) -> None:
        """Send a custom HID report of 0 to 64 bytes to the chip; lost if it is not there."""
        if len(data) > HID_REPORT_MAX:
            raise ValueError(f"a custom HID report has at most {HID_REPORT_MAX} bytes")
        if self._device is not None and self.enumerated:
            self._device.usb_hid_received(data)

    def unplug(self) -> None:
        """Pull the USB cable out: everything held is released."""
        self._set_plugged(plugged=False)

    def plug(self) -> None:
        """Put the USB cable in; the chip enumerates in its own time."""
        self._set_plugged(plugged=True)

    def _set_plugged(self, *, plugged: bool) -> None:
        if plugged != self.plugged:
            self.plugged = plugged
            if self._device is not None:
                self._device.usb_plug_changed()

    # What follows is the chip's side of the cable.

    def connect(self, device: UsbDevice) -> None:
        """Put device at the other end of the cable."""
        self._device = device

    def enumerate_device(self, identity: UsbChanged) -> None:
        """Know the device by this identity from now on."""
        self.identity = identity
        self.emit(identity)

    def lose_device(self) -> None:
        """Notice that the device is gone and release everything it held."""
        if self.enumerated:
            self.keyboard.release_all()
            self.mouse.release_all()
            self.consumer.release_all()
            self.enumerate_device(UsbChanged(connected=False))

    def keyboard_report(self, data: bytes) -> None:
        """Take the eight bytes of a keyboard report."""
        before = self.lights
        self.keyboard.report(data)
        if self.lights != before:
            self._tell_lights()

    def hid_report(self, data: bytes) -> None:
        """Take a custom HID report."""
        self.hid_received.append(data)
        self.emit(HidReceived(data))

    def _tell_lights(self) -> None:
        if self._device is not None and self.enumerated:
            self._device.usb_lights_changed()
