"""What a link counts and tells about itself, at a rate that a broker likes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from chiplink.model import LinkInfo

if TYPE_CHECKING:
    from chiplink.driver.device import Emit
    from chiplink.model import Json

INTERVAL = 5.0
"""Seconds between two publications, unless the state changes."""

COUNTED = (
    "rx_bytes",
    "rx_messages",
    "tx_bytes",
    "tx_messages",
    "dropped",
    "refused",
    "reconnects",
)
"""`dropped` are datagrams nobody could take, `refused` peers that may not connect."""


class Info:
    """A link's counters, peers and last error."""

    def __init__(self, device: str, link: str) -> None:
        self._device = device
        self._link = link
        self._emit: Emit | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self.peers: list[str] = []
        self.last_error = ""

    def start(self, emit: Emit) -> None:
        """Tell `emit` from now on."""
        self._emit = emit

    def stop(self) -> None:
        """Tell what there is to tell, and nothing later."""
        self.publish()
        self._emit = None

    def count(self, direction: str, size: int) -> None:
        """Count a message, `rx` or `tx`, of `size` bytes."""
        self.counters[f"{direction}_bytes"] += size
        self.counters[f"{direction}_messages"] += 1
        self.changed()

    def add(self, name: str) -> None:
        """Count one of COUNTED."""
        self.counters[name] += 1
        self.changed()

    def lost(self, count: int) -> None:
        """Count datagrams that the chip has dropped."""
        if count:
            self.counters["dropped"] += count
            self.changed()

    def changed(self) -> None:
        """Publish soon."""
        if self._timer is None and self._emit is not None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.publish)

    def publish(self) -> None:
        """Publish now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._emit is not None:
            self._emit(LinkInfo(self._device, self._link, self.content()))

    def content(self) -> dict[str, Json]:
        """Return all of it."""
        return {
            "peers": list(self.peers),
            **{name: self.counters[name] for name in COUNTED},
            "last_error": self.last_error,
        }
