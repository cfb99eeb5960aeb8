"""A simulated modem's way into the network: searching, registered, attached, out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .modem_events import RegistrationChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .modem_times import Times
    from .timers import Timers

# <stat> of 3GPP TS 27.007 7.2.
OFF: Final = 0
HOME: Final = 1
SEARCHING: Final = 2
DENIED: Final = 3
ROAMING: Final = 5
UNKNOWN_SIGNAL: Final = 99
SIGNALS: Final = range(32)


class Radio:
    """Registers a while after there is power, a card and a network; attaches by itself."""

    area = "1A2B"
    cell = "3C4D"
    operator = "CHINA MOBILE"
    operator_code = "46000"

    def __init__(self, times: Times, timers: Timers, emit: Callable[[Event], None]) -> None:
        self.state = OFF
        self.attached = False
        self.network = True  # whether there is one to register with
        self.registers_as = HOME
        self.wants_attach = True
        self.on_change: Callable[[], None] = lambda: None
        self._signal = 20
        self._times = times
        self._timers = timers
        self._emit = emit
        self._cancel: Callable[[], None] | None = None
        self._may = False
        self._wanted = True  # the host has not deregistered (+COPS=2)

    @property
    def registered(self) -> bool:
        """Whether the network has taken the modem in."""
        return self.state in (HOME, ROAMING)

    @property
    def rssi(self) -> int:
        """What +CSQ shows: 0 to 31, or 99 while nothing is heard."""
        return self._signal if self.network and self.state != OFF else UNKNOWN_SIGNAL

    def set_signal(self, rssi: int) -> None:
        """Be heard with this strength; ValueError: neither 0 to 31 nor 99."""
        if rssi not in SIGNALS and rssi != UNKNOWN_SIGNAL:
            raise ValueError(f"{rssi} is no signal strength; 0 to 31 and 99 are")
        self._signal = rssi

    def reset(self) -> None:
        """Be without power."""
        self._may, self._wanted = False, True
        self._stop()
        self.state, self.attached, self.wants_attach = OFF, False, True

    def allow(self, *, allowed: bool) -> None:
        """Search and register, or leave the network: power and a readable card decide."""
        self._may = allowed
        self._follow()

    def want(self, *, wanted: bool) -> None:
        """Register or deregister, as the host says."""
        self._wanted = wanted
        self._follow()

    def set_network(self, *, there: bool) -> None:
        """Let there be a network, or none."""
        self.network = there
        self._follow()

    def attach(self, *, attached: bool) -> None:
        """Attach to packet service or detach from it."""
        self.wants_attach = attached
        self._go(self.state, attached=attached and self.registered)

    def _follow(self) -> None:
        self._stop()
        if not (self._may and self._wanted):
            self._go(OFF, attached=False)
        elif not self.network:
            self._go(SEARCHING, attached=False)
        elif not self.registered:
            self._go(SEARCHING, attached=False)
            seconds = self._times.scaled(self._times.register)
            self._cancel = self._timers.later(seconds, self._register)

    def _register(self) -> None:
        self._cancel = None
        taken = self.registers_as in (HOME, ROAMING)
        self._go(self.registers_as, attached=taken and self.wants_attach)

    def _go(self, state: int, *, attached: bool) -> None:
        if (state, attached) != (self.state, self.attached):
            self.state, self.attached = state, attached
            self._emit(RegistrationChanged(state, attached))
            self.on_change()

    def _stop(self) -> None:
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
