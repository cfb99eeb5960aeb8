"""The SIM7028's TCP/IP commands (application note V1.04, chapter 2): builders and readers.

A bare execute form changes a setting: `AT+CIPHEAD` sets 1. Only `?` asks.
"""

from __future__ import annotations

import re
from dataclasses import replace

from chiplink.exceptions import UsageError
from chiplink.framing import AT_SEND, at_data
from chiplink.protocol.at_command import Command, Ends, Row, execute, read, table, write
from chiplink.protocol.at_text import (
    address,
    host,
    joined,
    number,
    port,
    quote,
)

LINKS = 2
"""Links 0 and 1 (2.1.3); the note's 1-9 are a bigger relative's."""

SERVERS = 2
"""Servers 0 and 1 (2.1.14)."""

UDP_MAX = 1400
"""Bytes of a datagram: longer ones get lost on the way (2.1.4)."""

READ_MAX = 1500
"""Bytes of one read (2.1.5)."""

HEX_READ_MAX = 750
"""Bytes of one hexadecimal read (2.1.5)."""

TIMEOUT_MS = (3000, 120000)
"""Bounds of CIPTIMEOUT (2.1.12)."""

TABLE = table(
    Row("NETOPEN", "rx", 120, Ends.RESULT, True, "2.1.1"),
    Row("NETCLOSE", "tx", 120, Ends.RESULT, True, "2.1.2"),
    Row("CIPOPEN", "trw", 120, Ends.RESULT, False, "2.1.3"),
    Row("CIPSEND", "tw", 120, Ends.PROMPT_RESULT, False, "2.1.4"),
    Row("CIPRXGET", "trw", 8, Ends.OK, False, "2.1.5"),
    Row("CIPCLOSE", "trw", 120, Ends.RESULT, True, "2.1.6"),
    Row("IPADDR", "tx", 9, Ends.OK, True, "2.1.7"),
    Row("CIPHEAD", "trwx", 9, Ends.OK, True, "2.1.8", "1: a header before received data"),
    Row("CIPSRIP", "trwx", 9, Ends.OK, True, "2.1.9", "1: the sender before received data"),
    Row("CIPMODE", "trwx", 9, Ends.OK, True, "2.1.10", "0: not transparent"),
    Row("CIPSENDMODE", "trw", 9, Ends.OK, True, "2.1.11"),
    Row("CIPTIMEOUT", "rw", 9, Ends.OK, True, "2.1.12"),
    Row("CIPCCFG", "trwx", 9, Ends.OK, True, "2.1.13", "all its fields to their defaults"),
    Row("SERVERSTART", "trw", 9, Ends.OK, False, "2.1.14"),
    Row("SERVERSTOP", "w", 9, Ends.RESULT, True, "2.1.15"),
    Row("CIPACK", "tw", 9, Ends.OK, True, "2.1.16"),
    Row("CDNSGIP", "tw", 6, Ends.OK, True, "2.1.17"),
    Row("CSOCKETPN", "trw", 9, Ends.OK, True, "2.1.18"),
    Row("CTCPKA", "trw", 9, Ends.OK, True, "2.1.19"),
    Row("CDNSCFG", "trw", 9, Ends.OK, True, "2.1.20"),
)
"""By name."""

_CONNECT = re.compile(r"CONNECT( .*)?$")
_CONNECT_FAIL = re.compile(r"CONNECT FAIL$")
_DNS_LINE = re.compile(
    r"\+CDNSCFG:|Primary IPv[46]|Secondary IPv[46]|PrimaryDns|SecondaryDns", re.IGNORECASE
)


# The network


def netopen() -> Command:
    """Build NETOPEN; its result is `+NETOPEN: 0`. Open already: `+IP ERROR: …`."""
    return _with_result("NETOPEN", execute(TABLE["NETOPEN"], most=0), r"\+NETOPEN:")


def netopen_query() -> Command:
    """Build NETOPEN?: `+NETOPEN: 1` is open."""
    return read(TABLE["NETOPEN"], most=1)


def netclose() -> Command:
    """Build NETCLOSE. Each open link says `+CIPCLOSE: n,err` before its result."""
    return _with_result("NETCLOSE", execute(TABLE["NETCLOSE"], most=0), r"\+NETCLOSE:")


def ipaddr() -> Command:
    """Build IPADDR."""
    return execute(TABLE["IPADDR"], least=1, most=1)


def csocketpn(family: int = 1) -> Command:
    """Build CSOCKETPN=: 1 IPv4, 6 IPv6; before NETOPEN."""
    if family not in (1, 6):
        raise UsageError(f"an IP family is 1 (IPv4) or 6 (IPv6), not {family}")
    return write(TABLE["CSOCKETPN"], f"1,{family}", most=0)


