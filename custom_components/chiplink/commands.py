"""Sending a command and waiting for what became of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from .broker import async_say
from .errors import failure, impossible
from .results import MARGIN, Result, Results

if TYPE_CHECKING:
    from homeassistant.core import Context, HomeAssistant

    from .node import Node

DEFAULT_WAIT = 30.0
"""Seconds that a command without an expiry of its own may wait."""


class Commands:
    """The commands of one node that are under way."""

    def __init__(self, hass: HomeAssistant, node: Node) -> None:
        self._hass = hass
        self._node = node
        self.results = Results(hass)

    async def async_send(
        self,
        device: str,
        path: str,
        payload: bytes,
        *,
        expiry: int | None = None,
        private: bool = True,
        context: Context | None = None,
    ) -> Result:
        """Send a command and return its result; raises HomeAssistantError.

        `path` is below the device, `expiry` in seconds. Waits for as long as the command
        may wait in the bridge and a few seconds; longer if the bridge announces it.
        """
        node, title = self._node, self._node.title(device)
        if not node.online:
            raise impossible("bridge_offline", node=node.name, device=title)
        name = secrets.token_hex(8)
        seconds = (expiry or DEFAULT_WAIT) + MARGIN
        self.results.expect(name, seconds)
        try:
            topic = node.topics.command(f"{device}/{path}", name)
            await async_say(self._hass, topic, payload, expiry=expiry)
            result = await self.results.wait(name)
        except TimeoutError:
            raise impossible("no_result", device=title, seconds=f"{seconds:g}") from None
        finally:
            self.results.forget(name)
        if result.phase == "failed":
            self._note_failure(result, device, context)
            raise failure(result, title, private=private)
        return result

    def _note_failure(self, result: Result, device: str, context: Context | None) -> None:
        """Somebody at the screen sees the error; what an automation met is an issue."""
        if result.error == "disarmed" and (context is None or context.user_id is None):
            self._node.issues.set("not_armed", device=device, title=self._node.title(device))
