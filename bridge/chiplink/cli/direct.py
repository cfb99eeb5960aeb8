"""One command straight to a CH9329 on a port, without a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.exceptions import ChiplinkError
from chiplink.model import Availability, CommandRequest
from chiplink.ports import make_port

if TYPE_CHECKING:
    from chiplink.driver.device import Emission
    from chiplink.transport.url import PortUrl


async def send_direct(url: PortUrl, text: str, key: str, value: str, layout: str) -> None:
    """Open the port, carry the command out, release and close; raises ChiplinkError."""
    settings = Ch9329Settings(id="direct", layout=layout, armed=ArmedMode.ALWAYS)
    device = Ch9329(settings, make_port(url, "ch9329", text))
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(emission: Emission) -> None:
        if not isinstance(emission, Availability) or ready.done():
            return
        if emission.online:
            ready.set_result(None)
        else:
            ready.set_exception(ChiplinkError(emission.reason))

    running = asyncio.create_task(device.run(take))
    try:
        await ready
        await device.execute(CommandRequest("direct", key, value), lambda _ms: None)
    finally:
        running.cancel()
        await asyncio.wait((running,))
