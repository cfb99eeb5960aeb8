"""AT arguments and answers as text: quoting, checking, taking apart. UsageError for what is wrong.

What comes from a modem is never an error here: a reader returns None for what it does not know.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from chiplink.exceptions import UsageError

HOST_MAX = 254
"""Characters of a domain name (SIM7028, 2.1.17)."""

ARGUMENT_MAX = 255
"""Characters of any other quoted argument."""

FIELDS_MAX = 64
"""Fields of an answer that are read."""

PORT_MAX = 65535

_FIELD = re.compile(r'\s*(?:"([^"]*)"?|([^,]*))[^,]*(?:,|$)')
_NAME = re.compile(r"(?:(\d), ?)?([^:]*?)(?::\s*(.*))?$", re.DOTALL)
_LAST = "~"


def quote(value: str) -> str:
    """Return an argument in quotation marks; refuses what could end it, or the line."""
    if len(value) > ARGUMENT_MAX:
        raise UsageError(f"an AT argument has at most {ARGUMENT_MAX} characters, not {len(value)}")
    for character in value:
        if character == '"' or not " " <= character <= _LAST:
            raise UsageError(f"an AT argument cannot hold {character!r}")
    return f'"{value}"'


def host(value: str) -> str:
    """Return a host name or IP address in quotation marks."""
    if not 0 < len(value) <= HOST_MAX or " " in value:
        raise UsageError(f"{value!r} is no host: 1 to {HOST_MAX} characters without spaces")
    return quote(value)


def number(what: str, value: int, least: int, most: int) -> int:
    """Return a number that lies between its bounds."""
    if not least <= value <= most:
        raise UsageError(f"{what} is {least} to {most}, not {value}")
    return value


def port(value: int, least: int = 1) -> int:
    """Return a port number."""
    return number("a port", value, least, PORT_MAX)


def flag(value: bool) -> int:  # noqa: FBT001 (the argument is what it is about)
    """Return 1 or 0."""
    return int(value)


def joined(*arguments: object) -> str:
    """Return arguments with commas between; None at the end is left out, elsewhere empty."""
    texts = ["" if argument is None else str(argument) for argument in arguments]
    while texts and arguments[len(texts) - 1] is None:
        texts.pop()
    return ",".join(texts)


def fields(text: str) -> tuple[str, ...]:
    """Take `1,"a,b",,2` apart; at most FIELDS_MAX fields, quotation marks removed."""
    found: list[str] = []
    at = 0
    while len(found) < FIELDS_MAX:
        match = _FIELD.match(text, at)
        if match is None:
            break
        quoted, bare = match.groups()
        found.append(quoted if quoted is not None else bare.strip())
        at = match.end()
        if at == len(text) and not match[0].endswith(","):
            break
    return tuple(found)


def named(text: str) -> tuple[int | None, str, tuple[str, ...]]:
    """Return a line's link (`0, CLOSED`), its name (`+CSQ`, `CLOSED`) and the fields behind `:`."""
    match = _NAME.match(text)
    if match is None:  # the pattern fits every text
        return None, text, ()
    link, name, rest = match.groups()
    return integer(link or ""), name, fields(rest) if rest else ()


def values(line: str) -> tuple[str, ...]:
    """Return the fields behind a line's first colon."""
    return fields(line.partition(":")[2].strip()) if ":" in line else ()


def integer(text: str) -> int | None:
    """Return a decimal number of up to ten digits, perhaps negative, or None."""
    text = text.strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,10}", text) else None


def integers(line: str) -> tuple[int, ...] | None:
    """Return the numbers behind a line's first colon; None if one is none."""
    found = [integer(value) for value in values(line)]
    known = tuple(each for each in found if each is not None)
    return known if found and len(known) == len(found) else None


def hexadecimal(text: str) -> int | None:
    """Return a hexadecimal number of up to eight digits, or None: LAC and CI."""
    return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", text) else None


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an IP address, or None; one with a scope (`fe80::1%x`) is nobody else's."""
    try:
        return None if "%" in text else ip_address(text.strip())
    except ValueError:
        return None


def peer(text: str) -> str:
    """Return `1.2.3.4:80` or `[2001:db8::1]:80` from an address and a port behind the last colon.

    Spaces around the colon are dropped. A text that is no such thing comes back as it is.
    """
    place = place_of(text)
    if place is None:
        return text.strip()
    where, number_ = place
    return f"[{where}]:{number_}" if isinstance(where, IPv6Address) else f"{where}:{number_}"


def place_of(text: str) -> tuple[IPv4Address | IPv6Address, int] | None:
    """Return the address and the port of `1.2.3.4:80`; None for what is no such thing."""
    head, _, tail = text.rpartition(":")
    where, number_ = address(head.strip(" []")), integer(tail)
    if where is None or number_ is None or not 0 <= number_ <= PORT_MAX:
        return None
    return where, number_
