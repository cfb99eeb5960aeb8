"""The running devices: values go out to sinks, requests come in; knows no MQTT."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from chiplink.catalog.link import link_of
from chiplink.commands import CommandLine, LinkLine
from chiplink.exceptions import UnknownKeyError
from chiplink.model import (
    Availability,
    DeviceEvent,
    LinkData,
    LinkInfo,
    LinkPhase,
    LinkState,
    Phase,
    Result,
    StateUpdate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chiplink.driver.device import Device, Emission
    from chiplink.model import CommandRequest, Json, Scalar

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

    def link_state(self, state: LinkState) -> None:
        """A link does something else."""

    def link_info(self, info: LinkInfo) -> None:
        """There is something new to know about a link."""

    def link_data(self, data: LinkData) -> None:
        """Something arrived on a link; `data.taken` is to be called, whatever becomes of it."""


class Node:
    """Runs devices and keeps the newest value of everything they say."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices: dict[str, Device] = {device.id: device for device in devices}
        self.states: dict[tuple[str, str], Scalar] = {}
        self.available: dict[str, bool] = dict.fromkeys(self.devices, False)
        links = [(device, link) for device in self.devices.values() for link in device.links]
        self.link_states: dict[tuple[str, str], LinkPhase] = {
            (device.id, link): LinkPhase.CLOSED for device, link in links
        }
        self.link_infos: dict[tuple[str, str], Mapping[str, Json]] = {}
        self._reasons: dict[str, str] = {}
        self._sinks: list[Sink] = []
        self._lines = {
            device.id: CommandLine(device, self._result) for device in self.devices.values()
        }
        self._link_lines = {
            (device.id, link): LinkLine(device, link, self._result) for device, link in links
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
            for name, line in self._named_lines():
                group.create_task(line.run(), name=f"commands {name}")

    def submit(self, request: CommandRequest) -> None:
        """Queue a command; what becomes of it is told to the sinks as Results."""
        link = link_of(request.key)
        line = (
            self._lines.get(request.device)
            if link is None
            else self._link_lines.get((request.device, link))
        )
        if line is None:
            self._result(request.failed(self._unknown(request, link), time.monotonic()))
            return
        line.submit(request)

    def _unknown(self, request: CommandRequest, link: str | None) -> UnknownKeyError:
        if request.device not in self.devices:
            return UnknownKeyError(f"there is no device {request.device!r}")
        return UnknownKeyError(f"{request.device} has no link {link!r}")

    def unattended(self) -> None:
        """Nobody can send commands for now: devices let go of what is held."""
        for device in self.devices.values():
            device.unattended()

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait, by device, and by `device/link/name`."""
        return {name: line.waiting for name, line in self._named_lines()}

    def _named_lines(self) -> Iterator[tuple[str, CommandLine]]:
        yield from self._lines.items()
        for (device, link), line in self._link_lines.items():
            yield f"{device}/link/{link}", line

    def _take(self, emission: Emission) -> None:
        match emission:
            case StateUpdate():
                self._state(emission)
            case DeviceEvent():
                for sink in self._sinks:
                    sink.event(emission)
            case Availability():
                self._availability(emission)
            case LinkData():
                self._link_data(emission)
            case LinkState():
                self._link_state(emission)
            case LinkInfo():
                self.link_infos[emission.device, emission.link] = emission.info
                for sink in self._sinks:
                    sink.link_info(emission)

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
        self._log_reason(availability)
        if self.available[device] == availability.online:
            return
        self.available[device] = availability.online
        if availability.online:
            _LOG.info("%s: connected", device)
        for sink in self._sinks:
            sink.availability(availability)

    def _log_reason(self, availability: Availability) -> None:
        """Log why a device is away: when it goes, when it never came, when the reason changes."""
        device, reason = availability.device, availability.reason
        if availability.online:
            self._reasons.pop(device, None)
        elif self._reasons.get(device) != reason:
            self._reasons[device] = reason
            _LOG.warning("%s: offline: %s", device, reason)

    def _link_state(self, state: LinkState) -> None:
        slot = (state.device, state.link)
        if self.link_states.get(slot) is state.phase:
            return
        self.link_states[slot] = state.phase
        for sink in self._sinks:
            sink.link_state(state)

    def _link_data(self, arrived: LinkData) -> None:
        """Hand data to every sink; it is taken when the last of them has taken it."""
        shares = _Shares(arrived.taken, len(self._sinks))
        for sink in self._sinks:
            share = shares.one()
            try:
                sink.link_data(replace(arrived, taken=share))
            except Exception:  # noqa: BLE001 - the link must not wait for it for ever
                _LOG.exception("%s: what link %s got was lost", arrived.device, arrived.link)
                share()

    def _result(self, result: Result) -> None:
        """Tell a result; a link's errors are not the device's."""
        ended = result.phase is not Phase.ACCEPTED and result.device in self.devices
        if ended and link_of(result.key) is None:
            self._state(StateUpdate(result.device, "last_error", result.public))
        for sink in self._sinks:
            sink.result(result)


class _Shares:
    """Calls `taken` once, when each of `count` shares was given back."""

    def __init__(self, taken: Callable[[], None], count: int) -> None:
        self._taken = taken
        self._left = count
        if not count:
            taken()

    def one(self) -> Callable[[], None]:
        """Return what gives one share back; calling it again changes nothing."""
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._left -= 1
                if not self._left:
                    self._taken()

        return give_back
