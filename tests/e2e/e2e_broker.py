"""A real mosquitto on a port that nobody else will take meanwhile."""

from __future__ import annotations

import random
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chiplink.demo.broker import OwnBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

# Below the range of outgoing connections, which would take the port while a broker is down.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of this host that nothing listens on; drawn at random, so that tests differ."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@asynccontextmanager
async def mosquitto(settings: Sequence[str] = ()) -> AsyncIterator[OwnBroker]:
    """A broker with further lines of configuration."""
    async with OwnBroker(free_port(), ["set_tcp_nodelay true", *settings]) as broker:
        try:
            yield broker
        finally:
            # It keeps nothing, and in good order it would take its time.
            await broker.kill()
