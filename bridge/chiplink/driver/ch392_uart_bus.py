"""The CH392 on a serial line: its rate found and changed, batches of commands, the way back.

The UART has no checksum and no length, so one lost byte inside a WRITE makes the chip take
the next command for data, and one byte too many shifts every reply behind it. Every batch
therefore ends with a CHECK_EXIST of a random byte; when its answer does not come, or another
one, zeros fill what the chip may still wait for, and CHECK_EXIST tells whether it listens again.
A command whose head lost a byte is dropped without a trace, so what sets something is said
twice, and the second time it has a CHECK_EXIST of its own, which it takes if an argument is lost.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from chiplink.driver.ch392_bus import LostReplyError
from chiplink.exceptions import ChiplinkError, PortError, ProbeError
from chiplink.framing import CH392_STREAM, ch392_commands, ch392_reply_length
from chiplink.protocol.ch392 import FACTORY_BAUD, SEARCH
from chiplink.protocol.ch392_commands import check_exist, reset_all, set_baudrate
from chiplink.protocol.ch392_replies import read_exists
from chiplink.protocol.ch392_uart import Answer, Ch392Uart, NoAnswer

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, MutableMapping, Sequence
    from typing import Any

    from chiplink.protocol.ch392_profile import Profile
    from chiplink.transport.base import Port, Transport
    from chiplink.transport.interrupt import Interrupt, IntLine

DEFAULT_BAUD = 115200
"""The rate a chip is brought to where the configuration says none."""

UNSUPPORTED = 76800
"""A rate of the chip that Linux has not."""

RATES = tuple(rate for rate in SEARCH if rate != UNSUPPORTED)
"""Where a chip is looked for, likely ones first."""

ANSWER = 0.25
"""Seconds to a reply beyond the time on the wire."""

STARVED = 0.02
"""Seconds that a deadline is noticed late when others had the processor, not the chip the time."""

LOOK = 0.06
"""Seconds to CHECK_EXIST's reply, beyond the time on the wire, while the rate is searched."""

RESET_DEADLINE = 2.0
"""Seconds from RESET_ALL until the chip must answer; it takes about 85 ms."""

RESET_LOOK = 0.05
"""Seconds between looks whether a reset is over."""

BAUD_PAUSE = 0.005
"""Seconds from SET_BAUDRATE, which takes 1 ms, until the chip is asked at the new rate."""

SYNC = 3
"""Bytes of a packet's sync code and command."""

LONGEST_WRITE = 8 * 536 + 8
_TEST_BYTES = (0x55, 0xAA)
_BYTES = 256
_BITS_A_BYTE = 10
_TRIES = 3


