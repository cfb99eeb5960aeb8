"""Commands about the modem itself: ATE, ATV, AT&W, ATZ, AT&F, +IPR, +CFUN, power down, ATO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors
from .modem_port import RATES
from .modem_settings import Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_turn import Turn

ECHO, RATE = "E", "+IPR"
BASIC_SETTINGS = (
    Setting(ECHO, None, ("1",), (range(2),)),
    Setting(RATE, None, ("0",), (None,)),
)
FULL, MINIMAL, FLIGHT = 1, 0, 4
NO_EFFECT = ("Q", "X", "L", "M", "&C", "&D", "&K", "&S", "S0", "S3", "S4", "S5", "S7", "S10")


class BasicCommands:
    """Commands that change how the modem talks, and whether it runs."""

    def __init__(self, modem: ModemSim) -> None:
        self._modem = modem

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return dict.fromkeys(NO_EFFECT, lambda turn: turn.ok()) | {
            "E": self._echo,
            "V": self._verbose,
            "&W": self._save,
            "&F": self._factory,
            "Z": self._recall,
            "O": self._online,
            "+IPR": self._rate,
            "+CFUN": self._functionality,
            "+CPOWD": self._power_down,
            "+CRESET": lambda turn: self._restart(turn, "AT+CRESET"),
        }

    def _online(self, turn: Turn) -> None:
        self._modem.stack.resume(turn)

    def _echo(self, turn: Turn) -> None:
        on = turn.command.number(0, 0) == 1
        self._modem.settings.set(ECHO, str(int(on)))
        self._modem.port.echo = on
        turn.ok()

    def _verbose(self, turn: Turn) -> None:
        self._modem.executor.verbose = turn.command.number(0, 0) == 1
        turn.ok()

    def _save(self, turn: Turn) -> None:
        self._modem.settings.save()
        turn.ok()

    def _factory(self, turn: Turn) -> None:
        rate = self._modem.settings.text(RATE)
        self._modem.settings.factory()
        self._modem.settings.set(RATE, rate)
        self._modem.apply_profile()
        turn.ok()

    def _recall(self, turn: Turn) -> None:
        self._modem.settings.recall()
        self._modem.apply_profile()
        turn.ok()

    def _rate(self, turn: Turn) -> None:
        command, settings = turn.command, self._modem.settings
        if command.form == "test":
            rates = ",".join(str(rate) for rate in RATES)
            turn.info(f"+IPR: (0,{rates})")
        elif command.form == "read":
            turn.info(f"+IPR: {settings.text(RATE)}")
        elif command.form == "write" and command.number(0) in (0, *RATES):
            settings.set(RATE, str(command.number(0)))
            turn.ok()
            self._modem.port.set_rate(command.number(0))
            return
        else:
            turn.error(errors.BAD_PARAMETER)
            return
        turn.ok()

    def _functionality(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info("+CFUN: (0,1,4),(0,1)")
        elif command.form == "read":
            turn.info(f"+CFUN: {self._modem.functionality}")
        elif command.form == "write" and command.number(0) in (MINIMAL, FULL, FLIGHT):
            if command.number(1, 0) == 1:
                self._restart(turn, "AT+CFUN")
                return
            self._modem.set_functionality(command.number(0))
        else:
            turn.error(errors.BAD_PARAMETER)
            return
        turn.ok()

    def _power_down(self, turn: Turn) -> None:
        if turn.command.number(0, 0) == 1:
            turn.end("NORMAL POWER DOWN")
        else:
            turn.end()
        self._modem.power_off()

    def _restart(self, turn: Turn, cause: str) -> None:
        turn.ok()
        self._modem.restart(cause)