def cdnscfg(primary: str, secondary: str | None = None, *, ipv6: bool = False) -> Command:
    """Build CDNSCFG=."""
    servers = [None if each is None else quote(_ip(each)) for each in (primary, secondary)]
    return write(TABLE["CDNSCFG"], joined(*servers, int(ipv6)), most=0)


def cdnscfg_query() -> Command:
    """Build CDNSCFG?, answered without its name."""
    return read(TABLE["CDNSCFG"], line=_DNS_LINE)


def cdnsgip(name: str) -> Command:
    """Build CDNSGIP=: `+CDNSGIP: 1,"host","ip"`, or 0 and an error."""
    return write(TABLE["CDNSGIP"], host(name), least=1, most=1)


# Settings


def setting(name: str, value: int) -> Command:
    """Build CIPHEAD=, CIPSRIP=, CIPMODE=, CIPSENDMODE=: 0 or 1. CIPMODE goes before NETOPEN."""
    if name not in ("CIPHEAD", "CIPSRIP", "CIPMODE", "CIPSENDMODE"):
        raise UsageError(f"{name} is no setting of one number")
    return write(TABLE[name], str(number(name, value, 0, 1)), most=0)


def query(name: str) -> Command:
    """Build `AT+X?` of any command that has it."""
    row = TABLE.get(name)
    if row is None or "r" not in row.forms:
        raise UsageError(f"{name} cannot be asked by ?")
    return read(row, **({"line": _DNS_LINE} if name == "CDNSCFG" else {}))


def ciptimeout(netopen_ms: int, cipopen_ms: int, cipsend_ms: int) -> Command:
    """Build CIPTIMEOUT=, milliseconds."""
    times = [
        number("a timeout", each, *TIMEOUT_MS) for each in (netopen_ms, cipopen_ms, cipsend_ms)
    ]
    return write(TABLE["CIPTIMEOUT"], joined(*times), most=0)


def cipccfg(
    *,
    retries: int = 10,
    delay_ms: int = 0,
    error_text: bool = True,
    receive_header: bool = False,
    timeout_ms: int = 500,
) -> Command:
    """Build CIPCCFG=, all seven fields; `receive_header`: +RECEIVE in place of +IPD."""
    number("retries", retries, 0, 10)
    number("a delay", delay_ms, 0, 1000)
    number("a retransmission timeout", timeout_ms, 500, 120000)
    text = joined(retries, delay_ms, 0, int(error_text), int(receive_header), 0, timeout_ms)
    return write(TABLE["CIPCCFG"], text, most=0)


def ctcpka(*, on: bool, idle_min: int = 2, count: int = 5, interval_min: int = 1) -> Command:
    """Build CTCPKA=: idle and interval in minutes; after NETOPEN."""
    number("an idle time", idle_min, 1, 120)
    number("a count of probes", count, 1, 10)
    number("an interval", interval_min, 1, 120)
    return write(TABLE["CTCPKA"], joined(int(on), idle_min, count, interval_min), most=0)


# Links


def cipopen_tcp(link: int, remote: str, remote_port: int, local_port: int | None = None) -> Command:
    """Build CIPOPEN= for TCP; its result is `+CIPOPEN: link,err`."""
    local = None if local_port is None else port(local_port, 0)
    text = joined(_link(link), quote("TCP"), host(remote), port(remote_port), local)
    return _open(link, text)


def cipopen_udp(link: int, local_port: int) -> Command:
    """Build CIPOPEN= for UDP, which names no peer."""
    return _open(link, joined(_link(link), quote("UDP"), None, None, port(local_port)))


def cipopen_transparent(
    kind: str, remote: str, remote_port: int, local_port: int | None = None
) -> Command:
    """Build CIPOPEN= in transparent mode, on link 0; CONNECT or CONNECT FAIL ends it."""
    if kind not in ("TCP", "UDP"):
        raise UsageError(f"{kind} is neither TCP nor UDP")
    local = None if local_port is None else port(local_port, 0)
    text = joined(0, quote(kind), host(remote), port(remote_port), local)
    return write(
        TABLE["CIPOPEN"], text, most=0, link=0, ends=_CONNECT, fails=_CONNECT_FAIL, ok=False
    )


def cipopen_query() -> Command:
    """Build CIPOPEN?: a line a link."""
    return read(TABLE["CIPOPEN"])


def cipsend(link: int, data: bytes, peer: tuple[str, int] | None = None) -> Command:
    """Build CIPSEND= with a length; 1 to 1500 bytes, with a `peer` (UDP) 1400."""
    most = AT_SEND if peer is None else UDP_MAX
    length = number("a send's length", len(data), 1, most)
    command = _send(link, joined(_link(link), length, *_peer(peer)), data)
    # Another length than was asked for is not this send: a digit of it was lost on the line.
    wrong = re.compile(rf"\+CIPSEND: *\d+,(?!{length},{length}$)")
    return replace(command, fails=wrong)