class UartBus:
    """A Bus over an open transport."""

    def __init__(
        self,
        transport: Transport,
        target: int,
        counters: Counter[str],
        on_stray: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._target = target
        self._counters = counters
        self._on_stray = on_stray
        self._uart = Ch392Uart()
        self._replies: list[bytes] = []
        self._wanted = 0
        self._done: asyncio.Future[None] | None = None
        self.lost: asyncio.Future[ChiplinkError] = self._loop.create_future()
        self.interrupt: IntLine | None = None
        self.max_write = CH392_STREAM
        transport.start(self._received, self._note_lost)

    @property
    def baud(self) -> int:
        """The rate of the line now."""
        return self._transport.baud

    async def run(self, commands: Sequence[bytes]) -> list[bytes]:
        """Send commands at once and return the replies, in order."""
        if any(may_leave_busy(command) for command in commands):
            replies = await self._exchange(commands, ANSWER)
        else:
            replies = await self._checked(commands)
        if replies is not None:
            return replies
        self._counters["replies_lost"] += 1
        await self._recover(max(len(command) for command in commands))
        raise LostReplyError("a reply of the chip was lost on the line")

    async def look(self, wait: float = ANSWER) -> bool:
        """Whether the chip answers CHECK_EXIST at this rate, three times over."""
        for value in (*_TEST_BYTES, secrets.randbelow(256)):
            replies = await self._exchange([check_exist(value)], wait)
            if replies is None or not read_exists(replies[0], value):
                return False
        return True

    async def search(self, rates: Sequence[int], padding: int = 0) -> bool:
        """Whether the chip answers at one of `rates`; the line stays at that rate."""
        for baud in rates:
            await self._transport.set_baud(baud)
            if padding:
                self._transport.write(bytes(padding))
                await asyncio.sleep(self._wire_time(padding))
            if await self.look(LOOK) or await self.look(LOOK):
                return True
        return False

    async def reset(self) -> None:
        """RESET_ALL, then the wanted rate."""
        self._transport.write(self._uart.send(reset_all()))
        await asyncio.sleep(self._wire_time(SYNC) + RESET_LOOK)
        await self._transport.set_baud(FACTORY_BAUD)
        try:
            async with asyncio.timeout(RESET_DEADLINE):
                while not await self.look(LOOK):
                    self._check_line()
        except TimeoutError:
            raise ProbeError("the chip does not come back from its reset") from None
        await self._change_baud()

    async def close(self) -> None:
        """Close the line."""
        if self.interrupt is not None:
            self.interrupt.close()
        self._finish()
        await self._transport.close()

    async def _change_baud(self) -> None:
        """Bring the chip to the wanted rate, or stay; its status comes at the new one (5.2)."""
        before = self._transport.baud
        if before == self._target:
            return
        for _attempt in range(_TRIES):
            packet = self._uart.send(set_baudrate(self._target))
            self._transport.write(packet)
            await asyncio.sleep(self._wire_time(len(packet)) + BAUD_PAUSE)
            self._uart.give_up()  # its status may be garbled, and its values are not stated
            await self._transport.set_baud(self._target)
            if await self.look():
                return
            await self._transport.set_baud(before)
            if not await self.look():
                break
        if await self.search([before, *RATES]):
            self._counters["baud_fallback"] += 1
            return
        raise ProbeError(f"the chip was lost on the way to {self._target} baud")

    # One exchange

    async def _checked(self, commands: Sequence[bytes]) -> list[bytes] | None:
        """Return the replies; None if they did not all come in time, or not only they."""
        asked: list[tuple[bytes, int | None]] = [
            (command, None) for command in commands if _sets(command)
        ]
        for command in commands:
            asked.append((command, None))
            if _sets(command):
                asked.append(_check())
        asked.append(_check())
        replies = await self._exchange([command for command, _value in asked], ANSWER)
        if replies is None:
            return None
        values = [value for command, value in asked if _answers(command)]
        both = list(zip(replies, values, strict=True))
        if not all(value is None or read_exists(reply, value) for reply, value in both):
            return None
        return [reply for reply, value in both if value is None]

    async def _exchange(self, commands: Sequence[bytes], wait: float) -> list[bytes] | None:
        """Return the replies; None if they did not all come in time."""
        self._check_line()
        packets = self._uart.send(*commands)
        self._replies = []
        self._wanted = sum(1 for command in commands if _answers(command))
        self._done = done = self._loop.create_future()
        expected = self._uart.pending
        self._transport.write(packets)
        if not self._wanted:
            return []
        self._counters["turnarounds"] += 1
        try:
            if not await self._came(done, wait + self._wire_time(len(packets) + expected)):
                self._uart.give_up()
                return None
        finally:
            self._done = None
        self._check_line()
        if len(self._replies) < self._wanted:
            raise PortError("the line was closed")
        return self._replies

    async def _came(self, done: asyncio.Future[None], seconds: float) -> bool:
        """Whether it came in time; a wait in which this process did not run is waited again."""
        for _attempt in range(2):
            end = self._loop.time() + seconds
            await asyncio.wait({done}, timeout=seconds)
            if done.done() or self._loop.time() < end + STARVED:
                break
        return done.done()

    def _received(self, data: bytes) -> None:
        for event in self._uart.receive(data):
            if isinstance(event, Answer):
                self._replies.append(event.data)
            elif not isinstance(event, NoAnswer):
                self._counters["stray_bytes"] += len(event.data)
                self._on_stray()
        if len(self._replies) >= self._wanted:
            self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def _recover(self, size: int) -> None:
        """Find the chip again after a lost reply; raises ProbeError when it stays silent."""
        if await self.look(LOOK):
            return
        for padding in (size, LONGEST_WRITE):
            self._counters["paddings"] += 1
            self._transport.write(bytes(padding))
            await asyncio.sleep(self._wire_time(padding))
            if await self.look() or await self.look():
                return
        raise ProbeError("the chip stopped answering; is it powered?")

    def _note_lost(self, error: PortError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)
        self._finish()

    def _check_line(self) -> None:
        if self.lost.done():
            raise self.lost.result()

    def _wire_time(self, size: int) -> float:
        """Seconds that `size` bytes take."""
        return size * _BITS_A_BYTE / self._transport.baud if self._transport.baud else 0.0


class UartBusPort:
    """A BusPort: a serial line; `memory` keeps the rate that was found last."""

    def __init__(
        self,
        port: Port,
        profile: Profile,
        memory: MutableMapping[str, Any] | None = None,
        interrupt: Interrupt | None = None,
    ) -> None:
        self._port = port
        self._profile = profile
        self._memory = {} if memory is None else memory
        self._interrupt = interrupt

    @property
    def name(self) -> str:
        """How the user wrote it."""
        return self._port.name

    async def connect(self, counters: Counter[str], on_stray: Callable[[], None]) -> UartBus:
        """Open the line, find the chip's rate, reset it, bring it to the wanted rate."""
        bus = await self.find(counters, on_stray)
        try:
            await bus.reset()
            self._memory["baud"] = bus.baud
            if self._interrupt is not None:
                bus.interrupt = await self._interrupt.open()
        except BaseException:
            await bus.close()
            raise
        return bus

    async def find(self, counters: Counter[str], on_stray: Callable[[], None]) -> UartBus:
        """Open the line at the chip's rate, and leave the chip as it is."""
        target = self._port.baud or DEFAULT_BAUD
        first = [baud for baud in (self._memory.get("baud"), target) if baud in RATES]
        rates = list(dict.fromkeys([*first, *RATES]))
        nudge = on_stray if self._profile.uart_interrupts else _ignore
        transport = await self._port.open(rates[0])
        bus = UartBus(transport, target, counters, nudge)
        try:
            await self._search(bus, rates)
        except BaseException:
            await bus.close()
            raise
        return bus

    async def _search(self, bus: UartBus, rates: Sequence[int]) -> None:
        # A chip left in the middle of a WRITE takes for data whatever comes.
        if await bus.search(rates) or await bus.search(rates[:2], LONGEST_WRITE):
            return
        shown = ", ".join(str(rate) for rate in rates)
        raise ProbeError(
            f"{self.name}: no CH392 answers at {shown} baud; is it powered,"
            " are TXD and RXD crossed, is SEL high or open?"
        )


def _check() -> tuple[bytes, int]:
    """Return a CHECK_EXIST and its random byte."""
    value = secrets.randbelow(_BYTES)
    return check_exist(value), value


def may_leave_busy(command: bytes) -> bool:
    """Whether nothing may be asked behind it: BUSY (section 5.12), or deaf for a while (5.5)."""
    row = ch392_commands()[command[0]]
    return bool(row.has_status or row.pause)


def _sets(command: bytes) -> bool:
    """Whether it sets something, at once, and tells nothing: saying it again does no harm."""
    row = ch392_commands()[command[0]]
    return not (row.answers or row.has_status or row.counts_arguments or row.pause)


def _answers(command: bytes) -> bool:
    return ch392_reply_length(command) > 0


def _ignore() -> None:
    """Stray bytes are counted, no more."""
