"""The line faults at work: one direction of a line that loses, flips, doubles, splits, delays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .line import DelayLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from .faults import FaultSet

SPLIT_GAP = 0.005
DELAY = 0.05


class NoisyPath:
    """One direction between host and chip; every byte is a chance for the faults that are on."""

    def __init__(
        self,
        direction: Literal["in", "out"],
        faults: FaultSet,
        deliver: Callable[[bytes], None],
    ) -> None:
        self._direction = direction
        self._faults = faults
        self._line = DelayLine(deliver)

    def feed(self, data: bytes, *, gap: float = 0.0) -> None:
        """Send data on, spoilt as the faults want, in order, gap seconds after what waits."""
        late = self._faults.hit(f"delay-{self._direction}")
        latency = _seconds(late.durations, DELAY) if late else 0.0
        for piece, pause in self._cut(self._spoil(data)):
            self._line.push(piece, latency=latency, gap=gap)
            gap = pause

    def clear(self) -> None:
        """Forget what waits."""
        self._line.clear()

    def _hit(self, name: str) -> bool:
        return self._faults.hit(f"{name}-{self._direction}") is not None

    def _is_on(self, fault: str) -> bool:
        return self._faults.is_on(f"{fault}-{self._direction}")

    def _spoil(self, data: bytes) -> bytes:
        if not any(self._is_on(fault) for fault in ("lose", "flip", "double")):
            return data
        out = bytearray()
        for byte in data:
            if self._hit("lose"):
                continue
            flipped = byte ^ (1 << self._faults.rng.randrange(8)) if self._hit("flip") else byte
            out += bytes([flipped]) * (2 if self._hit("double") else 1)
        return bytes(out)

    def _cut(self, data: bytes) -> list[tuple[bytes, float]]:
        """Return pieces, each with the pause that follows it."""
        name = f"split-{self._direction}"
        if not self._faults.is_on(name):
            return [(data, 0.0)] if data else []
        pieces: list[tuple[bytes, float]] = []
        start = 0
        for end in range(1, len(data) + 1):
            if when := self._faults.hit(name):
                pieces.append((data[start:end], _seconds(when.durations, SPLIT_GAP)))
                start = end
        if start < len(data):
            pieces.append((data[start:], 0.0))
        return pieces


def _seconds(durations: tuple[float, ...], default: float) -> float:
    return durations[0] if durations else default
