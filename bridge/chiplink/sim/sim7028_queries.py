"""What the SIM7028 tells: +IPADDR, +CIPACK, +CDNSGIP, +CDNSCFG, +CPSI (2.1.7, 2.1.16-20)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from . import sim7028_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn
    from .sim7028_stack import Sim7028Stack

RESERVED = 0  # +CIPACK's second field confirms nothing
DNS = {
    "0": ("183.230.126.224", "183.230.126.225"),
    "1": ("2409:8060:20EA:101::1", "2409:8060:20EA:201::1"),
}
LABEL_MAX, NAME_MAX = 63, 254


class QueryCommands:
    """Addresses, counters, names."""

    def __init__(self, stack: Sim7028Stack) -> None:
        self._stack = stack
        self._modem = stack.modem
        self._dns = dict(DNS)

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the commands out."""
        return {
            "+IPADDR": self._ipaddr,
            "+CIPACK": self._cipack,
            "+CDNSGIP": self._cdnsgip,
            "+CDNSCFG": self._cdnscfg,
            "+CPSI": self._cpsi,
        }

    def _ipaddr(self, turn: Turn) -> None:
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "execute":
            turn.error()
        elif not self._stack.usable:
            self._stack.ip_error(turn, errors.INFO_NOT_OPENED)
        else:
            turn.info(f"+IPADDR: {self._stack.address}")
            turn.ok()

    def _cipack(self, turn: Turn) -> None:
        stack, command = self._stack, turn.command
        if command.form == "test":
            turn.info("+CIPACK: (0-1)")
            turn.ok()
            return
        if command.form != "write":
            turn.error()
            return
        index = command.number(0)
        if index >= len(stack.links):
            stack.ip_error(turn, errors.INFO_INVALID)
            return
        channel = stack.links[index].channel
        if not stack.is_open:
            stack.ip_error(turn, errors.INFO_NOT_OPENED)
        elif channel is None:
            stack.ip_error(turn, errors.INFO_NOT_CREATED)
        else:
            turn.info(f"+CIPACK: {channel.given},{RESERVED},{channel.taken_in}")
            turn.ok()

    def _cdnsgip(self, turn: Turn) -> None:
        name = turn.command.text(0)
        if turn.command.form == "test":
            turn.ok()
        elif turn.command.form != "write" or not _is_name(name) or not self._stack.usable:
            turn.error()
        else:
            self._modem.ether.names.resolve(name, lambda found: self._answer(turn, name, found))

    def _answer(self, turn: Turn, name: str, found: list[bytes]) -> None:
        if found:
            turn.info(f'+CDNSGIP: 1,"{name}","{ip_address(found[0])}"')
            turn.ok()
        else:
            turn.info(f"+CDNSGIP: 0,{errors.DNS_ERROR}")
            turn.error()

    def _cdnscfg(self, turn: Turn) -> None:
        command = turn.command
        if command.form == "test":
            turn.info("+CDNSCFG: (Primary DNS),(Secondary DNS),type")
        elif command.form == "read":
            turn.info(
                *(
                    f"Primary {family} DNS:{self._dns[kind][0]},"
                    f"Secondary {family} DNS:{self._dns[kind][1]}"
                    for kind, family in (("0", "IPv4"), ("1", "IPv6"))
                )
            )
        elif command.form == "write":
            kind = command.text(2, "0") or "0"
            if kind not in DNS:
                raise ValueError(kind)
            first, second = command.text(0), command.text(1, self._dns[kind][1])
            ip_address(first)
            ip_address(second)
            self._dns[kind] = (first, second)
        else:
            turn.error()
            return
        turn.ok()

    def _cpsi(self, turn: Turn) -> None:
        """Tell the cell; NO SERVICE without one (4.2)."""
        if turn.command.form == "read" and self._modem.radio.registered:
            radio = self._modem.radio
            cell = f"460-00,0x{radio.area},{int(radio.cell, 16)},12,EUTRAN-BAND8,3745,0,0"
            turn.info(f"+CPSI: LTE NB-IOT,Online,{cell},-110,-960,-850,15")
        else:
            turn.info("+CPSI: NO SERVICE,Online")
        turn.ok()


def _is_name(text: str) -> bool:
    """Say whether text is a domain name of this length (2.1.17)."""
    labels = text.split(".")
    good = all(label and len(label) <= LABEL_MAX and label[0].isalnum() for label in labels)
    return good and len(text) <= NAME_MAX
