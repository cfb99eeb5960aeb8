"""The SIM800's TCP/IP commands (application note V1.03): builders and readers.

With several links (`AT+CIPMUX=1`) a builder gets the link's number, with one link None. Texts about
a link have `<n>, ` before them, on hardware with the space, in the manual without: both are read.
"""

from __future__ import annotations

import re

from chiplink.exceptions import UsageError
from chiplink.framing import at_data
from chiplink.protocol.at_command import Command, Ends, Row, execute, read, table, write
from chiplink.protocol.at_text import (
    host,
    joined,
    number,
    port,
    quote,
)

LINKS = 6
"""Links 0 to 5; a server takes one of them (4)."""

SEND_MAX = 1460
"""Bytes of one CIPSEND at most; `AT+CIPSEND?` tells how many it is now (7.3)."""

READ_MAX = 1460
"""Bytes of one read (8.2)."""

HEX_READ_MAX = 730
"""Bytes of one hexadecimal read (8.2)."""

STATES = (
    "IP INITIAL",
    "IP START",
    "IP CONFIG",
    "IP GPRSACT",
    "IP STATUS",
    "TCP CONNECTING",
    "UDP CONNECTING",
    "SERVER LISTENING",
    "IP PROCESSING",
    "CONNECT OK",
    "TCP CLOSING",
    "UDP CLOSING",
    "TCP CLOSED",
    "UDP CLOSED",
    "PDP DEACT",
)
"""States of the stack (9)."""

LINK_STATES = ("INITIAL", "CONNECTING", "CONNECTED", "REMOTE CLOSING", "CLOSING", "CLOSED")
"""States of a link, in CIPSTATUS."""

TABLE = table(
    Row("CIPMUX", "trw", 9, Ends.OK, True, "2"),
    Row("CIPMODE", "trw", 9, Ends.OK, True, "3.2.2"),
    Row("CIPCCFG", "trw", 9, Ends.OK, True, "3.2.2"),
    Row("CSTT", "trwx", 9, Ends.OK, True, "3.1.1", "the APN to CMNET"),
    Row("CIICR", "tx", 85, Ends.OK, False, "3.1.1"),
    Row("CIFSR", "tx", 9, Ends.TEXT, True, "3.1.1"),
    Row("CIPSTART", "tw", 160, Ends.RESULT, False, "3.1.1"),
    Row("CIPSEND", "trwx", 645, Ends.PROMPT_TEXT, False, "3.1.1, 7.1"),
    Row("CIPQSEND", "rw", 9, Ends.OK, True, "7.4"),
    Row("CIPACK", "twx", 9, Ends.OK, True, "7.5"),
    Row("CIPATS", "trw", 9, Ends.OK, True, "7.2"),
    Row("CIPRXGET", "trw", 9, Ends.OK, False, "8.2"),
    Row("CIPSERVER", "trw", 9, Ends.RESULT, False, "3.1.3"),
    Row("CIPUDPMODE", "trw", 9, Ends.OK, True, "3.1.4"),
    Row("CLPORT", "trw", 9, Ends.OK, True, "3.1.4, 3.3"),
    Row("CIPSRIP", "trw", 9, Ends.OK, True, "8.1"),
    Row("CIPHEAD", "trw", 9, Ends.OK, True, "8.1"),
    Row("CIPSHOWTP", "trw", 9, Ends.OK, True, "8.1"),
    Row("CIPSPRT", "trw", 9, Ends.OK, True, "3.1.1"),
    Row("CIPSTATUS", "twx", 9, Ends.OK_TEXT, True, "11"),
    Row("CIPCLOSE", "twx", 9, Ends.TEXT, True, "10"),
    Row("CIPSHUT", "tx", 65, Ends.TEXT, True, "10"),
    Row("CIPSGTXT", "trw", 9, Ends.OK, True, "5"),
    Row("CDNSGIP", "tw", 75, Ends.RESULT, True, "6"),
    Row("CSCLK", "trw", 9, Ends.OK, True, "12"),
    Row("CIPTKA", "trw", 9, Ends.OK, True, "AT manual"),
)
"""By name."""

CIPSTART_SEVERAL = 75
"""Seconds: the longest wait of CIPSTART with several links; 160 with one."""

_IP = re.compile(r"\d{1,3}(\.\d{1,3}){3}$")
_SETTINGS = {
    "CIPMUX": 1,
    "CIPMODE": 1,
    "CIPQSEND": 1,
    "CIPSRIP": 1,
    "CIPHEAD": 1,
    "CIPSHOWTP": 1,
    "CIPSPRT": 2,
    "CIPSGTXT": 1,
    "CSCLK": 2,
}


# Settings and the context


def setting(name: str, value: int) -> Command:
    """Build a setting of one number; CIPMUX is legal in IP INITIAL only."""
    most = _SETTINGS.get(name)
    if most is None:
        raise UsageError(f"{name} is no setting of one number")
    return write(TABLE[name], str(number(name, value, 0, most)), most=0)


