"""The CH9329's frames as the chip sees them (document 2.1): taking them in, writing them out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = b"\x57\xab"
DATA_MAX = 64
OVERHEAD = 6  # head, address, command, length, sum
BROADCAST = 0xFF

# Document table 2, the status of a command.
SUCCESS = 0x00
ERR_TIMEOUT = 0xE1
ERR_HEAD = 0xE2
ERR_CMD = 0xE3
ERR_SUM = 0xE4
ERR_PARA = 0xE5
ERR_OPERATE = 0xE6


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame that arrived whole; sum_right is whether its sum is."""

    address: int
    command: int
    data: bytes
    sum_right: bool


def reply(address: int, command: int, data: bytes) -> bytes:
    """Return a frame; the sum counts every byte before it, the head too (document 2.1)."""
    frame = HEAD + bytes([address, command, len(data)]) + data
    return frame + bytes([sum(frame) & 0xFF])


class FrameReader:
    """The chip's receiver: a torn frame is held, and what follows completes it.

    hold() is the silence in seconds after which an incomplete frame is given up.
    """

    def __init__(
        self,
        on_frame: Callable[[ReceivedFrame], None],
        on_dropped: Callable[[str, bytes], None],
        hold: Callable[[], float],
    ) -> None:
        self._on_frame = on_frame
        self._on_dropped = on_dropped
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes in; each whole frame goes to on_frame, in order."""
        self._stop_timer()
        self._held += data
        while (frame := self._next()) is not None:
            self._on_frame(frame)
        if self._held:
            self._timer = self._loop.call_later(self._hold(), self._give_up)

    def clear(self) -> None:
        """Forget what is held."""
        self._stop_timer()
        self._held.clear()

    def _next(self) -> ReceivedFrame | None:
        held = self._held
        self._skip_to_head()
        while len(held) >= OVERHEAD - 1 and held[4] > DATA_MAX:
            self._drop(len(HEAD), "length over 64")
            self._skip_to_head()
        if len(held) < OVERHEAD or len(held) < OVERHEAD + held[4]:
            return None
        size = OVERHEAD + held[4]
        raw = bytes(held[:size])
        del held[:size]
        return ReceivedFrame(raw[2], raw[3], raw[5:-1], sum(raw[:-1]) & 0xFF == raw[-1])

    def _skip_to_head(self) -> None:
        held = self._held
        at = held.find(HEAD)
        if at < 0:
            # A last 57 may be the first half of the next head.
            at = len(held) - held.endswith(HEAD[:1])
        if at:
            self._drop(at, "no frame head")

    def _drop(self, count: int, reason: str) -> None:
        dropped = bytes(self._held[:count])
        del self._held[:count]
        self._on_dropped(reason, dropped)

    def _give_up(self) -> None:
        self._timer = None
        self._drop(len(self._held), "torn frame given up")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
