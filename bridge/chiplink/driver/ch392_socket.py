"""One of the CH392's sockets while it is open: its interrupt bits, its buffers, its end.

Everything the interrupt status says is acted on, in one place, whoever read it (reading
clears all bits, section 5.16).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.ch392_bus import LostReplyError, StatusError
from chiplink.exceptions import (
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    ProbeError,
)
from chiplink.protocol.ch392 import Command, SocketInterrupt, SocketState, Status, TcpState
from chiplink.protocol.ch392_commands import (
    close_socket_sn,
    get_glob_int_status,
    get_int_status_sn,
    get_recv_len_sn,
    get_remot_ipp_sn,
    get_socket_status_sn,
    open_socket_sn,
    read_recv_buf_sn,
    write_send_buf_sn,
)
from chiplink.protocol.ch392_replies import (
    read_length,
    read_socket_interrupts,
    read_socket_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.protocol.ch392_buffers import SocketBuffers

READ_MAX = 4096
"""Bytes of one READ (section 5.27)."""

EMPTY_RECEIVES = 4
"""RECV interrupts in a row with nothing to read after which the chip is reset."""

OPEN_TRIES = 3
"""Times OPEN is tried: soon after a CLOSE it can answer ERR_OPEN."""

SET_TRIES = 3
"""Times a destination is set that the chip does not tell back."""

CLOSE_WAIT = 1.0
"""Seconds what was written gets to leave, and the other side to close, before CLOSE."""

QUICK_LOOKS = 3
"""Times the status is read again right after a WRITE; then its interrupt is waited for."""

QUICK_PAUSE = 0.001
"""Seconds between them: the chip copies what was written "quickly" (section 5.16)."""

WRITE_PATIENCE = 60.0
"""Seconds a WRITE may wait for SENBUF_FREE: the other side may be slow, or it was lost."""

RESERVED = 0xA0
"""Bits that no socket's status has (section 5.16)."""

GONE = frozenset({Status.ERR_CLSD, Status.ERR_CONN})
"""What closing may answer when the socket was closed already."""

_MILLISECONDS = 1000
_READABLE_STATES = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