def query(name: str) -> Command:
    """Build `AT+X?` of any command that has it."""
    row = TABLE.get(name)
    if row is None or "r" not in row.forms:
        raise UsageError(f"{name} cannot be asked by ?")
    return read(row)


def cstt(apn: str, user: str = "", password: str = "") -> Command:
    """Build CSTT=; not shown where it holds a password."""
    arguments = [quote(apn), *((quote(user), quote(password)) if user or password else ())]
    return write(TABLE["CSTT"], joined(*arguments), most=0, secret=bool(password))


def ciicr() -> Command:
    """Build CIICR."""
    return execute(TABLE["CIICR"], most=0)


def cifsr() -> Command:
    """Build CIFSR: the bare address ends it, read it by read_ip of `final`."""
    return execute(TABLE["CIFSR"], most=0, ends=_IP, ok=False)


def cipshut() -> Command:
    """Build CIPSHUT: SHUT OK; of the selected context only."""
    return execute(TABLE["CIPSHUT"], most=0, ends=re.compile("SHUT OK$"), ok=False)


def clport(kind: str, local_port: int, link: int | None = None) -> Command:
    """Build CLPORT=; 0 lets the modem choose."""
    text = joined(*_links(link), quote(_kind(kind)), port(local_port, 0))
    return write(TABLE["CLPORT"], text, most=0, link=link)


def cipccfg(
    *,
    retries: int = 5,
    wait_200ms: int = 2,
    send_size: int = 1024,
    escape: bool = True,
    read_mode: bool = False,
    read_size: int = 1460,
    read_timer_ms: int = 50,
) -> Command:
    """Build CIPCCFG=, transparent mode's seven fields, which are not SIM7028's."""
    number("retries", retries, 3, 8)
    number("a wait in steps of 200 ms", wait_200ms, 1, 10)
    number("a send's size", send_size, 1, SEND_MAX)
    number("a read's size", read_size, 50, READ_MAX)
    number("a read's timer in ms", read_timer_ms, 20, 1000)
    sizes = (int(escape), int(read_mode), read_size, read_timer_ms)
    return write(TABLE["CIPCCFG"], joined(retries, wait_200ms, send_size, *sizes), most=0)


def cipats(*, on: bool, seconds: int = 1) -> Command:
    """Build CIPATS=: a send begun goes out after so many seconds."""
    text = joined(int(on), number("a time", seconds, 1, 100))
    return write(TABLE["CIPATS"], text, most=0)


def ciptka(*, on: bool, idle: int = 7200, interval: int = 75, count: int = 9) -> Command:
    """Build CIPTKA=: keep-alive, seconds."""
    number("an idle time", idle, 30, 7200)
    number("an interval", interval, 30, 600)
    number("a count of probes", count, 1, 9)
    return write(TABLE["CIPTKA"], joined(int(on), idle, interval, count), most=0)


def cdnsgip(name: str) -> Command:
    """Build CDNSGIP=: OK, then `+CDNSGIP: 1,"host","ip"` or 0 and an error."""
    return write(
        TABLE["CDNSGIP"],
        host(name),
        most=0,
        result=re.compile(r"\+CDNSGIP: *[01],"),
        fails=re.compile(r"\+CDNSGIP: *0"),
        result_wait=TABLE["CDNSGIP"].wait,
    )


# Links


def cipstart(kind: str, remote: str, remote_port: int, link: int | None = None) -> Command:
    """Build CIPSTART=: OK, then CONNECT OK, CONNECT (transparent) or CONNECT FAIL."""
    text = joined(*_links(link), quote(_kind(kind)), host(remote), quote(str(port(remote_port))))
    prefix = _prefix(link)
    return write(
        TABLE["CIPSTART"],
        text,
        most=0,
        link=link,
        result=re.compile(prefix + r"(CONNECT( OK| FAIL)?|ALREADY CONNECT)$"),
        fails=re.compile(prefix + r"(CONNECT FAIL|ALREADY)"),
        result_wait=TABLE["CIPSTART"].wait if link is None else CIPSTART_SEVERAL,
    )


def cipsend(data: bytes, link: int | None = None) -> Command:
    """Build CIPSEND= with a length: SEND OK, SEND FAIL or DATA ACCEPT ends it."""
    length = number("a send's length", len(data), 1, SEND_MAX)
    return _send(link, f"={joined(*_links(link), length)}", data)


def cipsend_variable(data: bytes, link: int | None = None) -> Command:
    """Build CIPSEND without a length: ValueError for 1A and 1B, which cannot be carried."""
    number("a send's length", len(data), 1, SEND_MAX)
    text = "" if link is None else f"={_links(link)[0]}"
    return _send(link, text, at_data(data, escapes=False))


