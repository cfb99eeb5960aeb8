"""From a CH392 that was just reset to one that can be used (section 8.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.protocol.ch392 import Command, FunctionBit
from chiplink.protocol.ch392_commands import (
    dhcp_enable,
    get_ic_ver,
    get_mac_addr,
    init_ch392,
    set_fun_para,
    set_gwip_addr,
    set_ip_addr,
    set_mask_addr,
)
from chiplink.protocol.ch392_replies import read_mac, read_number

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.driver.ch392_layout import Layout

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Identity:
    """What a chip is; the form of its version is not stated (5.1)."""

    firmware: str
    mac: str


@dataclass(frozen=True, slots=True)
class StaticAddress:
    """Set before INIT (sections 5.6 to 5.8)."""

    ip: IPv4Address
    netmask: IPv4Address
    gateway: IPv4Address | None


async def identify(chip: Ch392Chip) -> Identity:
    """Ask the chip what it is."""
    version, mac = await chip.read(get_ic_ver(), get_mac_addr())
    return Identity(f"{read_number(version):02X}h", read_mac(mac))


async def initialise(
    chip: Ch392Chip, layout: Layout, address: StaticAddress | None, *, several_peers: bool
) -> None:
    """Set functions, the fixed address if there is one, INIT, buffers.

    Raises StatusError, OfflineError.
    """
    profile = chip.profile
    bits = profile.function_bits
    if several_peers:
        bits |= FunctionBit.TCP_SERVER
    if profile.has(Command.SET_FUN_PARA):
        await chip.tell(set_fun_para(bits))
    if address is not None:
        await chip.tell(
            set_ip_addr(address.ip),
            set_mask_addr(address.netmask),
            *([set_gwip_addr(address.gateway)] if address.gateway else []),
        )
    await chip.perform(init_ch392(), deadline=profile.init_deadline_ms / _MILLISECONDS)
    await chip.tell(*layout.plan.commands())


async def ask_for_lease(chip: Ch392Chip, *, again: bool) -> None:
    """Begin DHCP, for which the cable must be in; off and on is the only renewal (5.30)."""
    if again:
        await chip.perform(dhcp_enable(on=False))
    await chip.perform(dhcp_enable(on=True))
