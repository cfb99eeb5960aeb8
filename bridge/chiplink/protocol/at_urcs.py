"""Lines that answer no pending command, as events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.protocol.at_errors import CLOSE_REASONS, err_words
from chiplink.protocol.at_events import (
    Accepted,
    DataWaiting,
    Junk,
    NetworkLost,
    Payload,
    PeerClosed,
    Power,
    Urc,
)
from chiplink.protocol.at_text import fields, integer, named, peer

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.protocol.at_events import Event

RESTARTED = re.compile(r"RDY$|\*ATREADY:")
"""What a modem says when it has started."""

STRAY_PROMPT = "a prompt that nobody waits for"
"""Why a `>` is junk: the modem takes what comes next for data, so CANCEL must be sent."""

KNOWN = re.compile(
    r"(\d, ?)?(CLOSED|CONNECT( OK| FAIL)?|ALREADY CONNECT|SEND (OK|FAIL)|CLOSE OK|REMOTE IP:.*)$"
    r"|STATE: |SERVER (OK|CLOSE)$|SHUT OK$|DATA ACCEPT:|RING$|NO CARRIER$|COMMAND NO RESPONSE!$"
    r"|Call Ready$|SMS Ready$|RDY$|DST:|\*|.*POWER DOWN$|(UNDER|OVER)-VOLTAGE |> ?$"
)
"""Lines that are never the answer to a question whose answer is any text."""

_DEACT = re.compile(r"\+PDP[: ]+DEACT|\+CIPEVENT: *NETWORK CLOSED")


def event_of(text: str) -> Event:
    """Return what a line says that nobody asked for."""
    if not text.isascii():
        return Junk(text.encode("latin-1", "replace"), "a line of strange letters")
    if _DEACT.match(text):
        return NetworkLost(text)
    if text.endswith("POWER DOWN") or text.startswith(("UNDER-VOLTAGE", "OVER-VOLTAGE")):
        return Power(text, off=text.endswith("POWER DOWN"))
    if text.strip() == ">":
        return Junk(text.encode(), STRAY_PROMPT)
    link, name, values = named(text)
    reader = READERS.get(name)
    event = reader(link, values, text) if reader else None
    return event or Urc(name, values, text, link)


def _closed(link: int | None, _values: tuple[str, ...], text: str) -> Event:
    return PeerClosed(link, CLOSE_REASONS[1], text)


def _ipclose(_link: int | None, values: tuple[str, ...], text: str) -> Event | None:
    link, reason = (*map(integer, values), None, None)[:2]
    if link is None:
        return None
    return PeerClosed(link, CLOSE_REASONS.get(-1 if reason is None else reason, "closed"), text)


def _cipclose(_link: int | None, values: tuple[str, ...], text: str) -> Event | None:
    link, err = (*map(integer, values), None, None)[:2]
    if link is None or err is None:
        return None
    return PeerClosed(link, "closed" if err == 0 else err_words(err), text)


def _tcpclosed(_link: int | None, values: tuple[str, ...], text: str) -> Event:
    return PeerClosed(integer(values[0]) if values else None, CLOSE_REASONS[1], text)


def _ciprxget(_link: int | None, values: tuple[str, ...], _text: str) -> Event | None:
    if values[:1] != ("1",) or len(values) > 2:  # noqa: PLR2004 (the mode and a link)
        return None
    link = integer(values[1]) if len(values) > 1 else None
    return DataWaiting(link) if len(values) == 1 or link is not None else None


def _client(_link: int | None, _values: tuple[str, ...], text: str) -> Event | None:
    match = re.match(r"\+CLIENT: *(\d)[,.](\d)[,.] *(\S+)$", text)
    return Accepted(int(match[1]), int(match[2]), peer(match[3])) if match else None


def _remote(link: int | None, values: tuple[str, ...], _text: str) -> Event | None:
    return Accepted(link, None, values[0]) if values else None


READERS: dict[str, Callable[[int | None, tuple[str, ...], str], Event | None]] = {
    "CLOSED": _closed,
    "+IPCLOSE": _ipclose,
    "+CIPCLOSE": _cipclose,
    "+TCPCLOSED": _tcpclosed,
    "+CIPRXGET": _ciprxget,
    "+CLIENT": _client,
    "REMOTE IP": _remote,
}
"""For each name, what reads its line; None where the line is not of its form."""

_IPD = re.compile(r"\+IPD[^0-9]*\d+(?:,([A-Z]+))?:?$")
_RECEIVE = re.compile(r"\+RECEIVE, *(\d+), *\d+(?:,(.*))?:$|\+RECEIVE, *(\d+), *\d+$")
_HEX = "3"


def payload_of(head: str, data: bytes, sender: str | None, *, complete: bool) -> Event:
    """Return a payload with what its header, and a `RECV FROM:` before it, say of it."""
    if head.startswith("+CIPRXGET"):
        return _read(head, data, sender, complete=complete)
    if match := _RECEIVE.match(head):
        link = int(match[1] or match[3])
        where = match[2].rstrip(":") if match[2] else ""
        who = peer(where) if where else sender
        return Payload(data, link=link, peer=who, complete=complete)
    match = _IPD.match(head)
    protocol = match[1] if match else None
    return Payload(data, peer=sender, protocol=protocol, complete=complete)


def _read(head: str, data: bytes, sender: str | None, *, complete: bool) -> Event:
    values = fields(head.partition(":")[2].strip())
    if values[0].lstrip("0") == _HEX:
        try:
            data = bytes.fromhex(data.decode("ascii"))
        except ValueError:
            return Junk(data, "data that should be hexadecimal")
    several = len(values) > 3  # noqa: PLR2004 (mode, here, left; a link where there are several)
    link = integer(values[1]) if several else None
    return Payload(data, link=link, peer=sender, left=integer(values[-1]), complete=complete)
