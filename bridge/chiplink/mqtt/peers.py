"""The other side of a connection or datagram in a topic: `ip:port` or `[ip6]:port`."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

MAX_PORT = 65_535

_PEER = re.compile(r"(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\]):([1-9][0-9]{0,4})")


def read_peer(text: str) -> str | None:
    """Return the peer as it is always written, or None for what is none."""
    match = _PEER.fullmatch(text)
    if match is None or int(match[3]) > MAX_PORT:
        return None
    try:
        host = str(IPv4Address(match[1])) if match[1] else f"[{IPv6Address(match[2])}]"
    except ValueError:
        return None
    return f"{host}:{match[3]}"
