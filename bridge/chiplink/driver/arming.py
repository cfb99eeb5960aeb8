"""Whether keys may be pressed at all: off until somebody who may says otherwise."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

from chiplink.exceptions import DisarmedError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable


class ArmedMode(StrEnum):
    """`armed` in the configuration."""

    MANUAL = "manual"
    ALWAYS = "always"
    NEVER = "never"


class Arming:
    """The switch; `changed` is called with each new position."""

    def __init__(
        self, mode: ArmedMode, changed: Callable[[bool], None], disarm_after: float | None = None
    ) -> None:
        self._mode = mode
        self._changed = changed
        self._disarm_after = disarm_after
        self._timer: asyncio.TimerHandle | None = None
        self.armed = mode is ArmedMode.ALWAYS

    def begin(self) -> None:
        """Count the time of a switch that starts on, too."""
        if self.armed:
            self._start_timer()

    def arm(self, *, secure: bool) -> None:
        """Allow key presses; raises NotAllowedError where the configuration forbids it."""
        if self._mode is ArmedMode.NEVER:
            raise NotAllowedError('armed = "never" in the configuration')
        if not secure:
            raise NotAllowedError(
                "arming over a connection without TLS needs mqtt.allow_plain = true"
            )
        self._start_timer()
        self._set(armed=True)

    def disarm(self) -> None:
        """Forbid key presses."""
        self._stop_timer()
        self._set(armed=False)

    def check(self) -> None:
        """Raise DisarmedError unless key presses are allowed."""
        if not self.armed:
            raise DisarmedError("not armed; switch `armed` on first")

    def close(self) -> None:
        """Stop the timer."""
        self._stop_timer()

    def _set(self, *, armed: bool) -> None:
        if armed != self.armed:
            self.armed = armed
            self._changed(armed)

    def _start_timer(self) -> None:
        self._stop_timer()
        if self._disarm_after is not None:
            self._timer = asyncio.get_running_loop().call_later(self._disarm_after, self.disarm)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
