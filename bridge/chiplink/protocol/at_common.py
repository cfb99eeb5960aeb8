"""What every modem has: identity, SIM, signal, registration, context (3GPP TS 27.007, V.250)."""

from __future__ import annotations

import re

from chiplink.exceptions import UsageError
from chiplink.protocol.at_command import (
    Command,
    Ends,
    Form,
    Row,
    command,
    execute,
    lines_of,
    read,
    table,
    write,
)
from chiplink.protocol.at_text import joined, number, quote

# The longest waits in seconds that the documents name are CPIN 5, CFUN 10 and CGATT 10 (SIM800);
# the G series' recipe gives CGATT and CGACT 30. The rest has SIM7028's 9.
TABLE = table(
    Row("CGMI", "tx", 9, Ends.OK, True, "27.007 5.1"),
    Row("CGMM", "tx", 9, Ends.OK, True, "27.007 5.2"),
    Row("CGMR", "tx", 9, Ends.OK, True, "27.007 5.3"),
    Row("CGSN", "tx", 9, Ends.OK, True, "27.007 5.4"),
    Row("CIMI", "tx", 20, Ends.OK, True, "27.007 5.6"),
    Row("CCID", "tx", 9, Ends.OK, True, "SIM800 AT manual"),
    Row("CPIN", "trw", 5, Ends.OK, False, "27.007 8.3"),
    Row("CSQ", "tx", 9, Ends.OK, True, "27.007 8.5"),
    Row("CREG", "trw", 9, Ends.OK, True, "27.007 7.2"),
    Row("CGREG", "trw", 9, Ends.OK, True, "27.007 10.1.20"),
    Row("CEREG", "trw", 9, Ends.OK, True, "27.007 10.1.22"),
    Row("COPS", "trw", 120, Ends.OK, True, "27.007 7.3"),
    Row("CMEE", "trw", 9, Ends.OK, True, "27.007 9.1"),
    Row("CFUN", "trw", 10, Ends.OK, True, "27.007 8.2"),
    Row("CGATT", "trw", 30, Ends.OK, True, "27.007 10.1.9"),
    Row("CGDCONT", "trw", 9, Ends.OK, True, "27.007 10.1.1"),
    Row("CGACT", "trw", 30, Ends.OK, True, "27.007 10.1.10"),
)
"""By name."""

APN_MAX = 99
CONTEXTS_MAX = 16
_PIN = re.compile(r"[0-9]{4,8}")
_DIGITS = re.compile(r'"?[0-9]{14,17}"?$|\+CGSN:|\+CIMI:')
_ICCID = re.compile(r'(\+(CCID|ICCID): ?)?"?[0-9]{18,20}[0-9A-F]?"?$', re.IGNORECASE)
_REPORT = r"\+{}: ?\d,(\d+)(,.*)?$"


def attention() -> Command:
    """Build AT, which asks whether anybody answers."""
    return Command(text="AT", name="", wait=2, line=lines_of("+"), most=0)


def echo(*, on: bool) -> Command:
    """Build ATE0 or ATE1."""
    return Command(text=f"ATE{on:d}", name="E", wait=2, line=lines_of("+"), most=0)


def identification() -> Command:
    """Build ATI, answered by several lines of text."""
    return Command(text="ATI", name="I", wait=9)


def back_to_data() -> Command:
    """Build ATO: back to transparent mode; CONNECT ends it."""
    ends = re.compile(r"CONNECT( .*)?$|NO CARRIER$")
    fails = re.compile("NO CARRIER")
    return Command(text="ATO", name="O", wait=9, line=lines_of("+"), most=0, ends=ends, fails=fails)


def manufacturer() -> Command:
    """Build CGMI."""
    return execute(TABLE["CGMI"], line=None, least=1)


def model() -> Command:
    """Build CGMM."""
    return execute(TABLE["CGMM"], line=None, least=1)


def revision() -> Command:
    """Build CGMR."""
    return execute(TABLE["CGMR"], line=None, least=1)


