"""The CH392's global interrupt status and its INT# pin (section 5.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ch392_events import IntChanged, InterruptRaised

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .faults import FaultSet


class Interrupts:
    """Bits that wait to be read; while any came since the last reading, INT# is low."""

    def __init__(self, faults: FaultSet, emit: Callable[[Event], None]) -> None:
        self.status = 0
        self._faults = faults
        self._emit = emit
        self._pulled = False
        self._told_low = False
        self._watchers: list[Callable[[int], None]] = []

    @property
    def low(self) -> bool:
        """Whether INT# is low now."""
        return self._pulled or self._faults.is_on("int-stuck-low")

    def watch(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Call watcher with the level, 0 or 1, when it changes; the result ends the watch."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def raise_bits(self, bits: int, *, socket: int | None = None, socket_bits: int = 0) -> None:
        """Set bits and pull INT# low."""
        self.status |= bits
        self._emit(InterruptRaised(bits if socket is None else socket_bits, socket))
        self.pull()

    def pull(self) -> None:
        """Pull INT# low, whatever is behind it."""
        self._pulled = True
        self.refresh()

    def read(self) -> int:
        """Return the status, clear it and let INT# go."""
        status, self.status = self.status, 0
        self._pulled = False
        self.refresh()
        return status

    def reset(self) -> None:
        """Forget everything."""
        self.status = 0
        self._pulled = False
        self.refresh()

    def refresh(self) -> None:
        """Tell the watchers if the level changed, unless a fault loses the edge."""
        if self.low == self._told_low:
            return
        self._told_low = self.low
        lost = self.low and self._faults.hit("int-lost") is not None
        self._emit(IntChanged(self.low, lost))
        if not lost:
            for watcher in tuple(self._watchers):
                watcher(0 if self.low else 1)
