"""The values that cross layers; all are immutable and know no transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.exceptions import Code, CommandError

Scalar = bool | int | float | str
"""What a state can be."""

Json = None | Scalar | list["Json"] | dict[str, "Json"]
"""What an event, a result's value or a JSON command can hold."""

CommandValue = Scalar | bytes | list[Json] | dict[str, Json] | None
"""A command's decoded payload; None is a button's press."""


def _nobody_waits() -> None:
    """Nothing is held back."""


class Phase(StrEnum):
    """How far a command got."""

    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """`device` says that its state `key` is `value` now."""

    device: str
    key: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """Something happened once on `device`; `data` is added to `event_type`."""

    device: str
    key: str
    event_type: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether `device` answers; `reason` says in one line why not."""

    device: str
    online: bool
    reason: str = ""


class LinkPhase(StrEnum):
    """What a link is doing."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    OPEN = "open"
    LISTENING = "listening"
    BACKOFF = "backoff"


@dataclass(frozen=True, slots=True)
class LinkState:
    """`link` of `device` does this now."""

    device: str
    link: str
    phase: LinkPhase


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What there is to know about a link: peers, bytes each way, its last error."""

    device: str
    link: str
    info: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class LinkData:
    """What arrived on a link; `peer`, `ip:port`, only where there may be several.

    `taken` is to be called once, when it was delivered or given up: the link holds
    back what comes next while too much is on its way.
    """

    device: str
    link: str
    data: bytes
    peer: str = ""
    taken: Callable[[], None] = field(default=_nobody_waits, compare=False)


class CommandRequest(msgspec.Struct, frozen=True):
    """A command for `device`; `origin` is the sink's own and comes back in the result.

    A link's commands have the keys `link/<name>/tx` and `link/<name>/set`; `peer`,
    `ip:port`, says to whom of several.

    `received` and `expires_at` are on the clock of `time.monotonic()`, in seconds;
    waiting beyond `expires_at` fails the command. `id` is an idempotency key (SPEC.md,
    "Commands"). `secure` says that it came over TLS or from this host.
    """

    device: str
    key: str
    value: CommandValue
    id: str | None = None
    expires_at: float | None = None
    secure: bool = False
    received: float = 0.0
    origin: object = None
    peer: str = ""

    def failed(self, error: CommandError, now: float) -> Result:
        """Return the result that says so."""
        return self.result(
            Phase.FAILED, now, error=error.code, detail=str(error), public=error.public
        )

    def result(self, phase: Phase, now: float, **fields: Any) -> Result:
        """Return a result of this command at the time `now`."""
        ms = int((now - self.received) * 1000)
        return Result(self.device, self.key, phase, id=self.id, ms=ms, origin=self.origin, **fields)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command; `ms` counts from its arrival at the bridge.

    `public` is its error in words that repeat nothing that was typed.
    """

    device: str
    key: str
    phase: Phase
    id: str | None = None
    error: Code | None = None
    value: Json = None
    detail: str = ""
    ms: int | None = None
    expect_ms: int | None = None
    public: str = ""
    origin: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command that worked has to say."""

    value: Json = None
    detail: str = ""