def imei() -> Command:
    """Build CGSN; its answer is digits and nothing else."""
    return execute(TABLE["CGSN"], line=_DIGITS, least=1, most=1)


def imsi() -> Command:
    """Build CIMI; a time URC is no IMSI."""
    return execute(TABLE["CIMI"], line=_DIGITS, least=1, most=1)


def iccid() -> Command:
    """Build CCID."""
    return execute(TABLE["CCID"], line=_ICCID, least=1, most=1)


def sim() -> Command:
    """Build CPIN?."""
    return read(TABLE["CPIN"], most=1)


def enter_pin(pin: str) -> Command:
    """Build CPIN=; never sent twice, and not shown."""
    if not _PIN.fullmatch(pin):
        raise UsageError("a SIM's PIN has 4 to 8 digits")
    return write(TABLE["CPIN"], quote(pin), line=lines_of("+CPIN"), most=0, secret=True)


def signal() -> Command:
    """Build CSQ."""
    return execute(TABLE["CSQ"], least=1, most=1)


def registration(name: str = "CREG") -> Command:
    """Build CREG?, CGREG? or CEREG?; a change of registration meanwhile is no answer."""
    if name not in ("CREG", "CGREG", "CEREG"):
        raise UsageError(f"{name} is no registration: CREG, CGREG or CEREG")
    return read(TABLE[name], line=re.compile(_REPORT.format(name)), most=1)


def report_registration(name: str, level: int) -> Command:
    """Build CREG=: 0 no reports, 1 reports, 2 with the cell."""
    return write(TABLE[name], str(number("a level of reports", level, 0, 2)), most=0)


def operator() -> Command:
    """Build COPS?."""
    return read(TABLE["COPS"], most=1)


def error_form(level: int) -> Command:
    """Build CMEE=: 0 ERROR, 1 numbers, 2 words; these modules read numbers."""
    return write(TABLE["CMEE"], str(number("a form of errors", level, 0, 2)), most=0)


def functionality(level: int, *, restart: bool = False) -> Command:
    """Build CFUN=: 0 least, 1 full, 4 radio off; with `restart` RDY comes."""
    if level not in (0, 1, 4):
        raise UsageError(f"a level of functionality is 0, 1 or 4, not {level}")
    arguments = joined(level, 1 if restart else None)
    return write(TABLE["CFUN"], arguments, most=0, again=not restart)


def functionality_query() -> Command:
    """Build CFUN?; also what settles a conversation after a timeout."""
    return read(TABLE["CFUN"], most=1)


def attach(*, on: bool) -> Command:
    """Build CGATT=. Detaching upsets SIMs of several operators: not for a mere lost socket."""
    return write(TABLE["CGATT"], f"{on:d}", most=0)


def attached() -> Command:
    """Build CGATT?."""
    return read(TABLE["CGATT"], most=1)


def define_context(apn: str, *, cid: int = 1, kind: str = "IP") -> Command:
    """Build CGDCONT=; kind IP, IPV6 or IPV4V6."""
    if kind not in ("IP", "IPV6", "IPV4V6"):
        raise UsageError(f"{kind} is no kind of context: IP, IPV6 or IPV4V6")
    return write(
        TABLE["CGDCONT"],
        joined(number("a context", cid, 0, CONTEXTS_MAX), quote(kind), quote(_apn(apn))),
        most=0,
    )


def contexts() -> Command:
    """Build CGDCONT?."""
    return read(TABLE["CGDCONT"], least=0)


def activate_context(*, on: bool, cid: int = 1) -> Command:
    """Build CGACT=."""
    number("a context", cid, 0, CONTEXTS_MAX)
    return write(TABLE["CGACT"], f"{on:d},{cid}", most=0)


def active_contexts() -> Command:
    """Build CGACT?."""
    return command(TABLE["CGACT"], Form.READ)


def _apn(apn: str) -> str:
    if len(apn) > APN_MAX:
        raise UsageError(f"an APN has at most {APN_MAX} characters")
    return apn
