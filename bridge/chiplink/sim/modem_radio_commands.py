"""Commands about the network: +CREG and its kin, +CSQ, +COPS, +CGATT, +CPSI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_radio import Radio
    from .modem_settings import Settings
    from .modem_times import Times
    from .modem_turn import Turn

AUTOMATIC, DEREGISTER, FORMAT_ONLY = 0, 2, 3
NUMERIC = 2
WITH_CELL = 2


class RadioCommands:
    """The network's commands; technology is +COPS's fourth field, if the model prints it."""

    def __init__(
        self,
        radio: Radio,
        settings: Settings,
        times: Times,
        *,
        reports: tuple[str, ...],
        technology: str = "",
        bit_errors: int = 0,
    ) -> None:
        self._radio = radio
        self._settings = settings
        self._times = times
        self._reports = reports
        self._technology = technology
        self._bit_errors = bit_errors
        self._format = 0

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        found: dict[str, Callable[[Turn], None]] = {
            "+CSQ": self._csq,
            "+COPS": self._cops,
            "+CGATT": self._cgatt,
        }
        for name in self._reports:
            found[name] = self._registration
        return found

    def registration(self, name: str, *, unsolicited: bool) -> str:
        """Return the line that tells the registration, with the cell if it is asked for."""
        mode = self._settings.number(name)
        first = "" if unsolicited else f"{mode},"
        cell = f',"{self._radio.area}","{self._radio.cell}"'
        shown = cell if mode == WITH_CELL and self._radio.registered else ""
        return f"{name}: {first}{self._radio.state}{shown}"

    def changes(self) -> list[str]:
        """Return the unsolicited lines that a change of the registration asks for."""
        wanted = [name for name in self._reports if self._settings.number(name)]
        return [self.registration(name, unsolicited=True) for name in wanted]

    def _registration(self, turn: Turn) -> None:
        if turn.command.form == "read":
            turn.info(self.registration(turn.command.name, unsolicited=False))
            turn.ok()
        else:
            self._settings.handle(turn)

    def _csq(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.info("+CSQ: (0-31,99),(0-7,99)")
        else:
            turn.info(f"+CSQ: {self._radio.rssi},{self._bit_errors}")
        turn.ok()

    def _cops(self, turn: Turn) -> None:
        radio, command = self._radio, turn.command
        if command.form == "test":
            named = f'(2,"{radio.operator}","{radio.operator}","{radio.operator_code}")'
            turn.info(f"+COPS: {named},,(0-4),(0-2)")
        elif command.form == "read":
            name = radio.operator_code if self._format == NUMERIC else radio.operator
            shown = f',{self._format},"{name}"{self._technology}' if radio.registered else ""
            turn.info(f"+COPS: 0{shown}")
        elif command.form == "write":
            self._select(command.number(0), command.number(1, self._format))
        else:
            turn.error()
            return
        turn.ok()

    def _select(self, mode: int, shape: int) -> None:
        if mode == FORMAT_ONLY:
            self._format = shape
        else:
            self._radio.want(wanted=mode != DEREGISTER)

    def _cgatt(self, turn: Turn) -> None:
        radio, command = self._radio, turn.command
        if command.form == "test":
            turn.info("+CGATT: (0,1)")
            turn.ok()
        elif command.form == "read":
            turn.info(f"+CGATT: {int(radio.attached)}")
            turn.ok()
        elif command.form == "write" and command.number(0) in (0, 1):
            wanted = command.number(0) == 1
            turn.after(self._times.attach, lambda: self._attach(turn, wanted=wanted))
        else:
            turn.error(errors.BAD_PARAMETER)

    def _attach(self, turn: Turn, *, wanted: bool) -> None:
        self._radio.attach(attached=wanted)
        if wanted and not self._radio.attached:
            turn.error(errors.NO_NETWORK)
        else:
            turn.ok()
