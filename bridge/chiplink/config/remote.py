"""Where a link leads: `192.168.1.50:502`, `plc.lan:502`; for IPRAW without a port."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import NamedTuple

from chiplink.exceptions import ConfigError

MAX_HOST = 253
MAX_PORT = 65535

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBERS = re.compile(r"(?:.*\.)?[0-9]+")
"""A name's last part is no number, so this was meant as an address."""
_PORT = re.compile(r"[0-9]{1,5}")


class Remote(NamedTuple):
    """A host and its port, 0 where there is none."""

    host: str
    port: int


def parse_remote(text: str, *, with_port: bool) -> Remote:
    """Return the host, an IPv4 address or a name, and its port; raises ConfigError."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") or ":" in host:
        raise ConfigError([f"{text[:80]!r} is no IPv4 address; links have no other"])
    if not with_port:
        if colon:
            raise ConfigError(
                [f"{text[:80]!r} has a port, which IP packets have not; write {host!r}"]
            )
        return Remote(_host(text), 0)
    if not colon:
        raise ConfigError([f"{text[:80]!r} has no port; write for example {text[:80] + ':502'!r}"])
    return Remote(_host(host), _port(port))


def _host(text: str) -> str:
    if _NUMBERS.fullmatch(text):
        return str(parse_address(text))
    if len(text) > MAX_HOST or _NAME.fullmatch(text) is None:
        raise ConfigError([f"{text[:80]!r} is no host; write an IPv4 address or a name"])
    return text


def _port(text: str) -> int:
    if _PORT.fullmatch(text) is None or not 1 <= int(text) <= MAX_PORT:
        raise ConfigError([f"{text[:80]!r} is no port; write 1 to {MAX_PORT}"])
    return int(text)


def parse_address(text: str) -> IPv4Address:
    """Return an IPv4 address; raises ConfigError."""
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise ConfigError(
            [f"{text[:80]!r} is no IPv4 address; write for example '192.168.1.50'"]
        ) from None
