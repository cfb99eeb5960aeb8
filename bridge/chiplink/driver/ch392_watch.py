"""The CH392's interrupts: by INT# with a look at its level, or by polling; each bit acted on.

Reading the global status clears it and raises INT# (section 5.11), edges get lost, and a
status of 0 is nothing unusual. So while INT# is low it is read again, once a second the
level is looked at anyhow, and where INT# is not wired the chip is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from chiplink.driver.ch392_bus import LostReplyError
from chiplink.exceptions import ChiplinkError, PortError, ProbeError
from chiplink.protocol.ch392 import Dhcp, GlobalInterrupt
from chiplink.protocol.ch392_commands import (
    get_dhcp_status,
    get_glob_int_status,
    get_glob_int_status_all,
    get_ip_inf,
    get_phy_status,
    get_unreach_ipport,
)
from chiplink.protocol.ch392_replies import (
    read_dhcp,
    read_global_interrupts,
    read_ip_inf,
    read_phy,
    read_unreachable,
)

if TYPE_CHECKING:
    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.driver.ch392_pool import Pool
    from chiplink.driver.ch392_socket import ChipSocket
    from chiplink.protocol.ch392 import Phy
    from chiplink.protocol.ch392_replies import IpInfo, Unreachable

LEVEL_CHECK = 1.0
"""Seconds between looks at INT#'s level."""

POLL_BUSY = 0.005
POLL_IDLE = 0.05
"""Seconds between polls while something is expected, and otherwise, where INT# is not wired."""

PATIENCE = 1.5
"""Seconds without a look after which the line is no longer left to sockets that use it."""

BUSY_FOR = 0.5
"""Seconds after a socket's news for which more is expected."""

HEARTBEAT = 5.0
"""Seconds between looks at cable, address and sockets, whatever the interrupts said."""

MAX_LOOKS = 16
"""Looks in a row while INT# stays low; then it is taken for stuck, and polled."""

PHY_TRIES = 5
"""Times in a row the PHY may tell nonsense before the chip is reset."""

PHY_PAUSE = 0.02


class News(Protocol):
    """Who wants to know what the chip says about itself."""

    def phy(self, phy: Phy) -> None:
        """The cable's state."""

    def address(self, dhcp: Dhcp | None, info: IpInfo) -> None:
        """The chip's addresses; `dhcp` is None where DHCP has nothing to say."""

    def conflict(self) -> None:
        """Another device has the chip's IP address."""

    def unreachable(self, what: Unreachable) -> None:
        """A packet could not be delivered."""

    async def without_cable(self) -> None:
        """The PHY was found disconnected; raises CommandError."""


