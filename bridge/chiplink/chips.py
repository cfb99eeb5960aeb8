"""Chips in a Python program, without MQTT: the drivers of the bridge, with asyncio's own words.

    async with ch392("serial:///dev/ttyUSB0?baud=921600") as chip:
        reader, writer = await chip.open_connection("192.168.1.50", 502)

A chip is kept connected while the block runs: it may be lost and come back, and what is
opened then goes over the new connection.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Self

from chiplink.devices import bus_port
from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.streams import Streams
from chiplink.exceptions import OfflineError, UsageError
from chiplink.model import Availability, CommandRequest, DeviceEvent, StateUpdate
from chiplink.protocol.ch392_profile import PROFILES
from chiplink.tables import nearest
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.device import Emission
    from chiplink.model import CommandValue, Json, Scalar

CONNECT_TIMEOUT = 20.0
"""Seconds until the chip must answer when a program begins to use it."""

STOP_DEADLINE = 10.0
"""Seconds for closing everything."""


class Ch392Chip(Streams):
    """A CH392 that answers, inside `async with`.

    `states` are its states by key, as the catalogue names them; `on_event` gets what
    happens once. Entering raises OfflineError with the reason, ChiplinkError for a port.
    """

    def __init__(
        self,
        device: Ch392,
        *,
        timeout: float = CONNECT_TIMEOUT,
        on_event: Callable[[DeviceEvent], None] | None = None,
    ) -> None:
        super().__init__(device.stack)
        self._device = device
        self._timeout = timeout
        self._on_event = on_event
        self._running: asyncio.Task[None] | None = None
        self._reason = "it does not answer"
        self.states: dict[str, Scalar] = {}

    async def __aenter__(self) -> Self:
        """Connect, and return when the chip is initialised; the network may come later."""
        self._running = asyncio.create_task(self._device.run(self._take))
        try:
            async with asyncio.timeout(self._timeout):
                await self._device.connected()
        except TimeoutError:
            await self._stop()
            raise OfflineError(self._reason) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close everything that goes over the chip, and its port."""
        await self._stop()

    async def ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's way
        """Wait for cable and address; raises TimeoutError with what is missing."""
        try:
            async with asyncio.timeout(timeout):
                await self._device.stack.ready()
        except TimeoutError:
            raise TimeoutError(self._device.stack.obstacle) from None

    async def command(self, key: str, value: CommandValue = None) -> Json:
        """Carry out `dhcp` or `reset` and return the result's value; raises CommandError."""
        request = CommandRequest(self._device.id, key, value)
        outcome = await self._device.execute(request, _unheard)
        return outcome.value

    async def write_mac(self, mac: str, *, force: bool = False) -> None:
        """Write another MAC address, `84:c2:e4:…`, into the chip for good; only with `force`."""
        try:
            packed = bytes.fromhex(mac.replace(":", ""))
        except ValueError:
            raise UsageError(f"{mac!r} is no MAC address; write 84:c2:e4:01:02:03") from None
        await self._device.write_mac(packed, force=force)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=STOP_DEADLINE)

    def _take(self, emission: Emission) -> None:
        if isinstance(emission, StateUpdate):
            self.states[emission.key] = emission.value
        elif isinstance(emission, Availability) and not emission.online:
            self._reason = emission.reason
        elif isinstance(emission, DeviceEvent) and self._on_event is not None:
            self._on_event(emission)


def ch392(
    port: str,
    *,
    ip: str | None = None,
    netmask: str = "255.255.255.0",
    gateway: str | None = None,
    profile: str = "ch392f",
    sockets: int = 4,
    timeout: float = CONNECT_TIMEOUT,
    on_event: Callable[[DeviceEvent], None] | None = None,
) -> Ch392Chip:
    """Return the CH392 at `port`, written as in the configuration; to be used by `async with`.

    Without `ip` DHCP gives the address. The chip's buffers are shared evenly by `sockets`
    connections at once, 1 to 4: fewer are faster. `timeout` is in seconds.
    Raises UsageError, ConfigError.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}{nearest(profile, list(PROFILES))}")
    settings = Ch392Settings(
        id="ch392",
        profile=PROFILES[profile],
        dhcp=ip is None,
        ip=None if ip is None else _address(ip),
        netmask=_address(netmask),
        gateway=None if gateway is None else _address(gateway),
        sockets=sockets,
    )
    line = bus_port(parse_port(port), port, settings.profile)
    return Ch392Chip(Ch392(settings, line), timeout=timeout, on_event=on_event)


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError(f"{text!r} is no IPv4 address; write for example 192.168.1.2") from None


def _unheard(_milliseconds: int) -> None:
    """Nobody is told how long it takes."""
