"""What goes to and comes from the broker, free of any client library."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish; `seq` becomes a user property where MQTT 5 is spoken.

    After `expires_at`, on the clock of `time.monotonic()`, it is not worth sending.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    seq: int | None = None
    correlation: bytes | None = None
    expires_at: float | None = field(default=None, compare=False)


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
