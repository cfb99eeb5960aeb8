"""A simulated chip's SPI pins on a Unix socket, and its INT# on another beside it.

The host writes letters: L selects, H releases, X and a byte exchanges one, T with a 16-bit count
exchanges as many, D with 32 bits says how many microseconds passed, S with 32 bits states the
clock in Hz; numbers have the low byte first. X and T are answered by as many bytes. On PATH.int a
byte 0 or 1 is INT#'s level: at the beginning, at each change, and for each byte that asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from .ch392_events import SpiProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .events import Event

SIZES = {"L": 1, "H": 1, "X": 2, "T": 3, "D": 5, "S": 5}
BACKLOG = 8
UNREAD_MAX = 4096  # levels that a listener left unread before it is hung up on


class Pins(Protocol):
    """The chip's SPI pins."""

    def select(self) -> None:
        """Let SCS go low."""

    def release(self) -> None:
        """Let SCS go high."""

    def exchange(self, data: bytes) -> bytes:
        """Clock bytes in and as many out."""

    def rest(self, microseconds: int) -> None:
        """Let time pass."""

    def set_clock(self, hertz: int) -> None:
        """State the clock."""


class SpiChip(Protocol):
    """What has such pins, and INT#."""

    @property
    def spi(self) -> Pins:
        """The SPI pins."""

    @property
    def int_low(self) -> bool:
        """Whether INT# is low now."""

    def on_int(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Call watcher with the level at every change; the result ends it."""

    def emit(self, event: Event) -> None:
        """Tell the observers."""


class SpiWire:
    """The two sockets of a chip; a context manager that opens and closes them.

    One host at a time has the bus: who comes meanwhile waits until it leaves.
    """

    def __init__(self, chip: SpiChip, path: str | Path) -> None:
        self.path = str(path)
        self.chip = chip
        self._paths = (Path(path), Path(f"{path}.int"))
        self._servers: list[asyncio.Server] = []
        self._made: list[Path] = []
        self._hosts: list[_Host] = []
        self._listeners: list[_Listener] = []
        self._unwatch: Callable[[], None] = lambda: None
        self._hung = False

    async def __aenter__(self) -> Self:
        """Listen on both; OSError says why it cannot."""
        loop = asyncio.get_running_loop()
        try:
            for path, kind in zip(self._paths, (_Host, _Listener), strict=True):
                sock = _listening(path)
                self._made.append(path)
                server = await loop.create_unix_server(partial(kind, self), sock=sock)
                self._servers.append(server)
        except OSError:
            self._close()
            raise
        self._unwatch = self.chip.on_int(self._on_int)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up on everybody and take the sockets away."""
        self._unwatch()
        self._close()
        await asyncio.sleep(0)  # connections that were hung up on close in the loop's next turn

    def on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        """Be gone or come back as the fault `hangup` says: for FaultSet.watch."""
        if name != "hangup" or on == self._hung:
            return
        self._hung = on
        for path in self._paths:
            source, target = (path, _away(path)) if on else (_away(path), path)
            with contextlib.suppress(FileNotFoundError):  # somebody else took it away
                source.rename(target)
        if on:
            self._hang_up()

    # The hosts.

    def join(self, host: _Host) -> bool:
        """Take a host in; whether it has the bus at once."""
        self._hosts.append(host)
        return self._hosts[0] is host

    def leave(self, host: _Host) -> None:
        """Let the next host have the bus."""
        first = self._hosts[0] is host
        self._hosts.remove(host)
        if first:
            self.chip.spi.release()
            if self._hosts:
                self._hosts[0].begin()

    # INT#.

    @property
    def level(self) -> bytes:
        """INT#'s level as it is told."""
        return b"\0" if self.chip.int_low else b"\1"

    def listen(self, listener: _Listener) -> None:
        """Tell it the level from now on."""
        self._listeners.append(listener)

    def forget(self, listener: _Listener) -> None:
        """Tell it nothing any more."""
        self._listeners.remove(listener)

    def _on_int(self, level: int) -> None:
        for listener in tuple(self._listeners):
            listener.tell(bytes([level]))

    def _hang_up(self) -> None:
        for one in (*self._hosts, *self._listeners):
            one.abort()

    def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._hang_up()
        for path in self._made:
            (_away(path) if self._hung else path).unlink(missing_ok=True)
        self._servers.clear()
        self._made.clear()


class _Connection(asyncio.Protocol):
    """One end of a socket."""

    transport: asyncio.Transport

    def __init__(self, wire: SpiWire) -> None:
        self.wire = wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream server makes
        self.transport = transport

    def abort(self) -> None:
        """Hang up."""
        self.transport.abort()


class _Host(_Connection):
    """Who drives the bus."""

    def __init__(self, wire: SpiWire) -> None:
        super().__init__(wire)
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self.wire.join(self):
            self.transport.pause_reading()

    def begin(self) -> None:
        """Have the bus."""
        self.transport.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.wire.leave(self)

    def pause_writing(self) -> None:
        """Let a host that reads no answers wait."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._held += data
        out = bytearray()
        at = 0
        while (size := self._size(at)) and at + size <= len(self._held):
            out += self._do(chr(self._held[at]), bytes(self._held[at + 1 : at + size]))
            at += size
        del self._held[:at]
        if out:
            self.transport.write(out)

    def _size(self, at: int) -> int:
        """Return the bytes of the message at a place, 0 if it has not begun or is none."""
        if at >= len(self._held):
            return 0
        size = SIZES.get(chr(self._held[at]), 0)
        if not size:
            self.wire.chip.emit(SpiProblem(None, f"no message of the wire: {self._held[at]:02X}"))
            self._held.clear()
            self.abort()
        elif size == SIZES["T"] and len(self._held) >= at + size:
            size += int.from_bytes(self._held[at + 1 : at + 3], "little")
        return size

    def _do(self, name: str, data: bytes) -> bytes:
        pins = self.wire.chip.spi
        if name == "L":
            pins.select()
        elif name == "H":
            pins.release()
        elif name == "D":
            pins.rest(int.from_bytes(data, "little"))
        elif name == "S":
            pins.set_clock(int.from_bytes(data, "little"))
        else:
            return pins.exchange(data[2:] if name == "T" else data)
        return b""


class _Listener(_Connection):
    """Who watches INT#."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.wire.listen(self)
        self.tell(self.wire.level)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.wire.forget(self)

    def data_received(self, _data: bytes) -> None:
        self.tell(self.wire.level)

    def tell(self, level: bytes) -> None:
        """Send a level, unless the listener does not listen."""
        if self.transport.get_write_buffer_size() > UNREAD_MAX:
            self.abort()
        else:
            self.transport.write(level)


def _away(path: Path) -> Path:
    """Return where a socket is while the fault `hangup` is on."""
    return path.with_name(f".{path.name}.hungup")


def _listening(path: Path) -> socket.socket:
    """Listen at path, for this user; what a simulator that died left there is replaced."""
    if path.is_socket() and not _is_served(path):
        path.unlink()
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{path}: {error.strerror or error}") from error
    return sock


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True
