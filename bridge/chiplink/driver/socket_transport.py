"""What the transports of streams and of datagrams share: the life of one socket.

Reading and sending are a task each, which lives only while there is something to do: a
transport that nobody reads from and nobody writes to has none. Everything ends in one
place, once: both tasks, then the socket, then `connection_lost`.
"""

from __future__ import annotations

import abc
import asyncio
import errno
import logging
from typing import TYPE_CHECKING, Any

from chiplink.driver.stream_addresses import LOCAL, host_and_port
from chiplink.driver.stream_errors import os_error
from chiplink.exceptions import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from chiplink.driver.sockets import Socket

_LOG = logging.getLogger(__name__)

HIGH_WATER = 16 * 1024
"""Bytes that may wait for the chip before the protocol is asked to pause: with a modem at
9600 baud they are 17 s."""

LOW_WATER = HIGH_WATER // 2
"""Bytes that wait when it is asked to go on: more than a socket takes at once, so who drains keeps
its windows full."""

LINGER = 60.0
"""Seconds without progress after which a closed transport gives up what still waits."""

CLOSE_DEADLINE = 15.0
"""Seconds for closing the socket, should the driver's own bound not hold."""


class SocketTransport(asyncio.BaseTransport, abc.ABC):
    """The life of `socket`; `on_end` is called after `connection_lost`."""

    def __init__(self, socket: Socket) -> None:
        super().__init__()
        self.on_end: Callable[[], None] = _nobody
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._reader: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._closing = False
        self._writing_paused = False
        self._low, self._high = LOW_WATER, HIGH_WATER

    # What the two kinds do in their own way

    @property
    @abc.abstractmethod
    def _user(self) -> asyncio.BaseProtocol:
        """The protocol."""

    @abc.abstractmethod
    async def _read(self) -> None:
        """Hand over what comes; raises CommandError."""

    @abc.abstractmethod
    async def _send(self) -> None:
        """Send what waits; raises CommandError."""

    @abc.abstractmethod
    def _forget(self) -> None:
        """Drop what waits."""

    @abc.abstractmethod
    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the chip."""

    # As in asyncio

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `peername` or `sockname`, where known; there is no `socket` of this host."""
        if name == "peername" and self._socket.peer:
            return host_and_port(self._socket.peer)
        if name == "sockname" and self._socket.local_port:
            return LOCAL, self._socket.local_port
        return default

    def is_closing(self) -> bool:
        """Whether it is closed or being closed."""
        return self._closing

    def close(self) -> None:
        """Send what waits, then close; nothing more is received."""
        if self._closing:
            return
        self._closing = True
        if self.get_write_buffer_size():
            self._keep_receiving()
            self._wait_for_progress(self.get_write_buffer_size())
        else:
            self._end(None)

    def abort(self) -> None:
        """Close now; what waits is lost."""
        self._end(None)

    def _force_close(self, error: BaseException | None) -> None:
        """Close now because of `error`: asyncio's TLS asks for this by this name."""
        self._end(error)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is asked to pause and to resume writing, in bytes."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._low, self._high = low, high
        self._heed_limits()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the two limits, the low one first."""
        return self._low, self._high

    def __repr__(self) -> str:
        state = "closed" if self._ending else "closing" if self._closing else "open"
        waiting = self.get_write_buffer_size()
        return f"<{type(self).__name__} {self._socket.peer or '*'} {state} waiting={waiting}>"

    # The tasks

    def _keep_receiving(self) -> None:
        """Have the reading task run; what is received while closing is thrown away.

        Some modems send nothing while what they received is not fetched.
        """
        if self._ending is None and (self._reader is None or self._reader.done()):
            self._reader = self._loop.create_task(self._watched(self._read))

    def _keep_sending(self) -> None:
        """Have the sending task run."""
        if self._ending is None and (self._sender is None or self._sender.done()):
            self._sender = self._loop.create_task(self._watched(self._send))

    async def _watched(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await _later()
            await work()
        except CommandError as error:
            self._lost(error)
        except Exception as error:  # noqa: BLE001 - whatever failed, the connection ends
            self._failed(error, "the connection failed")

    def _lost(self, error: CommandError) -> None:
        """End it; when it was closed already, only what was not sent makes that an error."""
        self._end(os_error(error) if self.get_write_buffer_size() or not self._closing else None)

    def _failed(self, error: BaseException, what: str) -> None:
        """End it because of a defect, here or in the protocol, which somebody must see."""
        self._report(error, what)
        self._end(error)

    def _report(self, error: BaseException, what: str) -> None:
        context = {"message": what, "exception": error, "transport": self, "protocol": self._user}
        self._loop.call_exception_handler(context)

    # The end

    def _wait_for_progress(self, before: int) -> None:
        """Give up a chip that takes nothing of what waits."""

        def check() -> None:
            left = self.get_write_buffer_size()
            if left < before:
                self._wait_for_progress(left)
            else:
                why = f"{left} bytes could not be sent before closing"
                self._end(TimeoutError(errno.ETIMEDOUT, why))

        self._linger = self._loop.call_later(LINGER, check)

    def _end(self, error: BaseException | None) -> None:
        if self._ending is not None:
            return
        self._closing = True
        if self._linger is not None:
            self._linger.cancel()
        self._ending = self._loop.create_task(self._finish(error))

    async def _finish(self, error: BaseException | None) -> None:
        try:
            await _later()
            await self._stop_tasks()
            await self._close_socket()
        finally:
            self._tell_end(error)

    async def _stop_tasks(self) -> None:
        tasks = [task for task in (self._reader, self._sender) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._forget()

    async def _close_socket(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE):
                await self._socket.close()
        except (TimeoutError, CommandError) as error:
            _LOG.warning("%r did not close: %s", self, str(error) or "out of time")
        except Exception as error:  # noqa: BLE001 - the driver's; the protocol must hear of the end
            self._report(error, "the socket could not be closed")

    def _tell_end(self, error: BaseException | None) -> None:
        try:
            self._user.connection_lost(error if isinstance(error, Exception) else None)
        except Exception as failure:  # noqa: BLE001 - the protocol's; its connection is over
            self._report(failure, "protocol.connection_lost() failed")
        finally:
            self.on_end()

    # Pausing who writes

    def _heed_limits(self) -> None:
        size = self.get_write_buffer_size()
        if size > self._high and not self._writing_paused:
            self._writing_paused = True
            self._tell_writer(self._user.pause_writing)
        elif size <= self._low and self._writing_paused:
            self._writing_paused = False
            self._tell_writer(self._user.resume_writing)

    def _tell_writer(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the protocol's; the connection goes on
            self._report(error, "protocol.pause_writing() or resume_writing() failed")


async def _later() -> None:
    """Go on in a later turn, whatever the task factory: an eager one begins at once.

    Who writes, resumes or aborts counts on hearing nothing before that returns.
    """
    await asyncio.sleep(0)


def _nobody() -> None:
    """Nobody waits for the end."""
