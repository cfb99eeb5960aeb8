"""The SIM800's data contexts: +CSTT, +CIICR, +CIFSR, +CIPSHUT (note 3.1.1, 5, 9; manual 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import modem_errors as errors
from .modem_events import StackChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_turn import Turn
    from .sim800_stack import Sim800Stack

State = Literal["IP INITIAL", "IP START", "IP CONFIG", "IP GPRSACT", "IP STATUS", "PDP DEACT"]
ADDRESSES = ("10.78.245.128", "10.204.70.11")
UP = ("IP GPRSACT", "IP STATUS")


class GprsContext:
    """One of two contexts; the links' states are told apart from this one."""

    def __init__(self, index: int, modem: ModemSim) -> None:
        self.index = index
        self.address = ADDRESSES[index]
        self.state: State = "IP INITIAL"
        self.apn: tuple[str, ...] = ("CMNET", "", "")
        self.processing = False  # several links: one has been begun since the context came up
        self._modem = modem

    @property
    def up(self) -> bool:
        """Whether it has an address."""
        return self.state in UP

    def go(self, state: State) -> None:
        """Have another state."""
        if state != self.state:
            self.state = state
            self._modem.emit(StackChanged(self.index, state))

    def bring_up(self, done: Callable[[bool], None]) -> Callable[[], None]:
        """Activate: IP CONFIG, then IP GPRSACT or PDP DEACT; the result cancels it."""
        self.go("IP CONFIG")

        def finish() -> None:
            well = self._modem.radio.attached
            self.go("IP GPRSACT" if well else "PDP DEACT")
            done(well)

        return self._modem.later(self._modem.times.context, finish)

    def reset(self) -> None:
        """Be IP INITIAL again."""
        self.processing = False
        self.apn = ("CMNET", "", "")
        self.go("IP INITIAL")


class ContextCommands:
    """The commands that bring the selected context up and down."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {
            "+CSTT": self._cstt,
            "+CIICR": self._ciicr,
            "+CIFSR": self._cifsr,
            "+CIPSHUT": self._cipshut,
        }

    def _cstt(self, turn: Turn) -> None:
        """Start the task and set the APN: legal in IP INITIAL alone."""
        context, command = self._stack.context, turn.command
        if command.form == "test":
            turn.info('+CSTT: "APN","USER","PWD"')
        elif command.form == "read":
            turn.info("+CSTT: " + ",".join(f'"{part}"' for part in context.apn))
        elif context.state != "IP INITIAL":
            turn.error(errors.NOT_ALLOWED)
            return
        else:
            if command.form == "write":
                context.apn = tuple(command.text(index) for index in range(3))
            context.go("IP START")
        turn.ok()

    def _ciicr(self, turn: Turn) -> None:
        """Bring the wireless connection up: legal in IP START alone."""
        context = self._stack.context
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute" or context.state != "IP START":
            turn.error(errors.NOT_ALLOWED)
        else:
            context.bring_up(lambda well: turn.ok() if well else turn.error(errors.NOT_ALLOWED))

    def _cifsr(self, turn: Turn) -> None:
        """Tell the local address, without OK; ERROR while there is none."""
        context = self._stack.context
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute" or not context.up:
            turn.error()
        else:
            context.go("IP STATUS")
            turn.end(context.address)

    def _cipshut(self, turn: Turn) -> None:
        """Deactivate the selected context with everything that uses it: legal always."""
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute":
            turn.error()
        else:
            turn.after(self._modem.times.shut, lambda: self._shut(turn))

    def _shut(self, turn: Turn) -> None:
        self._stack.shut_context(self._stack.context)
        turn.end("SHUT OK")
