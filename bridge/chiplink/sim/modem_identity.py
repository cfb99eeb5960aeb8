"""Who a simulated modem says it is: ATI, +CGMI, +CGMM, +CGMR, +CGSN and their short forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model prints; ati is the block of ATI."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    ati: tuple[str, ...]


def identity_handlers(identity: Identity) -> dict[str, Callable[[Turn], None]]:
    """Return what answers the questions for identity."""
    lines = {
        "I": identity.ati,
        "+CGMI": (identity.manufacturer,),
        "+GMI": (identity.manufacturer,),
        "+CGMM": (identity.model,),
        "+GMM": (identity.model,),
        "+CGMR": (identity.revision,),
        "+GMR": (identity.revision,),
        "+CGSN": (identity.imei,),
        "+GSN": (identity.imei,),
        "+GCAP": ("+GCAP: +CGSM",),
    }

    def answer(turn: Turn) -> None:
        if turn.command.form == "execute":
            turn.info(*lines[turn.command.name])
        if turn.command.form in ("execute", "test"):
            turn.ok()
        else:
            turn.error()

    return dict.fromkeys(lines, answer)
