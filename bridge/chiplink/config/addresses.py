"""A chip's own address: by DHCP, or `ip`, `netmask` and `gateway`."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chiplink.config.remote import parse_address
from chiplink.driver.resolve import is_address
from chiplink.exceptions import ConfigError
from chiplink.tables import key_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chiplink.driver.links import LinkSettings

KEYS = ("ip", "netmask", "gateway")

FEWEST = 3
"""Of the addresses that a netmask leaves, besides the network's: with fewer nobody else fits."""

_ALL = IPv4Address("255.255.255.255")

_EXAMPLES = {"ip": 'ip = "192.168.1.10"', "netmask": 'netmask = "255.255.255.0"'}


class AddressTable(Protocol):
    """The keys of a device's table that say its address."""

    @property
    def dhcp(self) -> bool:
        """Whether a server gives it."""

    @property
    def ip(self) -> str | None:
        """The device's own."""

    @property
    def netmask(self) -> str | None:
        """Of its network."""

    @property
    def gateway(self) -> str | None:
        """The way out of it."""


class Addresses(NamedTuple):
    """What was given and is one; nothing with DHCP."""

    ip: IPv4Address | None = None
    netmask: IPv4Address | None = None
    gateway: IPv4Address | None = None

    @property
    def network(self) -> IPv4Network | None:
        """The network that the device is in."""
        if self.ip is None or self.netmask is None:
            return None
        return IPv4Network(f"{self.ip}/{self.netmask}", strict=False)


def read_addresses(
    table: AddressTable, given: Mapping[str, Any], path: str, problems: list[str]
) -> Addresses:
    """Return the addresses of the device at `path`; `given` is its table as it was written."""
    if not isinstance(given.get("dhcp", True), bool):
        return Addresses()
    if table.dhcp:
        _check_unused(given, path, problems)
        return Addresses()
    problems.extend(
        f"{path}.{key}: missing; dhcp = false needs it: {example}"
        for key, example in _EXAMPLES.items()
        if key not in given
    )
    addresses = Addresses(
        ip=_read(table.ip, _host, f"{path}.ip", problems),
        netmask=_read(table.netmask, _netmask, f"{path}.netmask", problems),
        gateway=_read(table.gateway, parse_address, f"{path}.gateway", problems),
    )
    if addresses.network is not None:
        _check_network(addresses, addresses.network, path, problems)
    return addresses


def check_reach(
    addresses: Addresses, links: Sequence[LinkSettings], path: str, problems: list[str]
) -> None:
    """Tell which links of the device at `path` lead where it cannot reach."""
    network = addresses.network
    for link in links:
        place = f"{key_path(f'{path}.link', link.id)}.remote"
        remote = IPv4Address(link.host) if is_address(link.host) else None
        if network is None or remote is None:
            continue
        if remote == addresses.ip:
            problems.append(f"{place}: {remote} is {path}'s own address; write the other side's")
        elif remote not in network and not remote.is_multicast and addresses.gateway is None:
            problems.append(f"{place}: {remote} is outside of {network}; set {path}.gateway")


def _check_unused(given: Mapping[str, Any], path: str, problems: list[str]) -> None:
    unused = [key for key in KEYS if key in given]
    if unused:
        problems.append(
            f"{path}.dhcp: a server gives the address, but there is also {' and '.join(unused)};"
            " write dhcp = false, or take them away"
        )


def _read(
    text: str | None, parse: Callable[[str], IPv4Address], path: str, problems: list[str]
) -> IPv4Address | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ConfigError as error:
        problems.append(f"{path}: {error}")
        return None


def _host(text: str) -> IPv4Address:
    ip = parse_address(text)
    if ip.is_unspecified or ip.is_multicast or ip.is_loopback or ip.is_reserved:
        raise ConfigError([f"{ip} is no address of one device; write for example '192.168.1.10'"])
    return ip


def _netmask(text: str) -> IPv4Address:
    mask = parse_address(text)
    hosts = ~int(mask) & int(_ALL)
    if hosts & (hosts + 1):
        raise ConfigError([f"{mask} is no netmask; write for example '255.255.255.0'"])
    if mask.packed == bytes(4) or hosts < FEWEST:
        raise ConfigError([f"{mask} leaves no room for others; write for example '255.255.255.0'"])
    return mask


def _check_network(
    addresses: Addresses, network: IPv4Network, path: str, problems: list[str]
) -> None:
    ends = {network.network_address: "the network's", network.broadcast_address: "everybody's"}
    for key in ("ip", "gateway"):
        address = getattr(addresses, key)
        if address in ends:
            problems.append(
                f"{path}.{key}: {address} is {ends[address]} in {network}; take another"
            )
    gateway = addresses.gateway
    if gateway is not None and gateway not in network:
        problems.append(f"{path}.gateway: {gateway} is outside of {network}; take one inside")
    elif gateway is not None and gateway == addresses.ip:
        problems.append(f"{path}.gateway: {gateway} is the device's own; write the router's")
