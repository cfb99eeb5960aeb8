"""A modem as a device: its SIM, its network, its links; SIM800, SIM7028 and G series alike."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chiplink.catalog import CHIPS
from chiplink.driver import modem_setup
from chiplink.driver.modem_at import AtMode, ask_raw
from chiplink.driver.modem_bearer import restart
from chiplink.driver.modem_models import MODELS
from chiplink.driver.modem_network import Network
from chiplink.driver.modem_row import Bearing
from chiplink.driver.modem_stack import ModemStack
from chiplink.driver.network_device import NetworkDevice
from chiplink.driver.sockets import Kind
from chiplink.exceptions import (
    CommandError,
    OfflineError,
    ProbeError,
)
from chiplink.model import DeviceEvent, Outcome, StateUpdate
from chiplink.protocol.at_events import Power, Restarted, Urc

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from chiplink.driver.device import Memory, Started
    from chiplink.driver.links import LinkSettings
    from chiplink.driver.modem_line import Line
    from chiplink.driver.sockets import KeepAlive
    from chiplink.model import CommandRequest
    from chiplink.protocol.at_events import Event
    from chiplink.transport.base import Port

_LOG = logging.getLogger(__name__)

RESET_DEADLINE = 60.0
"""Seconds in which `reset` must have brought the modem back."""

NOT_THERE = "the modem does not answer"
RESTARTED = "the modem restarted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemSettings:
    """`[device.NAME]` of the configuration, checked; `pull` None: as its links need it."""

    id: str
    chip: str
    title: str = ""
    apn: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    at: AtMode = AtMode.QUERY
    pull: bool | None = None
    quick_send: bool = False
    several: bool = True
    keep_alive: KeepAlive | None = None
    links: tuple[LinkSettings, ...] = ()

    @property
    def bearing(self) -> Bearing:
        """What the data context and the links are to be."""
        model = MODELS[self.chip]
        kinds = [link.kind for link in self.links]
        alone = Kind.UDP_SERVER in kinds and not model.everybody
        kept = (link.keep_alive for link in self.links if link.keep_alive is not None)
        pull = all(kind.is_stream for kind in kinds) if self.pull is None else self.pull
        return Bearing(
            apn=self.apn,
            user=self.user,
            password=self.password,
            several=self.several and model.links > 1 and not alone,
            pull=pull and model.pulls,
            quick_send=self.quick_send,
            keep_alive=self.keep_alive or next(kept, None),
        )


class Modem(NetworkDevice):
    """A Device: keeps the modem in its network and its links open."""

    def __init__(self, settings: ModemSettings, port: Port, memory: Memory) -> None:
        self._settings = settings
        self._port = port
        self._memory = memory
        self._model = MODELS[settings.chip]
        self._bearing = settings.bearing
        self._line: Line | None = None
        self._network: Network | None = None
        self._restarts = 0
        counters: Counter[str] = Counter()
        self.stack = ModemStack(self._model, self._bearing, counters)
        super().__init__(settings, CHIPS[settings.chip], self.stack, counters)
        if settings.at is AtMode.OFF:
            self.rows = {key: row for key, row in self.rows.items() if key != "at"}

    # Commands

    def _command(self, request: CommandRequest, started: Started) -> Awaitable[Outcome] | None:
        if request.key == "reset":
            started(int(RESET_DEADLINE * 1000))
            return self._reset()
        if request.key == "at" and isinstance(request.value, str):
            mode, several = self._settings.at, self._bearing.several
            return ask_raw(self._answering(), self._model.id, request.value, mode, several=several)
        return None

    async def _reset(self) -> Outcome:
        """Restart the modem, and wait until it is back."""
        line = self._answering()
        await restart(line)
        if self._line is line:  # its end is still to come
            self._connected.clear()
        return await self._back(RESET_DEADLINE, "the modem")

    def _answering(self) -> Line:
        if self._line is None:
            raise OfflineError(NOT_THERE)
        return self._line

    # The connection

    async def _session(self) -> None:
        """Find the modem, prepare it, keep it in the network until it is lost; raises why."""
        line = await modem_setup.find(self._port, self._counters, self._heard, self._memory)
        keeping: asyncio.Task[None] | None = None
        try:
            imei = await modem_setup.prepare(line, self._model.id)
            self._introduce(imei)
            keeping = asyncio.create_task(self._keep(self._begin(line), line))
            raise await asyncio.shield(line.lost)
        except CommandError as error:
            raise line.lost.result() if line.lost.done() else ProbeError(str(error)) from error
        finally:
            await self._finish(line, keeping)

    def _begin(self, line: Line) -> Network:
        network = Network(
            line,
            self._model,
            self._bearing,
            self.stack,
            self,
            pin=self._settings.pin,
            memory=self._memory,
        )
        self._line, self._network = line, network
        self._supervisor.connected()
        self._published["last_error"] = ""  # being there again, it has none
        self._connected.set()
        return network

    async def _keep(self, network: Network, line: Line) -> None:
        """Run the network; a defect gives the line up."""
        try:
            await network.run()
        except Exception:  # noqa: BLE001 - the next connection may do better
            _LOG.exception("%s: the driver failed", self.id)
            line.give_up(ProbeError("the driver failed; the log has the details"))

    async def _finish(self, line: Line, keeping: asyncio.Task[None] | None) -> None:
        reason = str(line.lost.result()) if line.lost.done() else "chiplink is stopping"
        self._line = self._network = None
        self._connected.clear()
        try:
            if keeping is not None:
                keeping.cancel()
                await asyncio.wait({keeping})
        finally:  # the program may end while a lost line is being given up
            self.stack.network_down(reason)
            await line.close()
            await self.stack.stop()

    # What the modem says

    def _heard(self, event: Event) -> None:
        if self._line is None:
            return  # what a modem says before it was prepared is its boot
        if isinstance(event, Restarted):
            self._restarted(self._line)
        elif not self.stack.heard(event) and self._network is not None:
            self._network.heard(event)
        if isinstance(event, Urc | Power):
            self._emit(DeviceEvent(self.id, "urc", "urc", {"text": event.text}))

    def _restarted(self, line: Line) -> None:
        """Everything is gone: it is found and prepared anew."""
        if not line.restart_expected:
            self._restarts += 1
            self.publish("restarts", self._restarts)
        self.stack.network_down(RESTARTED)
        line.give_up(ProbeError(RESTARTED))

    def _introduce(self, imei: str) -> None:
        self.publish("imei", imei)
        self.publish("restarts", self._restarts)
        self.publish("registration", "unknown")

    def obstacle(self, reason: str) -> None:
        """Tell what is in the network's way."""
        if reason != self._published.get("last_error", ""):
            if reason:
                _LOG.warning("%s: %s", self.id, reason)
            self._published["last_error"] = reason
            self._emit(StateUpdate(self.id, "last_error", reason))
