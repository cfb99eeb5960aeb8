"""`[device.NAME]` with `chip = "ch392"`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink.config.addresses import check_reach, read_addresses
from chiplink.config.device import MAX_TITLE, DeviceConfig, check_title, read_port
from chiplink.config.links import read_links
from chiplink.config.stacks import CH392
from chiplink.driver.ch392 import Ch392Settings
from chiplink.driver.ch392_uart_bus import UNSUPPORTED
from chiplink.protocol.ch392 import BAUDS
from chiplink.protocol.ch392_profile import DEFAULT, PROFILES
from chiplink.tables import key_path, nearest, read_table

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker

RATES = tuple(baud for baud in BAUDS if baud != UNSUPPORTED)
"""The chip's rates that this host can have too."""


class Ch392Table(msgspec.Struct, frozen=True):
    """`[device.NAME]` with `chip = "ch392"`."""

    chip: str
    port: str
    name: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    profile: str = DEFAULT.name
    dhcp: bool = True
    ip: str | None = None
    netmask: str | None = None
    gateway: str | None = None
    link: Any = None


def read_ch392(
    name: str, table: Any, _broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    """Return the device; None without a port."""
    path = key_path("device", name)
    config = read_table(Ch392Table, table, path, problems)
    if config is None:
        return None
    check_title(config.name, path, problems)
    if config.profile not in PROFILES:
        hint = nearest(config.profile, list(PROFILES))
        problems.append(f"{path}.profile: unknown profile {config.profile!r}{hint}")
    addresses = read_addresses(config, table, path, problems)
    links = read_links(table.get("link", {}), f"{path}.link", CH392, problems)
    check_reach(addresses, links, path, problems)
    port = read_port(config.port, path, CH392.chip, RATES, problems)
    if port is None:
        return None
    settings = Ch392Settings(
        id=name,
        title=config.name,
        profile=PROFILES.get(config.profile, DEFAULT),
        dhcp=config.dhcp,
        ip=addresses.ip,
        netmask=addresses.netmask,
        gateway=addresses.gateway,
        links=links,
    )
    return DeviceConfig(settings=settings, port=port, port_text=config.port)
