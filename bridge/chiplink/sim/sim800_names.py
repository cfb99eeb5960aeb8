"""The SIM800's +CDNSGIP and +CDNSCFG (note 6; manual 8.2.13, 8.2.14)."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim800_stack import Sim800Stack

SHOWN = 2  # addresses of one name
COMMON_ERROR = 8
SERVERS = ("8.8.8.8", "8.8.4.4")


class NameCommands:
    """Asking for addresses."""

    def __init__(self, stack: Sim800Stack) -> None:
        self._stack = stack
        self._modem = stack.modem
        self._servers = SERVERS

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {"+CDNSGIP": self._cdnsgip, "+CDNSCFG": self._cdnscfg}

    def _cdnsgip(self, turn: Turn) -> None:
        name = turn.command.text(0)
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "write" or not name or not self._stack.context.up:
            turn.error()
        else:
            turn.ok()
            self._modem.later(self._modem.times.dns, lambda: self._ask(name))

    def _ask(self, name: str) -> None:
        self._modem.ether.names.resolve(name, lambda found: self._answer(name, found))

    def _answer(self, name: str, found: list[bytes]) -> None:
        shown = [f'"{ip_address(address)}"' for address in found[:SHOWN]]
        if shown:
            self._modem.urc(",".join([f'+CDNSGIP: 1,"{name}"', *shown]))
        else:
            self._modem.urc(f"+CDNSGIP: 0,{COMMON_ERROR}")

    def _cdnscfg(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "read":
            turn.info(f"PrimaryDns: {self._servers[0]}", f"SecondaryDns: {self._servers[1]}")
        elif command.form == "write":
            texts = (command.text(0), command.text(1, self._servers[1]))
            self._servers = (str(IPv4Address(texts[0])), str(IPv4Address(texts[1])))
        turn.ok()
