"""PDP contexts by number: AT+CGDCONT, +CGACT, +CGPADDR (3GPP TS 27.007 10.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import modem_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_radio import Radio
    from .modem_times import Times
    from .modem_turn import Turn

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - printed, never bound
TYPES = ("IP", "IPV6", "IPV4V6", "PPP", "Non-IP")


@dataclass
class Context:
    """One context."""

    kind: str
    apn: str
    active: bool = False


class Contexts:
    """The contexts that the host defined; active ones die with the attachment."""

    def __init__(
        self, radio: Radio, times: Times, *, first: int = 1, last: int = 16, address: str = ""
    ) -> None:
        self.on_change: Callable[[int], None] = lambda _cid: None
        self.address = address
        self._radio = radio
        self._times = times
        self._numbers = range(first, last + 1)
        self._contexts: dict[int, Context] = {}

    def reset(self) -> None:
        """Have none."""
        self._contexts.clear()

    def define(self, cid: int, kind: str, apn: str, *, active: bool = False) -> None:
        """Define a context."""
        self._contexts[cid] = Context(kind, apn, active)

    def active(self, cid: int) -> bool:
        """Say whether a context is active."""
        return cid in self._contexts and self._contexts[cid].active

    def deactivate_all(self) -> None:
        """Lose every context."""
        for context in self._contexts.values():
            context.active = False

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CGDCONT": self.cgdcont, "+CGACT": self._cgact, "+CGPADDR": self._cgpaddr}

    def cgdcont(self, turn: Turn) -> None:
        """Carry out AT+CGDCONT."""
        command = turn.command
        if command.form == "test":
            turn.info(f'+CGDCONT: ({self._span()}),"IP",,,(0-2),(0-4)')
        elif command.form == "read":
            self._list(turn, lambda cid, it: f'+CGDCONT: {cid},"{it.kind}","{it.apn}","",0,0')
        elif command.form == "write":
            cid, kind = self._number(command.number(0)), command.text(1)
            if not kind:
                self._contexts.pop(cid, None)
            elif kind.upper() in {name.upper() for name in TYPES}:
                self.define(cid, kind.upper(), command.text(2))
            else:
                raise ValueError(kind)
        else:
            turn.error()
            return
        turn.ok()

    def _cgact(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info("+CGACT: (0,1)")
            turn.ok()
        elif command.form == "read":
            self._list(turn, lambda cid, it: f"+CGACT: {cid},{int(it.active)}")
            turn.ok()
        elif command.form == "write" and command.number(0) in (0, 1):
            cids = [self._number(command.number(1))] if len(command.arguments) > 1 else []
            on = command.number(0) == 1
            seconds = self._times.context if on else self._times.shut
            turn.after(seconds, lambda: self._activate(turn, cids or list(self._contexts), on=on))
        else:
            turn.error(errors.BAD_PARAMETER)

    def _activate(self, turn: Turn, cids: list[int], *, on: bool) -> None:
        known = [cid for cid in cids if cid in self._contexts]
        if on and (not self._radio.attached or len(known) < len(cids)):
            turn.error(errors.NO_NETWORK if known else errors.NOT_ALLOWED)
            return
        for cid in known:
            self._contexts[cid].active = on
            self.on_change(cid)
        turn.ok()

    def _cgpaddr(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.info(f"+CGPADDR: ({self._span()})")
        else:
            cids = [turn.command.number(0)] if turn.command.arguments else list(self._contexts)
            lines = [
                f'+CGPADDR: {cid},"{self.address if self.active(cid) else NO_ADDRESS}"'
                for cid in cids
            ]
            if lines:
                turn.info(*lines)
        turn.ok()

    def _list(self, turn: Turn, line: Callable[[int, Context], str]) -> None:
        if self._contexts:
            turn.info(*(line(cid, context) for cid, context in sorted(self._contexts.items())))

    def _number(self, cid: int) -> int:
        if cid not in self._numbers:
            raise ValueError(f"there is no context {cid}")
        return cid

    def _span(self) -> str:
        return f"{self._numbers.start}-{self._numbers.stop - 1}"
