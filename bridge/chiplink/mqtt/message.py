"""What goes to and comes from the broker, free of any client library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


_FRAME = 44
"""Bytes of a PUBLISH besides, at most: header 5, length of the topic 2, mid 2, length of
properties 4, `seq` 28, head of the correlation data 3."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish; `seq` becomes a user property where MQTT 5 is spoken.

    After `expires_at`, on the clock of `time.monotonic()`, it is not worth sending.
    `taken` is called once, when the broker has it or it was given up; until then it is kept.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    seq: int | None = None
    correlation: bytes | None = None
    expires_at: float | None = field(default=None, compare=False)
    taken: Callable[[], None] | None = field(default=None, compare=False)

    @property
    def packet_size(self) -> int:
        """Bytes of its packet on the wire, at most."""
        return len(self.topic.encode()) + len(self.payload) + len(self.correlation or b"") + _FRAME


class Incoming(msgspec.Struct, frozen=True):
    """Something that was published; `received` is on the clock of `time.monotonic()`."""

    topic: str
    payload: bytes
    retain: bool
    received: float
    expiry: int | None = None
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A filter; `replay` asks for what is retained under it, `own` for what we publish."""

    filter: str
    qos: int = 1
    replay: bool = False
    own: bool = True
