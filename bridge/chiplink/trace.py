"""What goes over the lines, for who may ask: frames in words, without what was typed.

A running daemon holds the port, so a trace comes from it, over a Unix socket that only
its own user can open. What people type, send by custom HID or store as names is replaced
before it leaves the process; what is not known to be harmless counts as harmful.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink import __version__
from chiplink.exceptions import ChiplinkError
from chiplink.redaction import READERS
from chiplink.state import default_folder
from chiplink.transport.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.transport.tap import Direction

MAX_READERS = 4
MAX_WAITING = 256
"""Readers at once, and lines that wait for each; beyond, they are counted and that is told."""

MAX_LINE = 64 * 1024
"""Bytes of a line: a chunk is at most 4096 bytes, thrice that in words."""

SYSTEM_FOLDER = Path("/run/chiplink")
"""systemd's RuntimeDirectory of the service."""


def socket_folder() -> Path:
    """Return where the daemon's socket belongs: systemd's RuntimeDirectory, else with its state."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else default_folder()


def socket_path(node: str, folder: Path | None = None) -> Path:
    """Return the socket of a node's daemon."""
    return (folder or socket_folder()) / f"{node}.trace"


class TraceHub:
    """Hands what the taps hear to readers on a Unix socket; with `raw`, the bytes too."""

    def __init__(
        self, node: str, *, raw: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._node = node
        self._raw = raw
        self._clock = clock
        self._chips: dict[str, str] = {}
        self._taps: dict[str, Tap] = {}
        self._stories: dict[str, Story] = {}
        self._readers: set[_Reader] = set()

    def tap(self, device: str, chip: str) -> Tap:
        """Return the tap of a device's port; it is quiet while nobody reads."""
        self._chips[device] = chip
        return self._taps.setdefault(device, Tap())

    def publish(self, device: str, direction: Direction, data: bytes) -> None:
        """Tell every reader what went over a device's line."""
        story = self._stories.get(device)
        if story is None:
            story = Story(device, self._chips[device], raw=self._raw, clock=self._clock)
            self._stories[device] = story
        for content in story.take(direction, data):
            for reader in self._readers:
                reader.tell(content)

    async def serve(self, path: Path) -> None:
        """Let readers in until cancelled; raises ChiplinkError when there can be no socket."""
        line = _listening(path)
        try:
            async with await asyncio.start_unix_server(self._serve, sock=line) as server:
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    server.close()
                    for reader in self._readers:  # leaving the server waits for them
                        reader.close()
        finally:
            line.close()
            _remove(path)

    async def _serve(self, incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        reader = _Reader(out)
        if len(self._readers) >= MAX_READERS:
            await reader.refuse(f"{MAX_READERS} traces are running already; end one")
            return
        reader.tell(
            {
                "version": __version__,
                "node": self._node,
                "devices": self._chips,
                "raw": self._raw,
            }
        )
        self._add(reader)
        try:
            await reader.serve(incoming)
        finally:
            self._remove(reader)

    def _add(self, reader: _Reader) -> None:
        self._readers.add(reader)
        for device, tap in self._taps.items():
            tap.on_bytes = partial(self.publish, device)

    def _remove(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        if self._readers:
            return
        for tap in self._taps.values():
            tap.on_bytes = None
        self._stories.clear()


class Story:
    """A device's line as it goes to readers: a line a frame, with `raw` one a chunk before."""

    def __init__(
        self, device: str, chip: str, *, raw: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self._device = device
        self._raw = raw
        self._clock = clock
        self._words = READERS[chip]()

    def take(self, direction: Direction, data: bytes) -> list[dict[str, Any]]:
        """Return what there is to tell of a chunk."""
        about = {"t": round(self._clock(), 6), "device": self._device, "dir": str(direction)}
        frames = self._words.feed(direction, data)
        told: list[dict[str, Any]] = [{**about, "hex": data.hex()}] if self._raw else []
        return told + [{**about, "good": good, "words": words} for good, words in frames]


class _Reader:
    """One who listens: as fast as it reads, or with gaps that it is told of."""

    def __init__(self, out: asyncio.StreamWriter) -> None:
        self._out = out
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._dropped = 0

    def tell(self, content: dict[str, Any]) -> None:
        """Queue a line, or count it as dropped."""
        if self._dropped and self._waiting.qsize() < MAX_WAITING - 1:
            self._waiting.put_nowait(_encoded({"dropped": self._dropped}))
            self._dropped = 0
        try:
            self._waiting.put_nowait(_encoded(content))
        except asyncio.QueueFull:
            self._dropped += 1

    async def serve(self, incoming: asyncio.StreamReader) -> None:
        """Send until the reader goes, or says anything."""
        sending = asyncio.create_task(self._send())
        try:
            with contextlib.suppress(OSError):
                await incoming.read(1)
        finally:
            sending.cancel()
            await asyncio.wait((sending,))
            self.close()

    async def refuse(self, why: str) -> None:
        """Say why not."""
        with contextlib.suppress(OSError):
            self._out.write(_encoded({"error": why}))
            await self._out.drain()
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._out.close()

    async def _send(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._out.write(await self._waiting.get())
                if self._dropped and self._waiting.empty():
                    self._out.write(_encoded({"dropped": self._dropped}))
                    self._dropped = 0
                await self._out.drain()


def _encoded(content: dict[str, Any]) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _listening(path: Path) -> socket.socket:
    """Return a socket at `path` that was never open to anybody else."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        line.bind(str(path))
        path.chmod(0o600)  # nobody can connect before start_unix_server() listens
        line.setblocking(False)
    except OSError as error:
        line.close()
        why = error.strerror or str(error)
        raise ChiplinkError(f"{path}: no socket for traces can be made: {why}") from None
    return line


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