def cipsend_variable(link: int, data: bytes, peer: tuple[str, int] | None = None) -> Command:
    """Build CIPSEND= without a length: 1A, 1B and 03 are escaped. No accepted link takes it."""
    number("a send's length", len(data), 1, AT_SEND if peer is None else UDP_MAX)
    text = joined(_link(link), *((None, *_peer(peer)) if peer else ()))
    return _send(link, text, at_data(data, escapes=True))


def ciprxget_mode(*, pull: bool) -> Command:
    """Build CIPRXGET=: 1 data waits to be read, 0 it is pushed."""
    return write(TABLE["CIPRXGET"], f"{pull:d}", most=0, again=True)


def ciprxget_mode_query() -> Command:
    """Build CIPRXGET?."""
    return read(TABLE["CIPRXGET"], line=re.compile(r"\+CIPRXGET: *[01]$"), most=1)


def ciprxget_read(link: int, length: int | None = None, *, hexadecimal: bool = False) -> Command:
    """Build CIPRXGET=2 or 3; a Payload comes. Nothing there: `+IP ERROR: No data`, no failure."""
    most = HEX_READ_MAX if hexadecimal else READ_MAX
    length = number("a read's length", most if length is None else length, 1, most)
    text = joined(3 if hexadecimal else 2, _link(link), length)
    return write(TABLE["CIPRXGET"], text, line=_NOTHING, read=True, link=link)


def ciprxget_left(link: int) -> Command:
    """Build CIPRXGET=4: how many bytes wait."""
    line = re.compile(rf"\+CIPRXGET: *4,{_link(link)},")
    return write(TABLE["CIPRXGET"], f"4,{link}", line=line, least=1, most=1, link=link, again=True)


def cipclose(link: int) -> Command:
    """Build CIPCLOSE=; closing a closed link is an error that is harmless."""
    command = write(TABLE["CIPCLOSE"], str(_link(link)), most=0, link=link)
    return _with_result("CIPCLOSE", command, rf"\+CIPCLOSE: *{link},")


def cipclose_query() -> Command:
    """Build CIPCLOSE?: the links' states."""
    return read(TABLE["CIPCLOSE"], most=1)


def cipack(link: int) -> Command:
    """Build CIPACK=."""
    return write(TABLE["CIPACK"], str(_link(link)), least=1, most=1, link=link)


# Servers


def serverstart(local_port: int, server: int = 0, backlog: int | None = None) -> Command:
    """Build SERVERSTART=."""
    if backlog is not None:
        number("a backlog", backlog, 1, 3)
    text = joined(port(local_port), _server(server), backlog)
    return write(TABLE["SERVERSTART"], text, most=0)


def serverstart_query() -> Command:
    """Build SERVERSTART?: index and port of each server."""
    return read(TABLE["SERVERSTART"], least=0)


def serverstop(server: int = 0) -> Command:
    """Build SERVERSTOP=; its clients must be closed first."""
    command = write(TABLE["SERVERSTOP"], str(_server(server)), most=0)
    return _with_result("SERVERSTOP", command, rf"\+SERVERSTOP: *{server},")


_NOTHING = re.compile(r"(?!)")


def _with_result(name: str, command: Command, prefix: str) -> Command:
    return replace(
        command,
        result=re.compile(rf"{prefix} *-?\d+$"),
        fails=re.compile(rf"{prefix}(?! *0$)"),
        result_wait=TABLE[name].wait,
    )


def _open(link: int, text: str) -> Command:
    command = write(TABLE["CIPOPEN"], text, most=0, link=link)
    return _with_result("CIPOPEN", command, rf"\+CIPOPEN: *{link},")


def _send(link: int, text: str, data: bytes) -> Command:
    return write(
        TABLE["CIPSEND"],
        text,
        most=0,
        link=link,
        data=data,
        result=re.compile(rf"\+CIPSEND: *{link},-?\d+,-?\d+$"),
        fails=re.compile(r"\+CIPSEND: *\d+,(-?\d+),(?!\1$)"),
        result_wait=TABLE["CIPSEND"].wait,
    )


def _link(link: int) -> int:
    return number("a link", link, 0, LINKS - 1)


def _server(server: int) -> int:
    return number("a server", server, 0, SERVERS - 1)


def _peer(peer: tuple[str, int] | None) -> tuple[object, ...]:
    return () if peer is None else (host(peer[0]), port(peer[1]))


def _ip(text: str) -> str:
    if address(text) is None:
        raise UsageError(f"{text!r} is no IP address")
    return text
