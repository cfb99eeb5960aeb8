"""The G series' TCP/UDP commands (guide V1.72): builders and readers. One link.

The order of OK and CONNECT OK is not relied on, and `+CME ERROR: 50` behind an OK is the CIPSTART's
whatever is pending by then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.exceptions import UsageError
from chiplink.framing import at_data
from chiplink.protocol.at_command import Command, Ends, Row, execute, read, table, write
from chiplink.protocol.at_text import address, host, integer, joined, number, port, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

SEND_MAX = 1460
"""Bytes of one CIPSEND; the guide names no bound, this is one TCP segment's."""

STATES = (
    "IP INITIAL",
    "IP START",
    "IP CONFIG",
    "IP IND",
    "IP GPRSACT",
    "IP STATUS",
    "TCP/UDP CONNECTING",
    "IP CLOSE",
    "CONNECT OK",
    "PDP DEACT",
)
"""States of CIPSTATUS; all but the last by their number (4, 8)."""

MAY_CONNECT = frozenset({"IP INITIAL", "IP STATUS", "IP CLOSE"})
"""States in which CIPSTART is allowed; in others CIPSHUT or CIPCLOSE comes first (4)."""

HAVE_ADDRESS = frozenset({"IP GPRSACT", "TCP/UDP CONNECTING", "CONNECT OK", "IP CLOSE"})
"""States in which CIFSR answers; in others its ERROR means nothing (3)."""

STEP_WAIT = 30
"""Seconds that each step of the recipe of section 9 gets."""

TABLE = table(
    Row("CIFSR", "trx", 9, Ends.OK, True, "3"),
    Row("CIPSTART", "tw", 30, Ends.RESULT, False, "4"),
    Row("CIPSEND", "tx", 30, Ends.PROMPT_OK, False, "5"),
    Row("CIPHEAD", "trw", 9, Ends.OK, True, "6"),
    Row("CIPCLOSE", "tx", 30, Ends.OK, True, "7"),
    Row("CIPSTATUS", "trx", 9, Ends.OK, True, "8"),
    Row("CIPSHUT", "x", 65, Ends.OK, True, "4"),
    Row("CGATT", "trw", 30, Ends.OK, True, "9"),
    Row("CGDCONT", "trw", 9, Ends.OK, True, "9"),
    Row("CGACT", "trw", 30, Ends.OK, True, "9"),
)
"""By name; CGATT, CGDCONT, CGACT and ATI are built by at_common."""

_IP = re.compile(r"(\+CIFSR: ?)?\d{1,3}(\.\d{1,3}){3}$")
_RESULT = re.compile(
    r"CONNECT( OK| FAIL)?$|ALREADY CONNECT$|\+CME ERROR: ?50$|COMMAND NO RESPONSE!$"
)
_FAILS = re.compile(r"CONNECT FAIL|ALREADY|\+CME|COMMAND")


def cipstart(kind: str, remote: str, remote_port: int) -> Command:
    """Build CIPSTART=: OK, then CONNECT OK or `+CME ERROR: 50`."""
    if kind not in ("TCP", "UDP"):
        raise UsageError(f"{kind} is neither TCP nor UDP")
    return write(
        TABLE["CIPSTART"],
        joined(quote(kind), host(remote), port(remote_port)),
        most=0,
        result=_RESULT,
        fails=_FAILS,
        result_wait=STEP_WAIT,
    )


def cipsend(data: bytes) -> Command:
    """Build CIPSEND: ValueError for 1A and 1B, which cannot be carried. OK: given to the stack."""
    number("a send's length", len(data), 1, SEND_MAX)
    return execute(TABLE["CIPSEND"], most=0, data=at_data(data, escapes=False))


def cipclose() -> Command:
    """Build CIPCLOSE."""
    return execute(TABLE["CIPCLOSE"], most=0)


def cipshut() -> Command:
    """Build CIPSHUT; the guide does not show its answer, so OK and SHUT OK end it."""
    return execute(TABLE["CIPSHUT"], most=0, ends=re.compile("SHUT OK$"))


def ciphead(*, on: bool) -> Command:
    """Build CIPHEAD=; on before connecting, or data cannot be told from lines."""
    return write(TABLE["CIPHEAD"], f"{on:d}", most=0)


def ciphead_query() -> Command:
    """Build CIPHEAD?."""
    return read(TABLE["CIPHEAD"], most=1)


def cifsr() -> Command:
    """Build CIFSR: the address, then OK; ERROR in a state without one."""
    return execute(TABLE["CIFSR"], line=_IP, least=1, most=1)


def cipstatus() -> Command:
    """Build CIPSTATUS: `+IPSTATUS:<state>`, OK."""
    line = re.compile(r"\+(IPSTATUS|CIPSTATUS):")
    return execute(TABLE["CIPSTATUS"], line=line, least=1, most=1)


def read_status(lines: Sequence[str]) -> str | None:
    """Read CIPSTATUS: one of STATES; None for anything else."""
    for line in lines:
        text = line.partition(":")[2].strip().strip('"').partition(",")[0]
        state = integer(text)
        if state is not None and 0 <= state < len(STATES) - 1:
            return STATES[state]
        if text in STATES:
            return text
    return None


def read_ip(lines: Sequence[str]) -> str | None:
    """Read CIFSR."""
    for line in lines:
        ip = address(line.rpartition(" ")[2])
        if ip:
            return str(ip)
    return None
