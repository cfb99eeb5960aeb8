"""What the SIM800's answers say (application note V1.03).

Each reader takes a reply's lines, or a result's text, and returns None for what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.protocol.at_text import address, fields, integer, integers, values

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Link:
    """A `C:` line of CIPSTATUS, or `+CIPSTATUS:`; `context` is the one of CIPSGTXT."""

    link: int
    state: str
    context: int | None = None
    kind: str = ""
    address: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """CIPSTATUS: the stack's state, the server's port, and the links."""

    state: str = ""
    server_port: int | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """CIPACK. For UDP `unacked` never becomes 0."""

    sent: int
    acked: int
    unacked: int


def read_status(lines: Sequence[str]) -> Status:
    """Read CIPSTATUS, from a reply's `lines` and `final`."""
    state, server, links = "", None, []
    for line in lines:
        name, _, rest = line.partition(":")
        texts = fields(rest.strip())
        if name == "STATE":
            state = rest.strip()
        elif name == "S" and len(texts) > 2:  # noqa: PLR2004 (index, context, port)
            server = integer(texts[2])
        elif name in ("C", "+CIPSTATUS") and (link := _read_link(texts)):
            links.append(link)
    return Status(state, server, tuple(links))


def read_ip(text: str) -> str | None:
    """Read CIFSR's one line."""
    ip = address(text)
    return str(ip) if ip else None


def read_acked(lines: Sequence[str]) -> Acked | None:
    """Read CIPACK."""
    found = integers(lines[0]) if lines else None
    return Acked(*found) if found and len(found) == 3 else None  # noqa: PLR2004


def read_room(lines: Sequence[str]) -> dict[int | None, int]:
    """Read CIPSEND?: bytes that may be sent, by link, or under None with one link."""
    room: dict[int | None, int] = {}
    for found in map(integers, lines):
        if found and len(found) == 1:
            room[None] = found[0]
        elif found and len(found) > 1:
            room[found[0]] = found[1]
    return room


def read_accepted(text: str) -> int | None:
    """Read the bytes of `DATA ACCEPT:5` or `DATA ACCEPT:0,10`."""
    found = integers(text) if text.startswith("DATA ACCEPT:") else None
    return found[-1] if found else None


def read_left(lines: Sequence[str]) -> int | None:
    """Read CIPRXGET=4."""
    found = integers(lines[0]) if lines else None
    return found[-1] if found else None


def read_dns(text: str) -> list[str]:
    """Read CDNSGIP's result: the addresses of a name; none when it was not found."""
    texts = values(text)
    return [each for each in texts[2:] if address(each)] if texts[:1] == ("1",) else []


def _read_link(texts: tuple[str, ...]) -> Link | None:
    number_ = integer(texts[0]) if texts else None
    if number_ is None or len(texts) < 2:  # noqa: PLR2004 (a number and a state)
        return None
    state = texts[-1].strip()
    if len(texts) < 6:  # noqa: PLR2004 (an idle link's line has fewer in some examples)
        return Link(number_, state)
    return Link(number_, state, integer(texts[1]), texts[2], texts[3], integer(texts[4]))
