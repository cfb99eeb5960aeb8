"""What has arrived on a link and waits to be fetched, with the one notice that it waits."""

from __future__ import annotations

from typing import Final

CAPACITY: Final = 8192  # bytes a link; TCP is stopped before, UDP is dropped beyond


class Inbox:
    """Bytes in order, at most CAPACITY."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._noticed = False

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more there may be."""
        return CAPACITY - len(self._held)

    def put(self, data: bytes) -> int:
        """Take data as far as there is room and return how many bytes there was none for."""
        taken = data[: self.room]
        self._held += taken
        return len(data) - len(taken)

    def needs_notice(self) -> bool:
        """Say once that data wait; again only after everything has been fetched."""
        wanted = bool(self._held) and not self._noticed
        self._noticed = self._noticed or wanted
        return wanted

    def take(self, count: int) -> bytes:
        """Fetch at most count bytes."""
        data = bytes(self._held[:count])
        del self._held[:count]
        if not self._held:
            self._noticed = False
        return data

    def clear(self) -> None:
        """Forget what waits."""
        self._held.clear()
        self._noticed = False
