"""One CH392, answering: batches and commands with a status, one at a time, and its death.

Everything that talks to the chip goes through here, so that two tasks never interleave and
nothing is sent while a command's status is BUSY (section 5.12).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from chiplink.driver.cancellation import to_the_end
from chiplink.driver.ch392_bus import LostReplyError, StatusError
from chiplink.exceptions import ChiplinkError, OfflineError, PortError, ProbeError
from chiplink.framing import ch392_commands
from chiplink.protocol.ch392 import Command, Status, is_echo
from chiplink.protocol.ch392_commands import check_exist, get_cmd_status
from chiplink.protocol.ch392_replies import read_number

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from chiplink.driver.ch392_bus import Bus
    from chiplink.protocol.ch392_profile import Profile

PERFORM_TRIES = 3
"""Times a command is sent of which the chip shows no sign."""

READ_TRIES = 3
"""Times a question without side effects is asked."""

BUSY_DEADLINE = 5.0
"""Seconds a command's status may be BUSY or unknown; then the chip is reset."""

NEXT = 0.001
"""Seconds in which whoever has just been answered asks the next question."""

SURELY_BUSY = 0.02
"""Seconds: a command that takes longer is BUSY when its status is first asked for."""

MAX_BATCH = 12
"""Commands sent at once; a framer expects 16 replies."""

T = TypeVar("T")

_MICROSECONDS = 1_000_000
_TEST_BYTE = 0x55


class Ch392Chip:
    """A chip on an open bus."""

    def __init__(self, bus: Bus, profile: Profile, counters: Counter[str]) -> None:
        self._bus = bus
        self._lock = asyncio.Lock()
        self.profile = profile
        self.counters = counters
        self.dead: asyncio.Future[ChiplinkError] = asyncio.get_running_loop().create_future()
        """Done when the chip has to be found anew, with the reason."""
        self.on_interrupts: Callable[[bytes, int], None] = _unheard
        """Called with a global status that a socket read for itself, and its number."""
        self.on_lost: Callable[[], None] = _unasked
        """Called when a reply was lost, and with it what it said of any socket."""
        self._quiet = asyncio.Event()
        self._quiet.set()
        bus.lost.add_done_callback(self._port_lost)

    @property
    def bus(self) -> Bus:
        """Its line."""
        return self._bus

    def die(self, error: ChiplinkError) -> None:
        """Give this connection to the chip up: it is to be reset."""
        if not self.dead.done():
            self.dead.set_result(error)

    def check(self) -> None:
        """Raise OfflineError if the chip was given up."""
        if self.dead.done():
            raise OfflineError(f"the chip is being reset: {self.dead.result()}")

    async def ask(self, *commands: bytes, take: Callable[..., None] | None = None) -> list[bytes]:
        """Send a batch and return the replies; raises LostReplyError, OfflineError.

        Cancelled, it ends when the replies have come: the next batch must not get them. `take`
        gets them even then, for what reading clears is told once, and before anybody gets those
        of the next batch; it raises LostReplyError for nonsense.
        """
        return await to_the_end(self._ask(commands, take))

    async def read(self, *commands: bytes, take: Callable[..., None] | None = None) -> list[bytes]:
        """Ask what can be asked again, `take` as for `ask`; raises OfflineError."""
        for _attempt in range(READ_TRIES - 1):
            try:
                return await self.ask(*commands, take=take)
            except LostReplyError:
                continue
        try:
            return await self.ask(*commands, take=take)
        except LostReplyError as error:
            raise self._given_up(ProbeError(f"{READ_TRIES} times over, {error}")) from None

    async def tell(self, *commands: bytes) -> None:
        """Send commands that have neither reply nor status, and see that they were taken."""
        batch = [*commands, check_exist(_TEST_BYTE)]
        for start in range(0, len(batch), MAX_BATCH):
            await self.read(*batch[start : start + MAX_BATCH])

    async def perform(self, command: bytes, *, deadline: float = BUSY_DEADLINE) -> None:
        """Carry out a command that has a status, within `deadline` seconds.

        Raises StatusError with the chip's words, OfflineError when it stays BUSY.
        Cancelled, it ends when the chip is no longer BUSY.
        """
        try:
            await to_the_end(self._perform(command, deadline))
        finally:
            self._quiet.set()

    @property
    def asking(self) -> bool:
        """Whether something is being asked."""
        return self._lock.locked()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing is being asked, but no longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._lock.locked():
                    self._quiet.clear()
                    await self._quiet.wait()
                    await asyncio.sleep(NEXT)

    async def deafen(self, command: bytes) -> None:
        """Send a command behind which the chip hears nothing for a while, and let it be so long."""
        try:
            await to_the_end(self._deafen(command))
        finally:
            self._quiet.set()

    async def _deafen(self, command: bytes) -> None:
        async with self._lock:
            await self._run(command)
            await asyncio.sleep(ch392_commands()[command[0]].pause / _MICROSECONDS)

    async def _ask(
        self, commands: tuple[bytes, ...], take: Callable[..., None] | None
    ) -> list[bytes]:
        try:
            async with self._lock:
                replies = await self._run(*commands)
            if take is not None:
                take(*replies)
        except LostReplyError:
            self.on_lost()
            raise
        else:
            return replies
        finally:
            self._quiet.set()

    async def _perform(self, command: bytes, deadline: float) -> None:
        name = Command(command[0]).name
        row = ch392_commands()[command[0]]
        loop = asyncio.get_running_loop()
        async with self._lock:
            until = loop.time() + max(deadline, 2 * row.typical / _MICROSECONDS)
            for _attempt in range(PERFORM_TRIES):
                status, was_busy = await self._carry_out(command, until)
                if was_busy or row.typical < SURELY_BUSY * _MICROSECONDS:
                    break
                # It was lost on the line, and the status is that of the command before.
                self.counters["commands_lost"] += 1
        if status != Status.SUCCESS:
            self.counters["chip_errors"] += 1
            raise StatusError(name, status)

    async def _carry_out(self, command: bytes, until: float) -> tuple[int, bool]:
        """Send it and return its status, and whether the chip was BUSY with it first."""
        row = ch392_commands()[command[0]]
        was_busy = False
        await self._run(command)
        while True:
            await asyncio.sleep(row.pause / _MICROSECONDS)
            status = await self._status()
            if status is not None and status not in (Status.ERR_BUSY, Status.ERR_UNKNOWN):
                return status, was_busy
            was_busy = was_busy or status == Status.ERR_BUSY
            if asyncio.get_running_loop().time() > until:
                self.counters["stuck"] += 1
                name = Command(command[0]).name
                raise self._given_up(ProbeError(f"{name}: the chip stays busy with it"))

    async def _status(self) -> int | None:
        """Return the command's status; None when it has to be asked for again."""
        try:
            (reply,) = await self._run(get_cmd_status())
        except LostReplyError:
            return None
        status = read_number(reply)
        if self.profile.echo and is_echo(status):
            self.counters["echoes"] += 1
            return None
        return status

    async def _run(self, *commands: bytes) -> list[bytes]:
        self.check()
        try:
            return await self._bus.run(commands)
        except (PortError, ProbeError) as error:
            raise self._given_up(error) from error

    def _given_up(self, error: ChiplinkError) -> OfflineError:
        self.die(error)
        return OfflineError(f"the chip is being reset: {self.dead.result()}")

    def _port_lost(self, lost: asyncio.Future[ChiplinkError]) -> None:
        if not lost.cancelled():
            self.die(lost.result())


def _unasked() -> None:
    """Nobody wants to know."""


def _unheard(_reply: bytes, _socket: int) -> None:
    """Nobody wants to know."""
