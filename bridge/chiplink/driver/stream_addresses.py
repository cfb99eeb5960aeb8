"""Addresses as asyncio writes them, `(host, port)`, and as chips do, `ip:port`."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from chiplink.driver.resolve import resolve
from chiplink.exceptions import RefusedError

if TYPE_CHECKING:
    from ipaddress import IPv4Network

Address = tuple[str, int]

LOCAL = "0.0.0.0"  # noqa: S104 - nothing is bound to it
"""This side's host: a socket does not know the chip's address."""


def host_and_port(peer: str) -> Address:
    """Split `ip:port`, or `[ip6]:port`."""
    host, _colon, port = peer.rpartition(":")
    return host.strip("[]"), int(port)


def peer_of(address: Address) -> str:
    """Return `ip:port`."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def find(host: str) -> str:
    """Return an IPv4 address of `host`, asked of this host's resolver.

    Raises socket.gaierror where there is none, as asyncio does, and DeadlineError.
    """
    try:
        return await resolve(host)
    except RefusedError as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error


def is_allowed(peer: str, networks: tuple[IPv4Network, ...] | None) -> bool:
    """Whether `ip:port` is in one of `networks`, which only IPv4 addresses are; None are all."""
    if networks is None:
        return True
    try:
        address = IPv4Address(peer.rpartition(":")[0])
    except AddressValueError:
        return False
    return any(address in network for network in networks)
