"""The event loop of a simulator that is a process of its own: its timers come in time."""

from __future__ import annotations

import asyncio
import selectors


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that waits to the microsecond; asyncio's own, with epoll, to the millisecond.

    It takes file descriptors below 1024, far more than a chip has sockets.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
