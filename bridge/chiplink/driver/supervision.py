"""Keeping a chip connected: when to try again, and what to say meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from chiplink.exceptions import ChiplinkError, PortError, ProbeError
from chiplink.model import Availability

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chiplink.driver.device import Emit

_LOG = logging.getLogger(__name__)

FIRST_DELAY = 0.25
MAX_DELAY = 5.0
"""Seconds between attempts: short enough that a replugged cable needs no patience."""


class Supervisor:
    """Runs sessions with a chip one after another until cancelled."""

    def __init__(self, device: str, session: Callable[[], Awaitable[None]], emit: Emit) -> None:
        self._device = device
        self._session = session
        self._emit = emit
        self._delay = FIRST_DELAY
        self.reconnects = 0

    def connected(self) -> None:
        """Note that the chip answers: the next failure starts with a short delay."""
        self._delay = FIRST_DELAY
        self._emit(Availability(self._device, online=True))

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._session()
            except (PortError, ProbeError) as error:
                self._offline(error)
            except Exception:  # noqa: BLE001 - the next session may do better
                _LOG.exception("%s: the driver failed", self._device)
                self._offline(ChiplinkError("the driver failed; the log has the details"))
            self.reconnects += 1
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, MAX_DELAY)

    def _offline(self, error: ChiplinkError) -> None:
        self._emit(Availability(self._device, online=False, reason=str(error)))
