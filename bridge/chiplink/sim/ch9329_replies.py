"""The way out of a simulated CH9329: answers to the host, and the habits that spoil them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import Replied
from .noise import NoisyPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event
    from .faults import FaultSet


class Replies:
    """Sends what the chip says; lost while nothing is attached. split_gap() is in seconds."""

    def __init__(
        self,
        faults: FaultSet,
        split_gap: Callable[[], float],
        emit: Callable[[Event], None],
    ) -> None:
        self.send: Callable[[bytes], None] | None = None
        self._faults = faults
        self._split_gap = split_gap
        self._emit = emit
        self._path = NoisyPath("out", faults, self._put)

    def say(self, name: str, data: bytes | None, fault: str = "") -> None:
        """Send data, None being an answer that is not given; name says to which command."""
        if data and self._faults.hit("lost-head"):
            data, fault = data[1:], "lost-head"
        self._emit(Replied(name, data or b"", fault))
        if not data:
            return
        if len(data) > 1 and self._faults.hit("split-reply"):
            half = len(data) // 2
            self._path.feed(data[:half])
            self._path.feed(data[half:], gap=self._split_gap())
        else:
            self._path.feed(data)

    def clear(self) -> None:
        """Forget what waits."""
        self._path.clear()

    def _put(self, data: bytes) -> None:
        if self.send is not None:
            self.send(data)
