"""What a modem takes behind its prompt: so many bytes, or bytes up to Ctrl-Z."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

CTRL_Z = 0x1A
ESC = 0x1B
ETX = 0x03


class Collector(Protocol):
    """Takes bytes of the host until it has what it wants."""

    done: bool

    def feed(self, data: bytes) -> int:
        """Take bytes and return how many; with the last one, done is set and who waits is told."""


class Counted:
    """Takes exactly size bytes, whatever they are."""

    def __init__(self, size: int, on_data: Callable[[bytes], None]) -> None:
        self.done = False
        self._size = size
        self._on_data = on_data
        self._held = bytearray()

    def feed(self, data: bytes) -> int:
        """Take what is missing."""
        piece = data[: self._size - len(self._held)]
        self._held += piece
        if len(self._held) == self._size:
            self.done = True
            self._on_data(bytes(self._held))
        return len(piece)


class Terminated:
    """Takes bytes up to Ctrl-Z; ESC cancels (None), more than limit is too much.

    escaped: ETX before Ctrl-Z, ESC or ETX makes it a byte of the data (SIM7028 2.1.4).
    """

    def __init__(
        self,
        limit: int,
        on_data: Callable[[bytes | None], None],
        on_overflow: Callable[[], None],
        *,
        escaped: bool = False,
    ) -> None:
        self.done = False
        self._limit = limit
        self._on_data = on_data
        self._on_overflow = on_overflow
        self._escaped = escaped
        self._held = bytearray()
        self._after_etx = False

    def feed(self, data: bytes) -> int:
        """Take bytes as far as they belong to the data."""
        for index, byte in enumerate(data):
            self._take(byte)
            if self.done:
                return index + 1
        return len(data)

    def expire(self) -> None:
        """Send what is there, as Ctrl-Z would (CIPATS)."""
        if not self.done:
            self._take(CTRL_Z)

    def _take(self, byte: int) -> None:
        literal, self._after_etx = self._after_etx, False
        if self._escaped and byte == ETX and not literal:
            self._after_etx = True
        elif byte == CTRL_Z and not literal:
            self.done = True
            self._on_data(bytes(self._held))
        elif byte == ESC and not literal:
            self.done = True
            self._on_data(None)
        elif len(self._held) == self._limit:
            self.done = True
            self._on_overflow()
        else:
            self._held.append(byte)
