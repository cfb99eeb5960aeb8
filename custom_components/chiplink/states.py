"""The newest payload of each topic of a node, bounded: a broker is open to others."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_TOPICS = 4096
"""More than 32 devices with 64 rows and 16 links have."""

MAX_SIZE = 2048
"""Bytes of a payload that is kept: 255 characters, or a link's figures."""


class States:
    """Payloads by path below the node's topic, and who wants to hear of them."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}
        self._listeners: defaultdict[str, list[Callable[[bytes], None]]] = defaultdict(list)

    def get(self, path: str) -> bytes | None:
        """Return what was last heard there; None stands for nothing."""
        return self._known.get(path)

    def put(self, path: str, payload: bytes) -> bool:
        """Keep a payload and tell those who listen; whether there was room for it."""
        fits = len(payload) <= MAX_SIZE and (path in self._known or len(self._known) < MAX_TOPICS)
        if fits:
            self._known[path] = payload
            self.tell(path, payload)
        return fits

    def tell(self, path: str, payload: bytes) -> None:
        """Tell those who listen, and keep nothing: an event."""
        for listener in tuple(self._listeners.get(path, ())):
            listener(payload)

    def listen(self, path: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Tell `listener` from now on; call what is returned to stop."""
        self._listeners[path].append(listener)

        def stop() -> None:
            listeners = self._listeners[path]
            listeners.remove(listener)
            if not listeners:
                del self._listeners[path]

        return stop

    def keep(self, devices: Iterable[str]) -> None:
        """Forget what belongs to other devices."""
        wanted = set(devices)
        self._known = {
            path: payload
            for path, payload in self._known.items()
            if path.partition("/")[0] in wanted
        }
