"""A mosquitto of our own on this host, for as long as it is needed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from chiplink.demo.mosquitto import find_or_fetch
from chiplink.exceptions import BrokerError

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_PORT = 18830
PORTS_TRIED = 50

START_DEADLINE = 10.0
STOP_DEADLINE = 5.0
"""Seconds."""


def free_port() -> int:
    """Return 18830, or the next port of this host that nothing listens on."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BrokerError(f"no free port from {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED}")


class OwnBroker:
    """An async context manager: mosquitto on 127.0.0.1, nothing kept on disk.

    `settings` are further lines of its configuration.
    """

    def __init__(self, port: int | None = None, settings: Sequence[str] = ()) -> None:
        self.port = port or free_port()
        self._settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="chiplink-broker-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop it."""
        await self.stop()
        self._folder.cleanup()

    async def start(self) -> None:
        """Start it; raises BrokerError with what it said."""
        program = await asyncio.to_thread(find_or_fetch)
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text("\n".join(self._lines()) + "\n")
        log = (Path(self._folder.name) / "log").open("wb")
        with log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; returns at once
                [program, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # a terminal's Ctrl-C is not for it: others take their leave first
            )
        await self._listening(self._process)

    async def stop(self) -> None:
        """End it in good order."""
        await self._end(kill=False)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(kill=True)

    def _lines(self) -> list[str]:
        user = pwd.getpwuid(os.getuid()).pw_name
        return [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence false",
            "log_dest stdout",
            f"user {user}",
            *self._settings,
        ]

    async def _listening(self, process: subprocess.Popen[bytes]) -> None:
        try:
            async with asyncio.timeout(START_DEADLINE):
                while not await self._answers():
                    if process.poll() is not None:
                        raise BrokerError(f"mosquitto ended at once: {self._last_words()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BrokerError(f"mosquitto does not listen on port {self.port}") from None

    async def _answers(self) -> bool:
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    def _last_words(self) -> str:
        lines = (Path(self._folder.name) / "log").read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    async def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait, STOP_DEADLINE)
