"""Commands that drivers in the field send to any modem, with plausible answers and no effect."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from .modem_settings import Setting, flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn

BYTE = range(256)

WIDE_SETTINGS = (
    flag("+CMEE", top=2),
    flag("+CREG", top=2),
    flag("+CGREG", top=2),
    flag("+CLTS"),
    flag("+CIURC", default=1),
    flag("+CTZR"),
    flag("+CTZU"),
    flag("+CLIP"),
    flag("+CRC"),
    flag("+CMGF"),
    flag("+CMGHEX"),
    flag("+CSCLK", top=2),
    flag("+CBATCHK"),
    flag("+CSDT"),
    flag("+CVHU"),
    flag("+DDET"),
    flag("+CMUT"),
    Setting("+CSCS", '("IRA","GSM","UCS2","HEX","PCCP","PCDN","8859-1")', ("IRA",), (None,)),
    Setting("+IFC", "(0-2),(0-2)", ("0", "0"), (range(3), range(3))),
    Setting("+ICF", "(1-6),(0-3)", ("3", "3"), (range(1, 7), range(4))),
    Setting("+CNMI", "(0-3),(0-3),(0-3),(0-2),(0,1)", ("2", "1", "0", "0", "0"), (BYTE,) * 5),
    Setting("+CSMP", "(0-255),(0-255),(0-255),(0-255)", ("17", "167", "0", "0"), (BYTE,) * 4),
    Setting("+CMER", "(0,3),(0),(0),(0,1),(0)", ("0", "0", "0", "0", "0"), (BYTE,) * 5, kept=False),
    Setting("+CSCA", None, ("+8613800100500", "145"), (None, BYTE)),
    Setting("+CLVL", "(0-100)", ("60",), (range(101),)),
)


def wide_handlers() -> dict[str, Callable[[Turn], None]]:
    """Return what answers the rest."""
    return {
        "+CBC": _line("+CBC: 0,85,4100"),
        "+CPAS": _line("+CPAS: 0"),
        "+CMTE": _line("+CMTE: 0,25.63"),
        "+CLCC": _nothing,
        "+CMGL": _nothing,
        "+CMGD": _nothing,
        "+CMGDA": _nothing,
        "+CPMS": _storage,
        "+CCLK": _clock,
        "H": _nothing,
    }


def _nothing(turn: Turn) -> None:
    turn.ok()


def _line(line: str) -> Callable[[Turn], None]:
    def answer(turn: Turn) -> None:
        if turn.command.form in ("execute", "read"):
            turn.info(line)
        turn.ok()

    return answer


def _storage(turn: Turn) -> None:
    match turn.command.form:
        case "test":
            turn.info('+CPMS: ("SM"),("SM"),("SM")')
        case "read":
            turn.info('+CPMS: "SM",0,50,"SM",0,50,"SM",0,50')
        case _:
            turn.info("+CPMS: 0,50,0,50,0,50")
    turn.ok()


def _clock(turn: Turn) -> None:
    if turn.command.form == "read":
        now = dt.datetime.now(dt.UTC)
        turn.info(f'+CCLK: "{now:%y/%m/%d,%H:%M:%S}+00"')
    turn.ok()
