"""Names to addresses: on this host, because not every chip can, and all should agree."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import AddressValueError, IPv4Address

from chiplink.exceptions import DeadlineError, RefusedError

DEADLINE = 10.0
"""Seconds; the resolver's own may be a minute."""


def is_address(host: str) -> bool:
    """Whether `host` is an IPv4 address and no name."""
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


async def resolve(host: str) -> str:
    """Return an IPv4 address of `host`; raises RefusedError or DeadlineError."""
    if is_address(host):
        return host
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DEADLINE):
            found = await loop.getaddrinfo(host, None, family=socket.AF_INET)
    except TimeoutError:
        raise DeadlineError(f"{host}: this host's resolver does not answer") from None
    except (OSError, UnicodeError):
        raise RefusedError(f"{host}: this host finds no IPv4 address of that name") from None
    return str(found[0][4][0])