def cipsend_query() -> Command:
    """Build CIPSEND?: how many bytes may be sent."""
    return read(TABLE["CIPSEND"])


def cipack(link: int | None = None) -> Command:
    """Build CIPACK."""
    return _bare_or_link("CIPACK", link, least=1, most=1)


def ciprxget_mode(*, pull: bool) -> Command:
    """Build CIPRXGET=: 1 data waits to be read; before connecting."""
    return write(TABLE["CIPRXGET"], f"{pull:d}", most=0, again=True)


def ciprxget_mode_query() -> Command:
    """Build CIPRXGET?."""
    return read(TABLE["CIPRXGET"], line=re.compile(r"\+CIPRXGET: *[01]$"), most=1)


def ciprxget_read(
    length: int | None = None, link: int | None = None, *, hexadecimal: bool = False
) -> Command:
    """Build CIPRXGET=2 or 3; a Payload comes, perhaps of nothing."""
    most = HEX_READ_MAX if hexadecimal else READ_MAX
    length = number("a read's length", most if length is None else length, 1, most)
    text = joined(3 if hexadecimal else 2, *_links(link), length)
    return write(TABLE["CIPRXGET"], text, line=re.compile(r"(?!)"), read=True, link=link)


def ciprxget_left(link: int | None = None) -> Command:
    """Build CIPRXGET=4: how many bytes wait."""
    text = joined(4, *_links(link))
    line = re.compile(r"\+CIPRXGET: *4,")
    return write(TABLE["CIPRXGET"], text, line=line, least=1, most=1, link=link, again=True)


def cipstatus(*, several: bool) -> Command:
    """Build CIPSTATUS: OK first, then STATE, with several links six more lines."""
    return execute(
        TABLE["CIPSTATUS"],
        line=re.compile(r"(STATE|S|C): ?"),
        ends=re.compile(r"C: ?5," if several else r"STATE: ?"),
        ok=False,
    )


def cipstatus_link(link: int) -> Command:
    """Build CIPSTATUS=, one link's: `+CIPSTATUS: …`, OK."""
    return write(TABLE["CIPSTATUS"], str(_links(link)[0]), least=1, most=1, link=link)


def cipclose(link: int | None = None, *, quick: bool = True) -> Command:
    """Build CIPCLOSE: CLOSE OK; of a closed link an error that is harmless."""
    text = f"={joined(*_links(link), int(quick))}"
    ends = re.compile(_prefix(link) + r"(CLOSE OK|CLOSED OK)$")
    return _bare("CIPCLOSE", text, most=0, ends=ends, ok=False, link=link)


def cipudpmode(mode: int, remote: str | None = None, remote_port: int | None = None) -> Command:
    """Build CIPUDPMODE=: 1 extended, 2 another destination, 0 off; for one link."""
    number("a UDP mode", mode, 0, 2)
    where = () if remote is None or remote_port is None else (host(remote), port(remote_port))
    if (mode == 2) != bool(where):  # noqa: PLR2004 (the mode that names a destination)
        raise UsageError("UDP mode 2 names a destination, the others do not")
    return write(TABLE["CIPUDPMODE"], joined(mode, *where), most=0)


def cipserver(local_port: int | None) -> Command:
    """Build CIPSERVER=: SERVER OK; None ends it: SERVER CLOSE. Accepted links stay open."""
    text = "0" if local_port is None else f"1,{port(local_port)}"
    result = "SERVER CLOSE$" if local_port is None else "SERVER OK$"
    row = TABLE["CIPSERVER"]
    return write(row, text, most=0, result=re.compile(result), result_wait=row.wait)


def _prefix(link: int | None) -> str:
    return "" if link is None else rf"{link}, ?"


def _links(link: int | None) -> tuple[int, ...]:
    return () if link is None else (number("a link", link, 0, LINKS - 1),)


def _kind(kind: str) -> str:
    if kind not in ("TCP", "UDP"):
        raise UsageError(f"{kind} is neither TCP nor UDP")
    return kind


def _send(link: int | None, text: str, data: bytes) -> Command:
    prefix = _prefix(link)
    accept = r"DATA ACCEPT: ?" + ("" if link is None else rf"{link},")
    return _bare(
        "CIPSEND",
        text,
        most=0,
        link=link,
        data=data,
        ends=re.compile(rf"{prefix}SEND (OK|FAIL)$|{accept}\d+$"),
        fails=re.compile(rf"{prefix}SEND FAIL"),
        ok=False,
        again=False,
    )


def _bare_or_link(name: str, link: int | None, **known: object) -> Command:
    return _bare(name, "" if link is None else f"={_links(link)[0]}", link=link, **known)


def _bare(name: str, text: str, **known: object) -> Command:
    return execute(TABLE[name], **({"text": f"AT+{name}{text}"} | known))
