"""What the CH392's commands that concern the whole chip do (section 5)."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_chip import KEEP_ALIVE_STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_chip import Chip

    Run = Callable[[Chip, bytes], bytes]

NOT_A_PHY = (0x00, 0x03, 0x06, 0x08, 0xFF)


def number(data: bytes) -> int:
    """Return a little-endian number (section 5)."""
    return int.from_bytes(data, "little")


def set_baudrate(chip: Chip, data: bytes) -> bytes:
    """Take a rate of the table; the front end answers at the new rate (5.2)."""
    taken = number(data) in codes.BAUD_RATES and chip.baud_wanted(number(data))
    return b"" if taken else bytes([codes.RET_ABORT])


def nothing(_chip: Chip, _data: bytes) -> bytes:
    """Do nothing that a simulator shows."""
    return b""


def reset_all(chip: Chip, _data: bytes) -> bytes:
    """Reset (5.3)."""
    chip.reset_wanted("RESET_ALL")
    return b""


def check_exist(_chip: Chip, data: bytes) -> bytes:
    """Return the complement (5.4)."""
    return bytes([data[0] ^ 0xFF])


def get_version(chip: Chip, _data: bytes) -> bytes:
    """Return the version (5.1)."""
    return bytes([chip.version])


def set_mac(chip: Chip, data: bytes) -> bytes:
    """Write the MAC address into the EEPROM (5.5)."""
    chip.write_mac(data)
    return b""


def get_mac(chip: Chip, _data: bytes) -> bytes:
    """Return the MAC address (5.29)."""
    return chip.mac


def set_net(field: str) -> Run:
    """Return the action that sets an address which the next INIT takes (5.6 to 5.8)."""

    def act(chip: Chip, data: bytes) -> bytes:
        chip.set_net = dataclasses.replace(chip.set_net, **{field: str(IPv4Address(data))})
        return b""

    return act


def set_number(field: str) -> Run:
    """Return the action that sets a number of the chip."""

    def act(chip: Chip, data: bytes) -> bytes:
        setattr(chip, field, number(data))
        return b""

    return act


def get_phy(chip: Chip, _data: bytes) -> bytes:
    """Return the state of the PHY (5.9)."""
    if chip.faults.hit("phy-garbage"):
        return bytes([chip.faults.rng.choice(NOT_A_PHY)])
    return bytes([chip.phy])


def init(chip: Chip, _data: bytes) -> int:
    """Start MAC, PHY and stack (5.10)."""
    return chip.initialise()


def get_unreachable(chip: Chip, _data: bytes) -> bytes:
    """Return code, protocol, port and address of the last ICMP message (5.11)."""
    return chip.unreachable


def get_interrupts(size: int) -> Run:
    """Return the action that reads the global interrupt status in so many bytes (5.11)."""

    def act(chip: Chip, _data: bytes) -> bytes:
        return chip.interrupts.read().to_bytes(size, "little")

    return act


def get_status(chip: Chip, _data: bytes) -> bytes:
    """Return the status of the last command that has one (5.12)."""
    return bytes([chip.status])


def dhcp_enable(chip: Chip, data: bytes) -> int:
    """Start or stop DHCP; the chip must be initialised (5.30)."""
    if not chip.initialised:
        return codes.ERR_IF
    (chip.dhcp.start if data[0] else chip.dhcp.stop)()
    return codes.SUCCESS


def get_dhcp_status(chip: Chip, _data: bytes) -> bytes:
    """Return 0 with a lease, else 1 (5.31)."""
    return bytes([chip.dhcp.status])


def get_ip_info(chip: Chip, _data: bytes) -> bytes:
    """Return address, gateway, mask and name servers in force (5.32)."""
    return chip.net.packed()


def set_keep_idle(chip: Chip, data: bytes) -> bytes:
    """Set the idle time in ms, if the pair stays in order (5.36, 5.38)."""
    if _keep_alive_in_order(chip, "CMD_SET_KEEP_LIVE_IDLE", number(data), chip.keep_interval):
        chip.keep_idle = number(data)
    return b""


def set_keep_interval(chip: Chip, data: bytes) -> bytes:
    """Set the interval in ms, if the pair stays in order (5.37, 5.38)."""
    if _keep_alive_in_order(chip, "CMD_SET_KEEP_LIVE_INTVL", chip.keep_idle, number(data)):
        chip.keep_interval = number(data)
    return b""


def _keep_alive_in_order(chip: Chip, name: str, idle: int, interval: int) -> bool:
    if idle % KEEP_ALIVE_STEP or interval % KEEP_ALIVE_STEP or not 0 < interval < idle:
        chip.ignore(name, "IDLE must be above INTVL, both multiples of 500")
        return False
    return True
