"""The log of a simulator: one JSON object a line for each thing the chip did."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Event


class JsonLog:
    """Turns events into lines; `t` counts monotonic seconds from the making of this object."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()

    def log_line(self, event: Event) -> str:
        """Return {"t", "event", fields of the event} as one line without its end; bytes in hex."""
        line: dict[str, object] = {
            "t": round(self._clock() - self._start, 6),
            "event": event.event,
        }
        for field in dataclasses.fields(event):
            value = getattr(event, field.name)
            line[field.name] = value.hex(" ") if isinstance(value, bytes) else value
        return json.dumps(line)
