"""The CH392 as a device: Ethernet with TCP/IP, its cable, its addresses, its links."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from chiplink.catalog import CHIPS
from chiplink.driver.ch392_chip import Ch392Chip
from chiplink.driver.ch392_layout import lay_out
from chiplink.driver.ch392_setup import (
    Identity,
    StaticAddress,
    ask_for_lease,
    identify,
    initialise,
)
from chiplink.driver.ch392_stack import Ch392Stack
from chiplink.driver.ch392_watch import Watch
from chiplink.driver.network_device import NetworkDevice
from chiplink.driver.sockets import Kind
from chiplink.exceptions import (
    ChipError,
    ClosedError,
    CommandError,
    OfflineError,
    ProbeError,
    RefusedError,
)
from chiplink.model import DeviceEvent, Outcome
from chiplink.protocol.ch392 import Dhcp, Phy
from chiplink.protocol.ch392_commands import set_mac_addr
from chiplink.protocol.ch392_profile import DEFAULT, Profile

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from chiplink.driver.ch392_bus import BusPort
    from chiplink.driver.device import Started
    from chiplink.driver.links import LinkSettings
    from chiplink.model import CommandRequest, Json
    from chiplink.protocol.ch392_replies import IpInfo, Unreachable

_LOG = logging.getLogger(__name__)

RESET_DEADLINE = 15.0
"""Seconds in which `reset` must have brought the chip back."""

REFRESH = 60.0
"""Seconds without a cable and an address after which the chip is initialised again: one that
was reset without a word looks just so."""

NO_CABLE = "no network cable"
NO_ADDRESS = "no address yet: DHCP is asking"
NO_SERVER = "no address: no DHCP server answers"

PHY_WORDS = {
    Phy.DISCONNECTED: "disconnected",
    Phy.FULL_DUPLEX: "full_duplex",
    Phy.HALF_DUPLEX: "half_duplex",
}
_NONE = IPv4Address(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ch392Settings:
    """`[device.NAME]` of the configuration, checked.

    Where there are no links `sockets` counts, and `several_peers`: a server will have more than
    one, of which the chip must know from the beginning.
    """

    id: str
    chip: str = "ch392"
    title: str = ""
    profile: Profile = DEFAULT
    dhcp: bool = True
    ip: IPv4Address | None = None
    netmask: IPv4Address | None = None
    gateway: IPv4Address | None = None
    links: tuple[LinkSettings, ...] = ()
    sockets: int = 4
    several_peers: bool = False

    @property
    def address(self) -> StaticAddress | None:
        """The fixed address, or None where DHCP gives one."""
        if self.dhcp or self.ip is None or self.netmask is None:
            return None
        return StaticAddress(self.ip, self.netmask, self.gateway)


class Ch392(NetworkDevice):
    """A Device: keeps the chip connected and its links open.

    Raises UsageError when the links do not fit into the chip.
    """

    def __init__(self, settings: Ch392Settings, port: BusPort) -> None:
        self._settings = settings
        self._port = port
        self._layout = lay_out(settings.links, settings.profile, settings.sockets)
        self._chip: Ch392Chip | None = None
        self._watch: Watch | None = None
        self._phy = Phy.DISCONNECTED
        self._bound = False
        self._failed = False
        self._renewing = False
        """Whether DHCP was switched off and on: the address may be gone meanwhile."""
        self._refresh_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self.stack = Ch392Stack(self._layout, frozenset(link.local_port for link in settings.links))
        super().__init__(settings, CHIPS["ch392"], self.stack, Counter())

    # Commands

    def _command(self, request: CommandRequest, _started: Started) -> Awaitable[Outcome] | None:
        if request.key == "reset":
            return self._reset()
        if request.key == "dhcp":
            return self._renew()
        return None

    async def _reset(self) -> Outcome:
        """Reset the chip, and wait until it is back."""
        chip = self._answering()
        self._connected.clear()
        chip.die(ProbeError("a reset was asked for"))
        return await self._back(RESET_DEADLINE, "the chip")

    async def _renew(self) -> Outcome:
        """Take a new lease: the chip has no renewal but off and on again (section 5.30)."""
        if self._settings.address is not None:
            raise RefusedError("this chip has a fixed address; there is no lease to renew")
        chip = self._answering()
        self._failed = False
        self._renewing = True
        self.publish("dhcp", "asking")
        await ask_for_lease(chip, again=True)
        return Outcome()

    async def write_mac(self, mac: bytes, *, force: bool = False) -> None:
        """Write another MAC address into the chip's EEPROM, for good; refused unless forced.

        It counts after the reset that follows. Raises UsageError, CommandError.
        """
        command = set_mac_addr(mac, force=force)
        chip = self._answering()
        await chip.deafen(command)
        await self._reset()
        if self._published.get("mac") != mac.hex(":"):
            raise ChipError(f"the chip still has the MAC address {self._published.get('mac')}")

    def _answering(self) -> Ch392Chip:
        if self._chip is None:
            raise OfflineError("the chip does not answer")
        return self._chip

    # The connection

    async def _session(self) -> None:
        """Connect, initialise, then look after the chip until it is lost; raises why it was."""
        bus = await self._port.connect(self._counters, self._stray)
        chip = Ch392Chip(bus, self._settings.profile, self._counters)
        try:
            await self._begin(chip)
            raise await asyncio.shield(chip.dead)
        except CommandError as error:
            raise chip.dead.result() if chip.dead.done() else ProbeError(str(error)) from error
        finally:
            await self._finish(chip)

    async def _begin(self, chip: Ch392Chip) -> None:
        identity = await identify(chip)
        await self._initialise(chip)
        self._introduce(identity)
        pool = self.stack.attach(chip)
        self._phy, self._bound, self._failed = Phy.DISCONNECTED, False, False
        self._renewing = False
        self._asking = None
        self._chip = chip
        self._watch = Watch(chip, pool, self)
        self._serving = asyncio.create_task(self._serve(chip, self._watch))
        self._supervisor.connected()
        self._connected.set()

    async def _initialise(self, chip: Ch392Chip) -> None:
        several = self._settings.several_peers or any(
            link.kind is Kind.TCP_SERVER and link.peers > 1 for link in self._settings.links
        )
        await initialise(chip, self._layout, self._settings.address, several_peers=several)
        self._refresh_at = asyncio.get_running_loop().time() + REFRESH

    async def _serve(self, chip: Ch392Chip, watch: Watch) -> None:
        """Watch until the chip is given up; a defect gives it up, too."""
        try:
            await watch.run()
        except CommandError as error:
            chip.die(ProbeError(str(error)))
        except Exception:  # noqa: BLE001 - the next connection may do better
            _LOG.exception("%s: the driver failed", self.id)
            chip.die(ProbeError("the driver failed; the log has the details"))

    async def _finish(self, chip: Ch392Chip) -> None:
        reason = str(chip.dead.result()) if chip.dead.done() else "chiplink is stopping"
        try:
            if self._chip is chip:
                self._chip = self._watch = None
                self._connected.clear()
                await self._end_tasks()
        finally:  # the program may end while a lost chip is being given up
            self.stack.detach(reason)
            chip.die(ClosedError(reason))
            await chip.bus.close()

    async def _end_tasks(self) -> None:
        tasks = {self._serving} if self._asking is None else {self._serving, self._asking}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _stray(self) -> None:
        if self._watch is not None:
            self._watch.nudge()

    # What the chip says (ch392_watch.News)

    def phy(self, phy: Phy) -> None:
        """The cable's state; DHCP is asked when it is put in, not 16 s later."""
        if phy.connected and not self._phy.connected and self._settings.address is None:
            self._ask_for_lease()
        self._phy = phy
        self.publish("phy", PHY_WORDS[phy])
        self.publish("cable", phy.connected)
        self._judge()

    async def without_cable(self) -> None:
        """Initialise the chip now and then: nothing is open, and before INIT it sees no cable.

        One that has an address is not suspected: a reset takes it.
        """
        if self._chip is None or self._bound or self._settings.address is not None:
            return
        if asyncio.get_running_loop().time() > self._refresh_at:
            self._counters["refreshed"] += 1
            await self._initialise(self._chip)

    def address(self, dhcp: Dhcp | None, info: IpInfo) -> None:
        """The chip's addresses; one that is gone without a word means a reset."""
        if self._settings.address is None:
            self._note_lease(dhcp, info.ip)
        elif info.ip == _NONE:
            self._forgotten()
        self.publish("ip", str(info.ip))
        self.publish("gateway", str(info.gateway))
        self.publish("netmask", str(info.netmask))
        self.publish("dns", ", ".join(str(one) for one in info.dns if one != _NONE))
        self._judge()

    def _note_lease(self, dhcp: Dhcp | None, ip: IPv4Address) -> None:
        """A lease that cannot be renewed still counts while the chip has its address."""
        if dhcp is Dhcp.FAILED:
            self._failed, self._renewing = True, False
            self._bound = self._bound and ip != _NONE
            self.publish("dhcp", "failed")
        elif dhcp is Dhcp.SUCCESS and ip != _NONE:
            self._bound, self._failed, self._renewing = True, False, False
            self.publish("dhcp", "bound")
        elif self._bound and ip == _NONE:
            self._bound = False
            if not self._renewing:
                self._forgotten()

    def _forgotten(self) -> None:
        if self._chip is not None:
            self._chip.die(ProbeError("the chip has forgotten its address: it was reset"))

    def _ask_for_lease(self) -> None:
        chip = self._chip
        if chip is None or self._bound:
            return
        self.publish("dhcp", "asking")
        self._asking = asyncio.create_task(self._lease(chip, again=self._asking is not None))

    async def _lease(self, chip: Ch392Chip, *, again: bool) -> None:
        try:
            await ask_for_lease(chip, again=again)
        except CommandError as error:
            chip.die(ProbeError(str(error)))

    def conflict(self) -> None:
        """Another device has the chip's IP address."""
        _LOG.warning("%s: another device has the address %s", self.id, self._published.get("ip"))
        data = {"ip": str(self._published.get("ip", ""))}
        self._emit(DeviceEvent(self.id, "ip_conflict", "conflict", data))

    def unreachable(self, what: Unreachable) -> None:
        """A packet could not be delivered."""
        data: dict[str, Json] = {
            "ip": str(what.peer.ip),
            "port": what.peer.port,
            "protocol": what.protocol,
            "code": what.code,
        }
        self._emit(DeviceEvent(self.id, "unreachable", "unreachable", data))

    def _judge(self) -> None:
        """Tell the stack whether the network can be used."""
        if not self._phy.connected:
            self.stack.network_down(NO_CABLE)
        elif self._settings.address is None and not self._bound:
            self.stack.network_down(NO_SERVER if self._failed else NO_ADDRESS)
        else:
            self.stack.network_up()

    def _introduce(self, identity: Identity) -> None:
        self.publish("firmware", identity.firmware)
        self.publish("mac", identity.mac)
        self.publish("dhcp", "asking" if self._settings.address is None else "off")
