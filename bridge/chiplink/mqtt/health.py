"""The node's own state: what was counted and how full the queues are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink import __version__

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from chiplink.mqtt.view import NodeView

INTERVAL = 60.0
"""Seconds between two publications at least."""

LOOK = 5.0
"""Seconds between looks whether one is due."""


class Health:
    """Says when `health` is due and what it holds."""

    interval = LOOK

    def __init__(
        self,
        node: NodeView,
        counters: Counter[str],
        outgoing: Callable[[], int],
        home_assistant: Callable[[], str],
    ) -> None:
        self._node = node
        self._counters = counters
        self._outgoing = outgoing
        self._home_assistant = home_assistant
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._last = b""
        self._not_before = float("-inf")

    def changed(self) -> None:
        """Let the next `due` answer whatever it said last."""
        self._last = b""

    def due(self, now: float) -> bytes | None:
        """Return the payload when it has changed and a minute has passed, else None."""
        if self._last and now < self._not_before:
            return None
        payload = msgspec.json.encode(self._content())
        if payload == self._last:
            return None
        self._last, self._not_before = payload, now + INTERVAL
        return payload

    def _content(self) -> dict[str, Any]:
        devices = {
            device.id: dict(sorted(device.counters().items()))
            for device in self._node.devices.values()
        }
        return {
            "started": self._started,
            "version": __version__,
            "homeassistant": self._home_assistant(),
            "counters": dict(sorted(self._counters.items())),
            "devices": devices,
            "queues": {"outgoing": self._outgoing(), **self._node.waiting()},
        }
