"""The SIM card of a simulated modem: PIN, PUK, remaining tries, identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import modem_errors as errors
from .modem_events import CardChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .faults import FaultSet

State = Literal["READY", "SIM PIN", "SIM PUK", "NOT INSERTED", "NOT READY", "BLOCKED"]
PIN_TRIES = 3
PUK_TRIES = 10
REFUSALS = {
    "NOT INSERTED": errors.NO_SIM,
    "NOT READY": errors.SIM_FAILURE,
    "SIM PIN": errors.PIN_REQUIRED,
    "SIM PUK": errors.PUK_REQUIRED,
    "BLOCKED": errors.SIM_FAILURE,
}


class Card:
    """A card with PIN 1234 and PUK 12345678; it asks for the PIN if locked."""

    imsi = "460001234567890"
    iccid = "89860012345678901234"
    number = "+8613800138000"
    provider = "CMCC"

    def __init__(self, faults: FaultSet, emit: Callable[[Event], None]) -> None:
        self.pin = "1234"
        self.puk = "12345678"
        self.locked = False  # the PIN is asked for after every start
        self.inserted = True
        self.pin_tries = PIN_TRIES
        self.puk_tries = PUK_TRIES
        self.state: State = "NOT READY"
        self._powered = False
        self.on_change: Callable[[], None] = lambda: None
        self._faults = faults
        self._emit = emit

    @property
    def refusal(self) -> int | None:
        """The error of what needs a readable card, None if it is one."""
        return REFUSALS.get(self.state)

    def power(self, *, on: bool) -> None:
        """Be read after a start, or be without power."""
        self._powered = on
        self._go(self._fresh())

    def insert(self, *, inserted: bool) -> None:
        """Be put into the holder or taken out."""
        self.inserted = inserted
        self._go(self._fresh())

    def lock(self) -> None:
        """Ask for the PIN now and after every start."""
        self.locked = True
        self._go(self._fresh())

    def enter_pin(self, pin: str) -> int | None:
        """Try a PIN; the error, or None if the card is open now."""
        if self.state == "SIM PUK":
            return errors.PUK_REQUIRED
        if self.state != "SIM PIN":
            return self.refusal or errors.NOT_ALLOWED
        if pin == self.pin and not self._faults.hit("pin-wrong"):
            self.pin_tries = PIN_TRIES
            self._go("READY")
            return None
        self.pin_tries -= 1
        self._go("SIM PIN" if self.pin_tries else "SIM PUK")
        return errors.WRONG_PASSWORD

    def enter_puk(self, puk: str, pin: str) -> int | None:
        """Try the PUK with a new PIN; the error, or None if the card is open now."""
        if self.state != "SIM PUK":
            return self.refusal or errors.NOT_ALLOWED
        if puk == self.puk:
            self.pin, self.pin_tries, self.puk_tries = pin, PIN_TRIES, PUK_TRIES
            self._go("READY")
            return None
        self.puk_tries -= 1
        self._go("SIM PUK" if self.puk_tries else "BLOCKED")
        return errors.WRONG_PASSWORD

    def _fresh(self) -> State:
        if not self.inserted:
            return "NOT INSERTED"
        if not self._powered:
            return "NOT READY"
        if not self.puk_tries:
            return "BLOCKED"
        if not self.pin_tries:
            return "SIM PUK"
        return "SIM PIN" if self.locked else "READY"

    def _go(self, state: State) -> None:
        self.state = state
        self._emit(CardChanged(state, self.pin_tries, self.puk_tries))
        self.on_change()
