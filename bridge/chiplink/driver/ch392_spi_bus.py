"""The CH392 on SPI: every command one transfer, every reply there when it ends."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from chiplink.driver.ch392_bus import LostReplyError
from chiplink.driver.ch392_uart_bus import may_leave_busy
from chiplink.exceptions import ChiplinkError, PortError, ProbeError
from chiplink.framing import ch392_reply_length
from chiplink.protocol.ch392_commands import check_exist, reset_all
from chiplink.protocol.ch392_replies import read_exists
from chiplink.protocol.ch392_uart import SYNC
from chiplink.transport.tap import Direction

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from chiplink.protocol.ch392_profile import Profile
    from chiplink.transport.interrupt import Interrupt, IntLine
    from chiplink.transport.spi import SpiBus, SpiPort
    from chiplink.transport.tap import Tap

RESET_TIME = 0.1
"""Seconds from RESET_ALL until the chip is asked again; it takes about 85 ms."""

RESET_DEADLINE = 2.0
RESET_LOOK = 0.02
"""Seconds in which it must answer, and between looks."""

LOOKS = 10
"""Times a chip that does not answer is asked again."""

_TEST_BYTES = (0x55, 0xAA)
_BYTES = 256


class SpiLine:
    """A Bus over an open SPI bus; `tap` hears commands and replies as a UART would carry them."""

    def __init__(self, bus: SpiBus, counters: Counter[str], tap: Tap | None) -> None:
        self._bus = bus
        self._counters = counters
        self._tap = tap
        self.lost: asyncio.Future[ChiplinkError] = asyncio.get_running_loop().create_future()
        self.interrupt: IntLine | None = None
        self.max_write = bus.max_write
        self.baud = 0

    async def run(self, commands: Sequence[bytes]) -> list[bytes]:
        """Carry commands out and return the replies of those that have one, in order.

        A chip that does not answer reads as FF, which any reply may be: so the last question
        is a CHECK_EXIST, but where nothing may be asked.
        """
        if any(may_leave_busy(command) for command in commands):
            return await self._transfer(commands)
        value = secrets.randbelow(_BYTES)
        *replies, exists = await self._transfer([*commands, check_exist(value)])
        if read_exists(exists, value):
            return replies
        self._counters["replies_lost"] += 1
        await self._recover()
        raise LostReplyError("the chip did not answer for a while")

    async def _recover(self) -> None:
        """See whether the chip answers again; raises ProbeError when it does not."""
        for _look in range(LOOKS):
            if await self.look():
                return
            await asyncio.sleep(RESET_LOOK)
        raise ProbeError("the chip stopped answering; is it powered?")

    async def _transfer(self, commands: Sequence[bytes]) -> list[bytes]:
        self._tell(Direction.OUT, b"".join(SYNC + command for command in commands))
        try:
            replies = await self._bus.run(commands)
        except PortError as error:
            self._note_lost(error)
            raise
        self._counters["turnarounds"] += 1
        answered = [
            reply
            for command, reply in zip(commands, replies, strict=True)
            if ch392_reply_length(command)
        ]
        self._tell(Direction.IN, b"".join(answered))
        return answered

    async def look(self) -> bool:
        """Whether the chip answers CHECK_EXIST, three times over."""
        for value in (*_TEST_BYTES, secrets.randbelow(256)):
            (reply,) = await self._transfer([check_exist(value)])
            if not read_exists(reply, value):
                return False
        return True

    async def reset(self) -> None:
        """RESET_ALL, and wait until the chip answers again."""
        await self._transfer([reset_all()])
        await asyncio.sleep(RESET_TIME)
        until = asyncio.get_running_loop().time() + RESET_DEADLINE
        while not await self.look():
            if asyncio.get_running_loop().time() > until:
                raise ProbeError("the chip does not come back from its reset")
            await asyncio.sleep(RESET_LOOK)

    async def close(self) -> None:
        """Close the bus."""
        if self.interrupt is not None:
            self.interrupt.close()
        await self._bus.close()

    def _tell(self, direction: Direction, data: bytes) -> None:
        if self._tap is not None and self._tap.on_bytes is not None and data:
            self._tap.on_bytes(direction, data)

    def _note_lost(self, error: PortError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)


class SpiLinePort:
    """A BusPort: an SPI bus, and INT# where it is wired."""

    def __init__(
        self,
        port: SpiPort,
        profile: Profile,
        interrupt: Interrupt | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._port = port
        self._profile = profile
        self._interrupt = interrupt
        self._tap = tap

    @property
    def name(self) -> str:
        """How the user wrote it."""
        return self._port.name

    async def connect(self, counters: Counter[str], on_stray: Callable[[], None]) -> SpiLine:
        """Open the bus, see that the chip answers, reset it."""
        line = await self.find(counters, on_stray)
        try:
            await line.reset()
            if self._interrupt is not None:
                line.interrupt = await self._interrupt.open()
        except BaseException:
            await line.close()
            raise
        return line

    async def find(self, counters: Counter[str], _on_stray: Callable[[], None]) -> SpiLine:
        """Open the bus and see that the chip answers; nothing comes unasked over SPI."""
        profile = self._profile
        bus = await self._port.open(gap=profile.spi_gap_us, turn=profile.spi_turn_us)
        line = SpiLine(bus, counters, self._tap)
        try:
            await self._see(line)
        except BaseException:
            await line.close()
            raise
        return line

    async def _see(self, line: SpiLine) -> None:
        if await line.look() or await line.look():
            return
        raise ProbeError(
            f"{self.name}: no CH392 answers; is it powered, is SEL low,"
            " are SDI and SDO the right way round, are the wires short?"
        )
