"""The CH392's UART: commands to packets, bytes to answers.

A reply has no head and no sum, so nothing tells a reply from a stray byte but the order: the input
is flushed before a command is sent, and after give_up nothing is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

from chiplink.framing import (
    CH392_REPLIES,
    Ch392Frame,
    Ch392Framer,
    FrameStatus,
    ch392_encode,
    ch392_reply_length,
)

SYNC = b"\x57\xab"
"""Sent before a command; more than about 40 ms in it or behind it, and the chip drops all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to `command`; ch392_replies reads it."""

    command: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The reply to `command` did not come whole; `data` is what came."""

    command: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes that nobody asked for."""

    data: bytes


Event = Answer | NoAnswer | Stray


class Ch392Uart:
    """Turns commands into packets and received bytes into events, in the order of the commands."""

    def __init__(self) -> None:
        self._framer = Ch392Framer()
        self._waiting = 0

    @property
    def pending(self) -> int:
        """How many reply bytes are still to come."""
        return self._framer.pending

    def send(self, *commands: bytes) -> bytes:
        """Return the packets of commands and expect their replies, up to 16 at a time.

        ValueError for what is no command, and for more replies; nothing is expected then.
        """
        lengths = [ch392_reply_length(command) for command in commands]
        packets = ch392_encode(*commands)
        if self._waiting + sum(length > 0 for length in lengths) > CH392_REPLIES:
            raise ValueError(f"at most {CH392_REPLIES} replies can be expected at once")
        for command, length in zip(commands, lengths, strict=True):
            self._waiting = self._framer.expect(command[0], length)
        return packets

    def receive(self, data: bytes) -> list[Event]:
        """Return what `data` completes."""
        events = [_event(frame) for frame in self._framer.feed(data)]
        self._waiting -= sum(isinstance(event, Answer) for event in events)
        return events

    def give_up(self) -> list[Event]:
        """Expect nothing any more, once the deadline has passed."""
        self._waiting = 0
        return [_event(frame) for frame in self._framer.flush()]


def _event(frame: Ch392Frame) -> Event:
    if frame.status is FrameStatus.OK:
        return Answer(frame.kind, frame.payload)
    if frame.status is FrameStatus.GARBAGE:
        return Stray(frame.payload)
    return NoAnswer(frame.kind, frame.payload)
