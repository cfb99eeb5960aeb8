"""How much of what a link received may be on its way to the sinks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 64 * 1024
MAX_MESSAGES = 256
"""A link's data that nobody has taken yet; beyond, a stream waits and a datagram is dropped."""


class Window:
    """Counts what was handed out and not yet taken."""

    def __init__(self) -> None:
        self._bytes = 0
        self._messages = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def full(self) -> bool:
        """Whether nothing more may be handed out now."""
        return self._bytes >= MAX_BYTES or self._messages >= MAX_MESSAGES

    async def room(self) -> None:
        """Wait until something may be handed out."""
        await self._room.wait()

    def hand_out(self, size: int) -> Callable[[], None]:
        """Count a message of `size` bytes; the result is to be called when it was taken."""
        self._bytes += size
        self._messages += 1
        self._changed()
        waits = True

        def taken() -> None:
            nonlocal waits
            if waits:
                waits = False
                self._bytes -= size
                self._messages -= 1
                self._changed()

        return taken

    def _changed(self) -> None:
        if self.full:
            self._room.clear()
        else:
            self._room.set()
