"""The running devices: values go out to sinks, requests come in; knows no MQTT."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from chiplink.commands import CommandLine
from chiplink.exceptions import UnknownKeyError
from chiplink.model import Availability, DeviceEvent, Phase, Result, StateUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chiplink.driver.device import Device, Emission
    from chiplink.model import CommandRequest, Scalar

_LOG = logging.getLogger(__name__)

MAX_STATE = 255
"""Characters of a state's text: what Home Assistant takes."""


class Sink(Protocol):
    """Somewhere values go. Called on the loop; must not wait."""

    def state(self, update: StateUpdate) -> None:
        """A state has a new value."""

    def event(self, event: DeviceEvent) -> None:
        """Something happened."""

    def availability(self, availability: Availability) -> None:
        """A device came or went."""

    def result(self, result: Result) -> None:
        """A command got further."""


class Node:
    """Runs devices and keeps the newest value of everything they say."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices: dict[str, Device] = {device.id: device for device in devices}
        self.states: dict[tuple[str, str], Scalar] = {}
        self.available: dict[str, bool] = dict.fromkeys(self.devices, False)
        self._sinks: list[Sink] = []
        self._lines = {
            device.id: CommandLine(device, self._result) for device in self.devices.values()
        }

    def add_sink(self, sink: Sink) -> None:
        """Tell `sink` everything from now on; it reads what is known already by itself."""
        self._sinks.append(sink)

    async def run(self) -> None:
        """Run every device until cancelled; returns when all have let go."""
        async with asyncio.TaskGroup() as group:
            for device in self.devices.values():
                self._take(StateUpdate(device.id, "last_error", ""))
                group.create_task(device.run(self._take), name=f"device {device.id}")
                group.create_task(self._lines[device.id].run(), name=f"commands {device.id}")

    def submit(self, request: CommandRequest) -> None:
        """Queue a command; what becomes of it is told to the sinks as Results."""
        line = self._lines.get(request.device)
        if line is None:
            error = UnknownKeyError(f"there is no device {request.device!r}")
            self._result(request.failed(error, time.monotonic()))
            return
        line.submit(request)

    def unattended(self) -> None:
        """Nobody can send commands for now: devices let go of what is held."""
        for device in self.devices.values():
            device.unattended()

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait for each device."""
        return {device: line.waiting for device, line in self._lines.items()}

    def _take(self, emission: Emission) -> None:
        if isinstance(emission, StateUpdate):
            self._state(emission)
        elif isinstance(emission, DeviceEvent):
            for sink in self._sinks:
                sink.event(emission)
        else:
            self._availability(emission)

    def _state(self, update: StateUpdate) -> None:
        if isinstance(update.value, str) and len(update.value) > MAX_STATE:
            update = replace(update, value=update.value[: MAX_STATE - 1] + "…")
        slot = (update.device, update.key)
        if self.states.get(slot) == update.value:
            return
        self.states[slot] = update.value
        for sink in self._sinks:
            sink.state(update)

    def _availability(self, availability: Availability) -> None:
        device = availability.device
        self._state(StateUpdate(device, "last_error", availability.reason))
        if self.available[device] == availability.online:
            return
        self.available[device] = availability.online
        if availability.online:
            _LOG.info("%s: connected", device)
        else:
            _LOG.warning("%s: offline: %s", device, availability.reason)
        for sink in self._sinks:
            sink.availability(availability)

    def _result(self, result: Result) -> None:
        if result.phase is not Phase.ACCEPTED and result.device in self.devices:
            self._state(StateUpdate(result.device, "last_error", result.public))
        for sink in self._sinks:
            sink.result(result)
