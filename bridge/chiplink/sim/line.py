"""A line of bytes in time: order kept, latency, gaps, and what a wrong baud rate makes of them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BITS_A_BYTE = 10  # start bit, eight data bits, stop bit
GRAIN = 0.0002  # a timer comes late: what is due this soon goes now


class DelayLine:
    """Hands bytes on in order, each piece when it is due; at once if it may."""

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._free_at = 0.0  # when the last piece is through, which may be a grain ahead
        self.pending = 0

    def push(self, data: bytes, *, latency: float = 0.0, gap: float = 0.0) -> None:
        """Deliver data latency seconds from now and at least gap seconds after what waits."""
        now = self._loop.time()
        due = max(now + latency, max(now, self._free_at) + gap)
        self._free_at = due
        if due <= now + GRAIN and not self._queue:
            self._deliver(data)
            return
        self._queue.append((due, data))
        self.pending += len(data)
        self._schedule()

    def push_paced(self, data: bytes, baud: int) -> None:
        """Deliver data as a line of this baud rate does, about a millisecond's bytes at a time."""
        size = max(1, baud // BITS_A_BYTE // 1000)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.push(piece, gap=len(piece) * BITS_A_BYTE / baud)

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self.pending = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._loop.call_at(self._queue[0][0] - GRAIN, self._run)

    def _run(self) -> None:
        self._timer = None
        try:
            while self._queue and self._queue[0][0] <= self._loop.time() + GRAIN:
                _, data = self._queue.popleft()
                self.pending -= len(data)
                self._deliver(data)
        finally:
            self._schedule()


def heard(data: bytes, sent_at: int, heard_at: int) -> bytes:
    """Return what a receiver at heard_at baud makes of 8N1 data sent gaplessly at sent_at."""
    if sent_at == heard_at or not data:
        return data
    if sent_at <= 0:
        return b""
    ratio = sent_at / heard_at
    level = _Wave(data)
    out = bytearray()
    at = 0.0
    while (edge := level.falling_edge(at)) is not None:
        value = sum(level.at(edge + (1.5 + bit) * ratio) << bit for bit in range(8))
        out.append(value)
        at = edge + 9.5 * ratio
    return bytes(out)


class _Wave:
    """The level of a line while data is on it, in bit times of the sender; idle is 1."""

    def __init__(self, data: bytes) -> None:
        self._bits = [
            bit for byte in data for bit in (0, *((byte >> shift) & 1 for shift in range(8)), 1)
        ]

    def at(self, time: float) -> int:
        index = int(time)
        return self._bits[index] if index < len(self._bits) else 1

    def falling_edge(self, time: float) -> int | None:
        for index in range(int(time), len(self._bits)):
            before = self._bits[index - 1] if index else 1
            if index >= time and before and not self._bits[index]:
                return index
        return None