class ChipSocket:
    """A socket of the chip, from OPEN to CLOSE."""

    def __init__(
        self, chip: Ch392Chip, buffers: SocketBuffers, *, tcp: bool, not_before: float
    ) -> None:
        self._chip = chip
        self._not_before = not_before
        self._buffers = buffers
        self._tcp = tcp
        self.number = buffers.socket
        self.length = 0
        """Bytes that wait to be read, as far as known."""
        self.connected = False
        self.free = True
        """Whether the send buffer takes a WRITE."""
        self.receipt = False
        """Whether a SEND_OK came since the last WRITE."""
        self.error: CommandError | None = None
        """Why it ended; None while it lives."""
        self.ended_well = False
        """Whether the other side ended the connection in order."""
        self.on_change: Callable[[], None] = _nobody
        """Called after `take` and `end`."""
        self._empty = 0
        self._written_at = 0.0
        self._turned = asyncio.Event()
        self._open = self._to_close = self._connecting = self._was_read = False
        self._reading: asyncio.Task[bytes] | None = None

    @property
    def waits(self) -> bool:
        """Whether an interrupt of it is expected soon."""
        return self._open and (not self.free or self._connecting)

    # What the chip says

    def take(self, bits: SocketInterrupt, length: int) -> None:
        """Act on every bit of an interrupt status, and on the length read after it."""
        if length > self._buffers.receive.size:
            self._chip.die(ProbeError(f"the chip says {length} bytes wait in a smaller buffer"))
            return
        self.length = length
        if bits & SocketInterrupt.CONNECT:
            self.connected = True
        if bits & SocketInterrupt.RECV and not length:
            self._note_empty()
        if length:
            self._empty = 0
        if bits & SocketInterrupt.SENBUF_FREE:
            self.free = True
        if bits & SocketInterrupt.SEND_OK:
            self.receipt = True
        if bits & SocketInterrupt.DISCONNECT:
            self.ended_well = True
            self.end(ClosedError("the other side closed the connection"))
        if bits & SocketInterrupt.TIM_OUT:
            self.end(DeadlineError("the other side does not answer"))
        self._tell()

    def _note_empty(self) -> None:
        self._empty += 1
        if self._empty >= EMPTY_RECEIVES:
            self._chip.die(ProbeError("the chip announces data again and again and has none"))

    def end(self, error: CommandError) -> None:
        """Note why it is over; the first reason stays."""
        if self.error is None:
            self.error = error
        self._tell()

    def _tell(self) -> None:
        self._turned.set()
        self.on_change()

    async def changed(self) -> None:
        """Wait until `take` or `end` was called; several may wait."""
        turned = self._turned
        await turned.wait()
        if turned is self._turned:
            self._turned = asyncio.Event()

    def _check(self) -> None:
        if self.error is not None:
            raise _afresh(self.error)

    def status_commands(self) -> tuple[bytes, bytes]:
        """Return the two questions whose answers `take_replies` takes."""
        return get_int_status_sn(self.number), get_recv_len_sn(self.number)

    def _own_look(self) -> tuple[bytes, bytes, bytes]:
        """Return the same, and the global status with it: nobody else need ask soon."""
        return get_glob_int_status(), *self.status_commands()

    def _take_own_look(self, overall: bytes, status: bytes, length: bytes) -> None:
        self.take_replies(status, length)
        self._chip.on_interrupts(overall, self.number)

    def take_replies(self, status: bytes, length: bytes) -> None:
        """Act on the answers to `status_commands`; raises LostReplyError for none."""
        bits = read_socket_interrupts(status)
        if int(bits) & RESERVED:
            raise LostReplyError("a socket's status was nonsense")
        self.take(bits, read_length(length))

    async def look(self) -> None:
        """Read the interrupt status and act on it; raises OfflineError."""
        try:
            await self._chip.ask(*self._own_look(), take=self._take_own_look)
        except LostReplyError:
            await self.resync()

    async def resync(self) -> None:
        """Find out what the interrupt bits said that were lost with a reply.

        A WRITE that begins meanwhile has an answer of its own.
        """
        written = not self.free

        def take(status: bytes, length: bytes) -> None:
            self._take_state(status, length, written=written)

        await self._chip.read(
            get_socket_status_sn(self.number), get_recv_len_sn(self.number), take=take
        )

    def _take_state(self, status: bytes, length: bytes, *, written: bool) -> None:
        """Act on what the socket is; `written` is whether a WRITE was not answered before."""
        state = read_socket_status(status)
        bits = SocketInterrupt(0)
        if self._tcp and state.tcp in _READABLE_STATES:
            bits |= SocketInterrupt.CONNECT
        over = self._open and (
            state.state == SocketState.CLOSED or (self.connected and not self._stands(state.tcp))
        )
        in_order = state.tcp == TcpState.CLOSE_WAIT
        if over and in_order:
            bits |= SocketInterrupt.DISCONNECT
        self.take(bits, read_length(length))
        if over and not in_order:
            self.end(ClosedError("the connection is gone, and the chip does not tell why"))
        if written and not self.free:
            self.end(OutcomeUnknownError("the chip's answer was lost; what was sent is unknown"))

    async def verify(self) -> None:
        """See whether the socket still is what it was; a lost interrupt is made up for."""
        if self._open and self.free:
            await self.resync()
        elif self._open and asyncio.get_running_loop().time() > self._written_at + WRITE_PATIENCE:
            self.end(OutcomeUnknownError("the chip does not take what was written"))

    def _stands(self, tcp: int) -> bool:
        return not self._tcp or tcp == TcpState.ESTABLISHED

    # Opening and closing

    async def set(self, *settings: bytes) -> None:
        """Set what `settings` say; where to is read back, for the data would go elsewhere.

        A chip that tells it otherwise each time is believed to have it: the manual has
        GET_REMOT_IPP_SN for connections (section 5.13).
        """
        codes = (Command.SET_IP_ADDR_SN, Command.SET_DEST_PORT_SN)
        wanted = b"".join(command[2:] for command in settings if command[0] in codes)
        for _attempt in range(SET_TRIES):
            await self._chip.tell(*settings)
            if not wanted:
                return
            (remote,) = await self._chip.read(get_remot_ipp_sn(self.number))
            if remote.startswith(wanted):
                return
            self._chip.counters["settings_lost"] += 1

    async def open(self, *settings: bytes) -> None:
        """Set what `settings` say and open; raises StatusError, OfflineError, why it ended."""
        await self.set(*settings)
        await asyncio.sleep(self._not_before - asyncio.get_running_loop().time())
        self._check()
        for attempt in range(OPEN_TRIES):
            try:
                self._to_close = True  # even when this is cancelled before it is answered
                await self._chip.perform(open_socket_sn(self.number))
            except StatusError as error:
                self._to_close = False
                if error.status != Status.ERR_OPEN or attempt == OPEN_TRIES - 1:
                    raise
                self._chip.counters["opened_twice"] += 1
                await self._close_now()
                await asyncio.sleep(self._chip.profile.reopen_pause_ms / _MILLISECONDS)
            else:
                self._open = True
                return

    def adopted(self) -> None:
        """Note that a server's connection was given to it: it is open and connected."""
        self._open = self._to_close = self.connected = True

    async def close(self) -> None:
        """CLOSE, and what waits to be read is gone; raises StatusError, OfflineError."""
        self._open = False
        if self._to_close:
            self._to_close = False
            await self._close_now()

    async def _close_now(self) -> None:
        try:
            await self._chip.perform(close_socket_sn(self.number))
        except StatusError as error:
            if error.status not in GONE:
                raise

    # Data

    async def write(self, data: bytes, *before: bytes) -> None:
        """Write at most the send buffer, once it is free; `before` are commands sent with it.

        Raises the error it ended with, or OfflineError, when nothing was sent,
        OutcomeUnknownError when it may have been.
        """
        await self.wait_free()
        self._chip.check()
        self.free = self.receipt = False
        self._written_at = asyncio.get_running_loop().time()
        write = write_send_buf_sn(self.number, data, limit=self._buffers.send.size)
        try:
            await self._chip.ask(*before, write, *self._own_look(), take=self._take_own_look)
            for _look in range(QUICK_LOOKS):
                if self.free or self.error is not None:
                    return
                await asyncio.sleep(QUICK_PAUSE)
                await self.look()
        except LostReplyError as error:
            self.end(OutcomeUnknownError(f"{error}; what was sent is unknown"))
            raise OutcomeUnknownError(f"{error}; what was sent is unknown") from None
        except OfflineError as error:
            raise OutcomeUnknownError(str(error)) from None

    async def wait_free(self) -> None:
        """Wait until the send buffer is free; raises the error it ended with."""
        self._check()
        while not self.free:
            await self.changed()
            self._check()

    async def wait_taken(self) -> None:
        """Wait until the chip has taken what was written; raises the error it ended with."""
        if not self.free:
            await self.wait_free()

    async def wait_receipt(self) -> bool:
        """Wait for a SEND_OK and the send buffer; whether they came before its end."""
        while not (self.receipt and self.free):
            if self.error is not None:
                return False
            await self.changed()
        return True

    async def wait_connected(self) -> None:
        """Wait for the CONNECT interrupt; raises the error it ended with."""
        self._connecting = True
        try:
            while not self.connected:
                self._check()
                await self.changed()
        finally:
            self._connecting = False

    async def read(self) -> bytes:
        """Wait for data and read all that is there; b"" at a stream's end in order.

        Raises the error it ended with once everything was read (SOCKET_CLOSE, 5.16).
        Cancelled, what was read meanwhile is for the next call.
        """
        if self._reading is None:
            if not await self._wait_for_data():
                return b""
            self._reading = asyncio.create_task(self._fetch())
            self._reading.add_done_callback(_retrieved)
        reading = self._reading
        try:
            data = await asyncio.shield(reading)
        finally:
            if reading.done():
                self._reading = None
        return data

    async def _wait_for_data(self) -> bool:
        """Wait for data; False at a stream's end in order."""
        if self._was_read and not self.length:
            # What came since the last READ: asked now, it is the most, and often a whole window.
            self._was_read = False
            await self.look()
        while not self.length:
            if self.error is not None:
                if self.ended_well:
                    return False
                raise _afresh(self.error)
            await self.changed()
        return True

    async def _fetch(self) -> bytes:
        wanted = min(self.length, READ_MAX)
        try:
            data = await self._read(wanted)
        except LostReplyError as error:
            self.length = 0
            self.ended_well = False
            self.end(ClosedError(f"{error}, received data with it"))
            raise ClosedError(f"{error}, received data with it") from None
        return data

    async def _read(self, wanted: int) -> bytes:
        """Read so much, and see that it was there: a garbled length would bring garbage."""

        def take(there: bytes, _data: bytes) -> None:
            if read_length(there) < wanted:
                raise LostReplyError("the chip had less to read than it said")
            self._empty = 0
            self.length -= wanted
            self._was_read = True

        _there, data = await self._chip.ask(
            get_recv_len_sn(self.number), read_recv_buf_sn(self.number, wanted), take=take
        )
        return data


def _retrieved(task: asyncio.Task[bytes]) -> None:
    """Whoever was to get its error may have been cancelled."""
    if not task.cancelled():
        task.exception()


def _nobody() -> None:
    """Nobody wants to know."""


def _afresh(error: CommandError) -> CommandError:
    """An error raised to several must not collect their tracebacks."""
    return type(error)(str(error))
