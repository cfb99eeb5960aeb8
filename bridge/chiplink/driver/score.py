"""What a command plays: frames, how long each stays, and what lets go when it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Frames to send one after the other; the last must leave down only what shall stay.

    `holds` is the least time in seconds before the next frame, for all or for each;
    `rest` is sent when the play is stopped.
    """

    frames: Sequence[bytes]
    holds: float | Sequence[float]
    rest: tuple[bytes, ...]

    def hold(self, number: int) -> float:
        """Return how long frame `number` stays at least, in seconds."""
        return self.holds if isinstance(self.holds, float) else self.holds[number]


class Chunks(Sequence[bytes]):
    """Frames of one size in one buffer, cut out as they are needed."""

    def __init__(self, buffer: bytes, size: int) -> None:
        self._buffer = buffer
        self._size = size
        self._count = len(buffer) // size

    def __len__(self) -> int:
        """How many frames there are."""
        return self._count

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]
        """Return one frame."""
        if not 0 <= number < self._count:
            raise IndexError(number)
        start = number * self._size
        return self._buffer[start : start + self._size]
