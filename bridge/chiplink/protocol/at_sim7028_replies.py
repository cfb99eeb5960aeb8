"""What the SIM7028's answers say (application note V1.04, chapter 2).

Each reader takes a reply's lines, or a result's text, and returns None for what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.protocol.at_text import address, integer, integers, values

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Link:
    """A line of CIPOPEN?; `server` is None for a client, `peer` for an idle link."""

    link: int
    kind: str | None = None
    peer: str | None = None
    port: int | None = None
    server: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of CIPSEND: `confirmed` is -1 for dropped, 0 for no room.

    Anything but `asked` means that the socket is dead.
    """

    link: int
    asked: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """CIPACK: bytes sent and received in all; the field between them confirms nothing."""

    sent: int
    received: int


def read_links(lines: Sequence[str]) -> list[Link]:
    """Read CIPOPEN?."""
    links = []
    for line in lines:
        texts = values(line)
        numbers = [integer(text) for text in texts]
        if not numbers or numbers[0] is None:
            continue
        if len(texts) < 5:  # noqa: PLR2004 (link, kind, address, port, server)
            links.append(Link(numbers[0]))
            continue
        server = numbers[4] if numbers[4] is not None and numbers[4] >= 0 else None
        links.append(Link(numbers[0], texts[1], texts[2], numbers[3], server))
    return links


def read_states(lines: Sequence[str]) -> tuple[bool, ...] | None:
    """Read CIPCLOSE?: whether each link is connected."""
    found = integers(lines[0]) if lines else None
    return tuple(state == 1 for state in found) if found else None


def read_sent(text: str) -> Sent | None:
    """Read CIPSEND's result."""
    found = integers(text)
    return Sent(*found) if found and len(found) == 3 else None  # noqa: PLR2004


def read_traffic(lines: Sequence[str]) -> Traffic | None:
    """Read CIPACK."""
    found = integers(lines[0]) if lines else None
    return Traffic(found[0], found[2]) if found and len(found) == 3 else None  # noqa: PLR2004


def read_left(lines: Sequence[str]) -> int | None:
    """Read CIPRXGET=4."""
    found = integers(lines[0]) if lines else None
    return found[-1] if found else None


def read_ip(lines: Sequence[str]) -> str | None:
    """Read IPADDR."""
    for line in lines:
        ip = address(line.partition(":")[2])
        if ip:
            return str(ip)
    return None


def read_dns(lines: Sequence[str]) -> list[str]:
    """Read CDNSGIP: the addresses of a name; none when it was not found."""
    texts = values(lines[0]) if lines else ()
    return [text for text in texts[2:] if address(text)] if texts[:1] == ("1",) else []


def read_servers(lines: Sequence[str]) -> dict[int, int]:
    """Read SERVERSTART?: ports by index."""
    found = [integers(line) for line in lines]
    return {each[0]: each[1] for each in found if each and len(each) > 1}
