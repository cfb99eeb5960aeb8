"""Commands about the SIM card: +CPIN, remaining tries, +CIMI, +CCID, +CNUM, +CSMINS, +CSPN."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_card import Card
    from .modem_turn import Turn

SHOWN = ("READY", "SIM PIN", "SIM PUK")
PUK_ARGUMENTS = 2


class CardCommands:
    """The card's commands; cpin is what stands before its state."""

    def __init__(self, card: Card, *, cpin: str = "+CPIN: ") -> None:
        self._card = card
        self._cpin = cpin

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {
            "+CPIN": self._pin,
            "+CPINR": self._tries_left,
            "+SPIC": self._spic,
            "+CIMI": lambda turn: self._show(turn, self._card.imsi),
            "+CCID": lambda turn: self._show(turn, self._card.iccid),
            "+ICCID": lambda turn: self._show(turn, f"+ICCID: {self._card.iccid}"),
            "+CICCID": lambda turn: self._show(turn, f"+ICCID: {self._card.iccid}"),
            "+CNUM": lambda turn: self._show(turn, f'+CNUM: "","{self._card.number}",145,7,4'),
            "+CSPN": lambda turn: self._show(turn, f'+CSPN: "{self._card.provider}",0'),
            "+CSMINS": self._inserted,
        }

    def _pin(self, turn: Turn) -> None:
        card, command = self._card, turn.command
        if command.form == "test":
            turn.ok()
        elif command.form == "read" and card.state in SHOWN:
            turn.info(self._cpin + card.state)
            turn.ok()
        elif command.form == "write":
            if len(command.arguments) == PUK_ARGUMENTS:
                error = card.enter_puk(command.text(0), command.text(1))
            else:
                error = card.enter_pin(command.text(0))
            turn.ok() if error is None else turn.error(error)
        else:
            turn.error(card.refusal)

    def _tries_left(self, turn: Turn) -> None:
        card = self._card
        if card.state in ("NOT INSERTED", "NOT READY"):
            turn.error(card.refusal)
            return
        turn.info(f"+CPINR: SIM PIN,{card.pin_tries},3", f"+CPINR: SIM PUK,{card.puk_tries},10")
        turn.ok()

    def _spic(self, turn: Turn) -> None:
        card = self._card
        if card.state in ("NOT INSERTED", "NOT READY"):
            turn.error(card.refusal)
            return
        turn.info(f"+SPIC: {card.pin_tries},{card.puk_tries},3,10")
        turn.ok()

    def _show(self, turn: Turn, line: str) -> None:
        if turn.command.form == "test":
            turn.ok()
        elif self._card.refusal is not None:
            turn.error(self._card.refusal)
        else:
            turn.info(line)
            turn.ok()

    def _inserted(self, turn: Turn) -> None:
        turn.info(f"+CSMINS: 0,{int(self._card.inserted)}")
        turn.ok()
