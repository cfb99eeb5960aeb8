"""Whether the bridge is there: said once when it goes, once when it is back, and long after."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from .issues import Issues

_LOGGER = logging.getLogger(__name__)

LONG = 3600.0
"""Seconds after which a bridge that is away is worth an issue."""


class Absence:
    """Watches one bridge."""

    def __init__(self, hass: HomeAssistant, node: str, issues: Issues) -> None:
        self._hass = hass
        self._node = node
        self._issues = issues
        self._was_there: bool | None = None
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def note(self, *, there: bool) -> None:
        """Note whether the bridge is there now."""
        if there == self._was_there:
            return
        if there:
            if self._was_there is not None:
                _LOGGER.info("The bridge %s is back", self._node)
            self.stop()
            self._issues.clear("offline_long")
        else:
            _LOGGER.info("The bridge %s is not there", self._node)
            self._timer = async_call_later(self._hass, LONG, self._is_long)
        self._was_there = there

    @callback
    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _is_long(self, _now: datetime) -> None:
        self._timer = None
        self._issues.set("offline_long")
