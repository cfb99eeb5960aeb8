"""Results as JSON, and the bound on how many a device or a link may publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from chiplink.model import Result

MAX_PER_SECOND = 20
"""Results of a device or a link in a second; more are counted, not published."""

BURST = 64.0
"""Results at once: a full queue that is cancelled is answered whole."""

MAX_DETAIL = 500
"""Characters of `detail`."""


def encode_result(result: Result) -> bytes:
    """Return a result's payload; fields that say nothing are left out."""
    fields: dict[str, Any] = {
        "id": result.id,
        "key": result.key,
        "phase": result.phase,
        "error": result.error,
        "value": result.value,
        "detail": result.detail[:MAX_DETAIL] or None,
        "ms": result.ms,
        "expect_ms": result.expect_ms,
    }
    return msgspec.json.encode({name: item for name, item in fields.items() if item is not None})


class Answer(msgspec.Struct, frozen=True):
    """A result as whoever sent the command reads it; what is missing is empty."""

    id: str = ""
    phase: str = ""
    error: str = ""
    detail: str = ""
    value: Any = None
    expect_ms: int = 0


def decode_result(payload: bytes) -> Answer | None:
    """Return what a result says, None for what is none."""
    try:
        return msgspec.json.decode(payload, type=Answer)
    except (ValueError, RecursionError):  # msgspec's own errors, what is no UTF-8, too many digits
        return None


class ResultLimit:
    """A bucket for each source that fills at the rate and holds a burst.

    Each is kept for ever: a name that a sender can invent must not be one.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, source: str, now: float) -> bool:
        """Count one result; whether it may go out."""
        left, since = self._buckets.get(source, (BURST, now))
        left = min(BURST, left + (now - since) * MAX_PER_SECOND)
        self._buckets[source] = (max(left - 1, 0.0), now)
        return left >= 1