class Watch:
    """Reads interrupts of an attached chip until cancelled or the chip is given up."""

    def __init__(self, chip: Ch392Chip, pool: Pool, news: News) -> None:
        self._chip = chip
        self._pool = pool
        self._news = news
        self._pin = chip.bus.interrupt
        self._wake = asyncio.Event()
        self._noted = GlobalInterrupt(0)
        self._polled_at = 0.0
        self._busy_until = 0.0
        self._looked_at = 0.0
        self._stuck = self._lost = False

    def nudge(self) -> None:
        """Look soon."""
        self._wake.set()

    async def run(self) -> None:
        """Serve; raises OfflineError when the chip is given up."""
        loop = asyncio.get_running_loop()
        pin = self._pin
        self._chip.on_interrupts = self._note
        self._chip.on_lost = self._note_loss
        if pin is not None:
            loop.add_reader(pin.fd, self._edge)
        try:
            await self._check()
            while True:
                await self._wait()
                if loop.time() >= self._looked_at + HEARTBEAT:
                    await self._check()
                await self._look()
        finally:
            if pin is not None:
                loop.remove_reader(pin.fd)

    def _edge(self) -> None:
        try:
            if self._pin is not None:
                self._pin.acknowledge()
        except PortError as error:
            self._chip.die(error)
        if not self._stuck:
            self._wake.set()

    def _level(self) -> int | None:
        """Return INT#'s level; None where it is not wired."""
        try:
            return None if self._pin is None else self._pin.level()
        except PortError as error:
            self._chip.die(error)
            return None

    async def _wait(self) -> None:
        """Return at an edge, when the level must be looked at, or it is time to poll.

        What sockets ask for themselves counts as a poll, and they go first, but for what they
        heard of others: whoever always asks would keep it for ever.
        """
        loop = asyncio.get_running_loop()
        while (now := loop.time()) < min(self._polled_at + PATIENCE, self._looked_at + HEARTBEAT):
            if self._noted or self._lost:
                break
            if self._chip.asking:
                await self._chip.quiet(POLL_IDLE)
            elif self._wake.is_set() or now >= self._polled_at + self._interval():
                break
            else:
                await self._sleep(self._polled_at + self._interval() - now)
        self._wake.clear()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _note(self, reply: bytes, socket: int) -> None:
        """Take a global status that a socket read for itself: the rest of it is for here."""
        self._polled_at = asyncio.get_running_loop().time()
        self._busy_until = self._polled_at + BUSY_FOR
        rest = read_global_interrupts(reply) & ~(GlobalInterrupt.SOCK0 << socket)
        if rest:
            self._noted |= rest
            self._wake.set()

    def _note_loss(self) -> None:
        """A reply was lost, perhaps one with a global status: whatever waits must be looked for."""
        self._lost = True
        self._wake.set()

    def _interval(self) -> float:
        if self._pin is not None and not self._stuck:
            return LEVEL_CHECK
        sockets = self._pool.sockets.values()
        now = asyncio.get_running_loop().time()
        busy = now < self._busy_until or any(socket.waits for socket in sockets)
        return POLL_BUSY if busy else POLL_IDLE

    async def _look(self) -> None:
        """Read until nothing waits any more."""
        self._polled_at = asyncio.get_running_loop().time()
        noted, self._noted = self._noted, GlobalInterrupt(0)
        if noted:
            await self._act(noted, [])
        if self._lost:
            await self._find_the_lost()
        if self._level() == 1:
            return
        for _look in range(1 if self._stuck else MAX_LOOKS):
            try:
                news = await self._read()
            except LostReplyError:
                await self._find_the_lost()
                news = True
            if self._level() != 0:
                self._stuck = False
                return
            if not news:
                self._chip.counters["spurious_interrupts"] += 1
        if not self._stuck:
            self._stuck = True
            self._chip.counters["int_stuck"] += 1

    async def _find_the_lost(self) -> None:
        """Look at everything that an interrupt may have told of."""
        self._lost = False
        await self._check()
        await self._look_at(list(self._pool.sockets.values()))

    async def _read(self) -> bool:
        """Read the global status, and with it the sockets that expect something."""
        wide = self._chip.profile.wide_interrupts
        question = get_glob_int_status_all() if wide else get_glob_int_status()
        expecting = [socket for socket in self._pool.sockets.values() if socket.waits]
        batch = [command for socket in expecting for command in socket.status_commands()]

        def take(_answer: bytes, *statuses: bytes) -> None:
            for number, socket in enumerate(expecting):
                socket.take_replies(*statuses[2 * number : 2 * number + 2])

        try:
            answer, *_statuses = await self._chip.ask(question, *batch, take=take)
        except LostReplyError:
            for socket in expecting:
                await socket.resync()
            raise
        self._polled_at = asyncio.get_running_loop().time()
        bits = read_global_interrupts(answer)
        await self._act(bits, expecting)
        return bool(bits)

    async def _act(self, bits: GlobalInterrupt, seen: list[ChipSocket]) -> None:
        sockets = self._pool.sockets
        others = [
            sockets[number]
            for number in bits.sockets
            if number in sockets and sockets[number] not in seen
        ]
        if bits.sockets:
            self._busy_until = asyncio.get_running_loop().time() + BUSY_FOR
        await self._look_at(others)
        if bits & GlobalInterrupt.PHY_CHANGE:
            await self._look_at_phy()
        if bits & GlobalInterrupt.DHCP:
            status, info = await self._chip.read(get_dhcp_status(), get_ip_inf())
            self._news.address(read_dhcp(status), read_ip_inf(info))
        if bits & GlobalInterrupt.IP_CONFLI:
            self._news.conflict()
        if bits & GlobalInterrupt.UNREACH:
            (reply,) = await self._chip.read(get_unreach_ipport())
            self._news.unreachable(read_unreachable(reply))

    async def _look_at(self, sockets: list[ChipSocket]) -> None:
        for socket in sockets:
            await socket.look()

    async def _look_at_phy(self) -> None:
        for _try in range(PHY_TRIES):
            (reply,) = await self._chip.read(get_phy_status())
            phy = read_phy(reply)
            if phy is not None:
                self._news.phy(phy)
                if not phy.connected:
                    await self._news.without_cable()
                return
            self._chip.counters["phy_nonsense"] += 1
            await asyncio.sleep(PHY_PAUSE)
        self._die(ProbeError("the chip's PHY tells nonsense"))

    async def _check(self) -> None:
        """Look at everything, whatever the interrupts said."""
        self._looked_at = asyncio.get_running_loop().time()
        await self._look_at_phy()
        status, info = await self._chip.read(get_dhcp_status(), get_ip_inf())
        dhcp = read_dhcp(status)  # without an interrupt, FAILED may as well mean "not yet"
        self._news.address(dhcp if dhcp is Dhcp.SUCCESS else None, read_ip_inf(info))
        for socket in list(self._pool.sockets.values()):
            await socket.verify()

    def _die(self, error: ChiplinkError) -> None:
        self._chip.die(error)
        self._chip.check()
