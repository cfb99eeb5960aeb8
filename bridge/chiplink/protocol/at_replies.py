"""What the answers to at_common's commands say; each reader takes a reply's lines.

A reader returns None where the modem does not know, or says something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from chiplink.protocol.at_text import hexadecimal, integer, values

if TYPE_CHECKING:
    from collections.abc import Sequence

_RSSI_MAX = 31
_UNKNOWN = 99
_WEAKEST, _STEP = -113, 2
_DIGITS = re.compile(r"[0-9]{14,17}")
_ICCID = re.compile(r"[0-9]{18,20}[0-9A-Fa-f]?")


@dataclass(frozen=True, slots=True)
class Signal:
    """Received power: 0 to 31 are -113 to -51 dBm and 0 to 100 percent; None: not known (99)."""

    dbm: int | None
    percent: int | None
    ber: int | None
    """Bit error rate, 0 to 7."""


class Registered(IntEnum):
    """<stat> of CREG, CGREG and CEREG (3GPP TS 27.007, 7.2)."""

    NOT_SEARCHING = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5


REGISTERED_WORDS = {
    Registered.NOT_SEARCHING: "not registered, not searching",
    Registered.HOME: "registered, home network",
    Registered.SEARCHING: "searching",
    Registered.DENIED: "registration denied",
    Registered.UNKNOWN: "unknown, perhaps no coverage",
    Registered.ROAMING: "registered, roaming",
}
"""In words."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the modem is registered; the cell only where the modem says it."""

    state: Registered
    area: int | None = None
    """LAC or TAC."""
    cell: int | None = None
    technology: int | None = None

    @property
    def there(self) -> bool:
        """Whether there is service."""
        return self.state in (Registered.HOME, Registered.ROAMING)


def read_signal(lines: Sequence[str]) -> Signal | None:
    """Read CSQ."""
    for line in lines:
        found = [integer(value) for value in values(line)]
        if len(found) >= 1 and found[0] is not None:
            rssi = found[0] if 0 <= found[0] <= _RSSI_MAX else None
            ber = found[1] if len(found) > 1 and found[1] != _UNKNOWN else None
            if rssi is None:
                return Signal(None, None, ber)
            return Signal(_WEAKEST + _STEP * rssi, round(100 * rssi / _RSSI_MAX), ber)
    return None


def read_registration(lines: Sequence[str]) -> Registration | None:
    """Read CREG?, CGREG? or CEREG?: `0,1`, `2,1,"1A2B","0001",…`, and the URC `1[,…]`.

    The URC begins with the state: there the second field is missing or in quotation marks, which
    may be left out around a LAC that has letters.
    """
    for line in lines:
        texts = values(line)
        quoted = re.search(r':\s*\d+\s*,\s*"', line) is not None
        if len(texts) > 1 and not quoted:
            texts = texts[1:]
        state = integer(texts[0]) if texts else None
        if state is None or state not in set(Registered):
            continue
        more = (*texts[1:4], "", "", "")
        return Registration(
            Registered(state), hexadecimal(more[0]), hexadecimal(more[1]), integer(more[2])
        )
    return None


def read_sim(lines: Sequence[str]) -> str | None:
    """Read CPIN?: READY, SIM PIN, SIM PUK …, the modem's word."""
    for line in lines:
        if line.startswith("+CPIN:"):
            return line.partition(":")[2].strip() or None
    return None


def read_operator(lines: Sequence[str]) -> str | None:
    """Read COPS?; None while registered nowhere."""
    for line in lines:
        texts = values(line)
        if len(texts) > 2:  # noqa: PLR2004 (mode, format, name)
            return texts[2] or None
    return None


def read_digits(lines: Sequence[str]) -> str | None:
    """Read CGSN's IMEI or CIMI's IMSI."""
    return _found(_DIGITS, lines)


def read_iccid(lines: Sequence[str]) -> str | None:
    """Read CCID."""
    return _found(_ICCID, lines)


def read_text(lines: Sequence[str]) -> str | None:
    """Read CGMI, CGMM or CGMR: the first line, without a name before it."""
    for line in lines:
        text = re.sub(r"^(\+[A-Z]+|Revision): ?", "", line).strip().strip('"')
        if text:
            return text
    return None


def read_number(lines: Sequence[str]) -> int | None:
    """Read one number behind a name: CGATT?, CFUN?, CIPHEAD? and others."""
    for line in lines:
        found = [integer(value) for value in values(line)]
        if len(found) == 1:
            return found[0]
    return None


def _found(pattern: re.Pattern[str], lines: Sequence[str]) -> str | None:
    for line in lines:
        text = (line.rpartition(":")[2]).strip().strip('"')
        if pattern.fullmatch(text):
            return text
    return None
