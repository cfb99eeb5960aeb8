"""Results as JSON, and the bound on how many a device may publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from chiplink.model import Result

MAX_PER_SECOND = 20
"""Results of a device in a second; more are counted, not published."""

MAX_WINDOWS = 64
"""Devices whose window is kept; senders can invent names."""

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


class ResultLimit:
    """A window of one second for each device."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, int]] = {}

    def allows(self, device: str, now: float) -> bool:
        """Count one result; whether it may go out."""
        second = int(now)
        if len(self._windows) > MAX_WINDOWS:
            self._windows = {
                name: window for name, window in self._windows.items() if window[0] == second
            }
        window, count = self._windows.get(device, (second, 0))
        if window != second:
            count = 0
        self._windows[device] = (second, count + 1)
        return count < MAX_PER_SECOND
