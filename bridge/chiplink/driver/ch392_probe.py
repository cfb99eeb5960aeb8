"""Which CH392 answers on a line, without changing anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.driver.ch392 import PHY_WORDS
from chiplink.driver.ch392_chip import Ch392Chip
from chiplink.driver.ch392_setup import identify
from chiplink.exceptions import CommandError, PortError, ProbeError
from chiplink.protocol.ch392_commands import get_ip_inf, get_phy_status
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.protocol.ch392_replies import read_ip_inf, read_phy

if TYPE_CHECKING:
    from chiplink.driver.ch392_bus import BusPort


@dataclass(frozen=True, slots=True)
class Found392:
    """A CH392 that answered; `phy` is the catalogue's word, "unknown" where it tells nonsense.

    Before its INIT the cable reads as disconnected.
    """

    baud: int
    firmware: str
    mac: str
    phy: str
    ip: str


async def find(port: BusPort) -> Found392:
    """Look for the chip at every rate and ask it; raises PortError, ProbeError."""
    bus = await port.find(Counter(), _ignore)
    chip = Ch392Chip(bus, DEFAULT, Counter())
    try:
        identity = await identify(chip)
        phy, addresses = await chip.read(get_phy_status(), get_ip_inf())
    except CommandError as error:
        # Its words are of a reset, and none follows here.
        why = chip.dead.result() if chip.dead.done() else error
        if isinstance(why, PortError):
            raise why from None
        raise ProbeError(f"{port.name}: {why}") from None
    finally:
        await bus.close()
    state = read_phy(phy)
    ip = str(read_ip_inf(addresses).ip)
    words = "unknown" if state is None else PHY_WORDS[state]
    return Found392(bus.baud, identity.firmware, identity.mac, words, ip)


def _ignore() -> None:
    """Stray bytes are of no interest here."""
