"""Results of commands: reading them, and waiting for the one of an id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

MAX_SIZE = 256 * 1024
"""Bytes of a result; a larger one is none of the bridge's."""

MAX_DETAIL = 500
MAX_EXPECT = 3600.0
"""Seconds by which an announcement may put the end off."""

MARGIN = 5.0
"""Seconds that bridge and broker may take besides what is known to be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a command (SPEC.md, "Results")."""

    id: str
    phase: str
    error: str | None = None
    value: Any = None
    detail: str = ""
    ms: int | None = None
    expect_ms: int | None = None


def parse_result(payload: bytes) -> Result | None:
    """Return a result with an id; None for anything else."""
    if len(payload) > MAX_SIZE:
        return None
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    name, phase = content.get("id"), content.get("phase")
    if not isinstance(name, str) or phase not in ("accepted", "done", "failed"):
        return None
    return Result(
        id=name,
        phase=phase,
        error=_text(content, "error"),
        value=content.get("value"),
        detail=(_text(content, "detail") or "")[:MAX_DETAIL],
        ms=_count(content, "ms"),
        expect_ms=_count(content, "expect_ms"),
    )


def _text(content: dict[str, Any], field: str) -> str | None:
    value = content.get(field)
    return value if isinstance(value, str) else None


def _count(content: dict[str, Any], field: str) -> int | None:
    value = content.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class _Waiting:
    """One command under way; TimeoutError when nothing is heard of it in time."""

    def __init__(self, hass: HomeAssistant, seconds: float) -> None:
        self._hass = hass
        self.future: asyncio.Future[Result] = hass.loop.create_future()
        self._cancel: CALLBACK_TYPE = async_call_later(hass, seconds, self._late)

    @callback
    def _late(self, _now: datetime) -> None:
        if not self.future.done():
            self.future.set_exception(TimeoutError())

    @callback
    def extend(self, seconds: float) -> None:
        self._cancel()
        self._cancel = async_call_later(self._hass, seconds, self._late)

    @callback
    def close(self) -> None:
        self._cancel()


class Results:
    """Who waits for which id."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._waiting: dict[str, _Waiting] = {}

    def __len__(self) -> int:
        """How many commands are under way."""
        return len(self._waiting)

    @callback
    def expect(self, name: str, seconds: float) -> None:
        """Begin to listen for `name`, before the command is sent."""
        self._waiting[name] = _Waiting(self._hass, seconds)

    async def wait(self, name: str) -> Result:
        """Return the last result of `name`; raises TimeoutError."""
        try:
            return await self._waiting[name].future
        finally:
            self.forget(name)

    @callback
    def forget(self, name: str) -> None:
        """Listen for `name` no more."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            waiting.close()

    @callback
    def take(self, payload: bytes) -> None:
        """Hand a result to whoever waits for it."""
        result = parse_result(payload) if self._waiting else None
        waiting = None if result is None else self._waiting.get(result.id)
        if result is None or waiting is None or waiting.future.done():
            return
        if result.phase == "accepted":
            waiting.extend(min((result.expect_ms or 0) / 1000, MAX_EXPECT) + 2 * MARGIN)
        else:
            waiting.future.set_result(result)

    @callback
    def close(self) -> None:
        """Tell everybody that nothing will come any more."""
        for waiting in self._waiting.values():
            waiting.close()
            if not waiting.future.done():
                waiting.future.set_exception(TimeoutError())
