"""What a simulated chip and its computer did, as frozen values for observers and the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `event` is its name in the log."""

    event: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class KeyDown(Event):
    """A key of the simulated computer went down (usage of HID page 07)."""

    event: ClassVar[str] = "key_down"
    usage: int


@dataclass(frozen=True, slots=True)
class KeyUp(Event):
    """A key of the simulated computer went up (usage of HID page 07)."""

    event: ClassVar[str] = "key_up"
    usage: int


@dataclass(frozen=True, slots=True)
class TextChanged(Event):
    """The text on the computer's screen: what was appended, how many characters went."""

    event: ClassVar[str] = "text"
    added: str
    removed: int
    length: int


@dataclass(frozen=True, slots=True)
class PointerMoved(Event):
    """The pointer stands at this pixel."""

    event: ClassVar[str] = "pointer"
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class ButtonChanged(Event):
    """A mouse button went down or up."""

    event: ClassVar[str] = "button"
    name: str
    down: bool


@dataclass(frozen=True, slots=True)
class Clicked(Event):
    """A mouse button was released again, at this pixel."""

    event: ClassVar[str] = "click"
    name: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Wheel(Event):
    """The wheel turned; positive is up."""

    event: ClassVar[str] = "wheel"
    delta: int


@dataclass(frozen=True, slots=True)
class LightChanged(Event):
    """A lock light of the computer: num, caps or scroll."""

    event: ClassVar[str] = "light"
    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class HidReceived(Event):
    """The computer got a custom HID report."""

    event: ClassVar[str] = "hid"
    data: bytes


@dataclass(frozen=True, slots=True)
class MediaChanged(Event):
    """A media key went down or up."""

    event: ClassVar[str] = "media"
    name: str
    down: bool


@dataclass(frozen=True, slots=True)
class AcpiChanged(Event):
    """A power key went down or up."""

    event: ClassVar[str] = "acpi"
    name: str
    down: bool


@dataclass(frozen=True, slots=True)
class UsbChanged(Event):
    """The computer enumerated the chip, or lost it (then the identity is empty)."""

    event: ClassVar[str] = "usb"
    connected: bool
    vid: int = 0
    pid: int = 0
    manufacturer: str = ""
    product: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class FrameReceived(Event):
    """A whole frame arrived; problem is empty or says why it is not carried out."""

    event: ClassVar[str] = "frame"
    address: int
    command: int
    name: str
    data: bytes
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BytesDropped(Event):
    """Bytes that belong to no frame, or to one that was given up, and why."""

    event: ClassVar[str] = "dropped"
    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Replied(Event):
    """The chip sent these bytes; name says to what, fault which habit spoilt them."""

    event: ClassVar[str] = "reply"
    name: str
    data: bytes
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The chip runs, after power-up or a reset, at this baud rate and in these modes."""

    event: ClassVar[str] = "started"
    cause: str
    baud: int
    work_mode: int
    serial_mode: int


@dataclass(frozen=True, slots=True)
class FaultSwitched(Event):
    """A fault or quirk was switched on or off."""

    event: ClassVar[str] = "fault"
    name: str
    on: bool


class Observable:
    """Something that tells its observers what happened, in order, at once."""

    def __init__(self) -> None:
        self._observers: list[Callable[[Event], None]] = []

    def observe(self, observer: Callable[[Event], None]) -> Callable[[], None]:
        """Call observer with every event from now on; the result ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def emit(self, event: Event) -> None:
        """Hand event to every observer."""
        for observer in tuple(self._observers):
            observer(event)
