"""A chip's connection as the transport of an asyncio protocol."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from chiplink.driver.socket_transport import SocketTransport

if TYPE_CHECKING:
    from chiplink.driver.sockets import Socket

_LOG = logging.getLogger(__name__)

PIECE = 4 * 1460
"""Bytes handed to the socket at once, at most, where its window is not longer."""

MANY_IGNORED = 5
"""Writes after the end that are worth a warning, once: asyncio's own number."""


class StreamTransport(SocketTransport, asyncio.Transport):
    """A Transport over `socket`; nothing is read before `begin`.

    `write` never waits: who writes much must heed `pause_writing`, or drain. The sending
    direction cannot be closed alone. While reading is paused the chip is not asked for
    more, and its window closes.
    """

    _start_tls_compatible = True

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self._buffer = bytearray()
        self._held: bytes | None = None
        self._reading_paused = self._at_end = False
        self._ignored = 0

    def begin(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell `protocol` of its connection and read from now on."""
        self.set_protocol(protocol)
        protocol.connection_made(self)
        self._keep_receiving()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what comes."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that has what comes."""
        return self._protocol

    @property
    def _user(self) -> asyncio.BaseProtocol:
        return self._protocol

    # Reading

    def is_reading(self) -> bool:
        """Whether what comes is handed over."""
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Ask for no more; harmless when paused."""
        if not self._closing:
            self._reading_paused = True

    def resume_reading(self) -> None:
        """Hand over what comes again; harmless when not paused."""
        if not self._closing:
            self._reading_paused = False
            self._keep_receiving()

    async def _read(self) -> None:
        """Read until paused; what comes after the pause is held, not handed over."""
        while self._may_read():
            if self._held is None:
                self._held = (await self._socket.receive()).data
                continue
            data, self._held = self._held, None
            self._at_end = not data
            if not self._closing:
                self._take(data)

    def _may_read(self) -> bool:
        paused = self._reading_paused and not self._closing
        return self._ending is None and not self._at_end and not paused

    def _take(self, data: bytes) -> None:
        if data:
            hand_over(self._protocol, data)
        elif not _as_stream(self._protocol).eof_received():
            self.close()

    # Writing

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the chip."""
        return len(self._buffer)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data` when what came before is sent; ignored once closed."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._closing:
            self._ignore()
            return
        self._buffer += data
        if self._buffer:
            self._keep_sending()
            self._heed_limits()

    def can_write_eof(self) -> bool:
        """No: these chips close both directions at once."""
        return False

    def write_eof(self) -> None:
        """Raise NotImplementedError."""
        raise NotImplementedError("a chip's connection cannot be closed in one direction only")

    @property
    def _piece(self) -> int:
        """Bytes for the socket at once: whole windows."""
        window = self._socket.window
        return max(PIECE // window, 1) * window

    async def _send(self) -> None:
        while self._buffer:
            piece = bytes(self._buffer[: self._piece])
            await self._socket.send(piece, confirm=False)
            del self._buffer[: len(piece)]
            self._heed_limits()
            # Who was asked to go on does so first: a window half full costs as much as a full one.
            await asyncio.sleep(0)
        if self._closing:
            self._end(None)

    def _forget(self) -> None:
        self._buffer.clear()
        self._held = None

    def _ignore(self) -> None:
        self._ignored += 1
        if self._ignored == MANY_IGNORED:
            _LOG.warning("%r: what is written after its end is lost", self)


def hand_over(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    """Give `data` to a protocol of either kind."""
    if not isinstance(protocol, asyncio.BufferedProtocol):
        _as_stream(protocol).data_received(data)
        return
    rest = memoryview(data)
    while rest:
        room = memoryview(protocol.get_buffer(len(rest)))
        count = min(len(room), len(rest))
        if not count:
            raise RuntimeError("get_buffer() returned an empty buffer")
        room[:count] = rest[:count]
        protocol.buffer_updated(count)
        rest = rest[count:]


def _as_stream(protocol: asyncio.BaseProtocol) -> asyncio.Protocol:
    """For the types only: asyncio too trusts that it is one."""
    return protocol  # type: ignore[return-value]
