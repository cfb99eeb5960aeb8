"""The SIM800's +SAPBR: the other bearer, which its HTTP and FTP use (manual 9.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import modem_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem import ModemSim
    from .modem_turn import Turn

CLOSE, OPEN, QUERY, SET, GET = range(5)
CONNECTED, CLOSED = 1, 3
BEARERS = (1, 2)
ADDRESS = "10.89.193.1"
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - printed, never bound
NAMES = ("CONTYPE", "APN", "PHONENUM", "USER", "PWD", "RATE")


class Bearers:
    """Two bearers with their parameters."""

    def __init__(self, modem: ModemSim) -> None:
        self._modem = modem
        self._open: set[int] = set()
        self._values: dict[tuple[int, str], str] = {}

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the command out."""
        return {"+SAPBR": self._sapbr}

    def forget(self) -> None:
        """Be as after power-up."""
        self._open.clear()
        self._values.clear()

    def _sapbr(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info('+SAPBR: (0-4),(1-2),"CONTYPE","APN"')
            turn.ok()
            return
        if command.form != "write" or command.number(1) not in BEARERS:
            turn.error(errors.NOT_ALLOWED)
            return
        action, bearer = command.number(0), command.number(1)
        if action in (CLOSE, OPEN):
            self._switch(turn, bearer, on=action == OPEN)
        elif action == QUERY:
            up = bearer in self._open
            address = ADDRESS if up else NO_ADDRESS
            turn.info(f'+SAPBR: {bearer},{CONNECTED if up else CLOSED},"{address}"')
            turn.ok()
        elif action == SET and command.text(2).upper() in NAMES:
            self._values[bearer, command.text(2).upper()] = command.text(3)
            turn.ok()
        elif action == GET:
            turn.info("+SAPBR:", *self._shown(bearer))
            turn.ok()
        else:
            turn.error(errors.NOT_ALLOWED)

    def _switch(self, turn: Turn, bearer: int, *, on: bool) -> None:
        if (bearer in self._open) == on:
            turn.error(errors.NOT_ALLOWED)
        else:
            turn.after(self._modem.times.bearer, lambda: self._switched(turn, bearer, on=on))

    def _switched(self, turn: Turn, bearer: int, *, on: bool) -> None:
        if on and not self._modem.radio.attached:
            turn.error(errors.NOT_ALLOWED)
            return
        (self._open.add if on else self._open.discard)(bearer)
        turn.ok()

    def _shown(self, bearer: int) -> list[str]:
        return [f"{name}: {self._values.get((bearer, name), '')}" for name in NAMES]
