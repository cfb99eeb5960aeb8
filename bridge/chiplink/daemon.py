"""The bridge as a service: everything that the configuration names, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from chiplink import logs
from chiplink.config import load_config
from chiplink.devices import make_device, with_secrets
from chiplink.exceptions import BrokerError, ConfigError, LocalMisuseError
from chiplink.metrics import Metrics
from chiplink.mqtt.descriptor import descriptor
from chiplink.mqtt.session import Session, SessionSettings
from chiplink.mqtt.tls import make_context
from chiplink.node import Node
from chiplink.sd_notify import Notifier
from chiplink.state import StateFile, default_folder
from chiplink.trace import TraceHub, socket_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from chiplink.config import Config, DeviceConfig
    from chiplink.driver.device import Device

_LOG = logging.getLogger(__name__)

STOP_DEADLINE = 5.0
"""Seconds for devices to let go of everything."""


def make_devices(config: Config, state: StateFile, hub: TraceHub) -> list[Device]:
    """Return a driver for each device of the configuration."""
    return [_make_device(device, config, state, hub) for device in config.devices]


def _make_device(device: DeviceConfig, config: Config, state: StateFile, hub: TraceHub) -> Device:
    settings = with_secrets(device.settings, config.secrets)
    return make_device(
        settings,
        device.port,
        device.port_text,
        state.section(settings.id),
        hub.tap(settings.id, settings.chip),
    )


def check_bridge(config: Config) -> None:
    """Raise ConfigError for what only shows when everything is put together."""
    if config.broker.tls:
        try:
            make_context(config.broker)
        except BrokerError as error:
            raise ConfigError([str(error)]) from error
    devices = make_devices(config, StateFile(None), TraceHub(config.node))
    try:
        descriptor(config.node, Node(devices))
    except LocalMisuseError as error:
        raise ConfigError([f"device: {error}"]) from error


class Bridge:
    """A node and its connection to a broker; `folder` is where its state is kept."""

    def __init__(self, config: Config, folder: Path | None = None) -> None:
        state = StateFile((folder or default_folder()) / f"{config.node}.json")
        self._config = config
        self._hub = TraceHub(config.node, raw=config.log.trace_raw)
        self._trace_path = socket_path(config.node, folder)
        self.node = Node(make_devices(config, state, self._hub))
        settings = SessionSettings(
            node=config.node,
            broker=config.broker,
            birth_topic=config.homeassistant.status_topic,
            mode=config.homeassistant.mode,
            discovery_prefix=config.homeassistant.discovery_prefix,
            typing=config.homeassistant.typing,
            memory=state.section("homeassistant"),
        )
        self.session = Session(settings, self.node)
        self.node.add_sink(self.session)

    async def run(self) -> None:
        """Run until cancelled: devices let go first, then the last results go out."""
        session = asyncio.create_task(self.session.run(), name="mqtt")
        node = asyncio.create_task(self.node.run(), name="node")
        extras = [asyncio.create_task(_optional(extra)) for extra in self._extras()]
        try:
            done, _pending = await asyncio.wait(
                (session, node), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            for extra in extras:
                extra.cancel()
            await _end(node, STOP_DEADLINE)
            await _end(session, STOP_DEADLINE)
            if extras:
                await asyncio.wait(extras, timeout=STOP_DEADLINE)

    def _extras(self) -> list[Callable[[], Awaitable[None]]]:
        """Return what serves others and must not stop the bridge when it cannot."""
        extras: list[Callable[[], Awaitable[None]]] = [partial(self._hub.serve, self._trace_path)]
        if self._config.metrics is not None:
            metrics = Metrics(self.node, self.session.counters, self.session.queues)
            extras.append(partial(metrics.serve, *self._config.metrics))
        return extras


async def _optional(extra: Callable[[], Awaitable[None]]) -> None:
    try:
        await extra()
    except Exception as error:  # noqa: BLE001 - the bridge works without it
        _LOG.warning("%s", error)


async def _end(task: asyncio.Task[None], deadline: float) -> None:
    task.cancel()
    _done, pending = await asyncio.wait((task,), timeout=deadline)
    if pending:
        _LOG.error("%s did not end in %g s", task.get_name(), deadline)


class Daemon:
    """Runs bridges one after another: SIGHUP brings the next, SIGTERM and SIGINT the end."""

    def __init__(self, path: Path, config: Config, *, verbose: bool = False) -> None:
        self._path = path
        self._config = config
        self._verbose = verbose
        self._notifier = Notifier()
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Run until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        watchdog = asyncio.create_task(self._watchdog(), name="watchdog")
        try:
            while not self._stop.is_set():
                await self._run_one()
        finally:
            watchdog.cancel()
            self._notifier.stopping()
            _LOG.info("stopped")

    async def _run_one(self) -> None:
        """Run a bridge until the configuration changes or the end comes."""
        self._changed.clear()
        self._configure_logs()
        bridge = asyncio.create_task(Bridge(self._config).run(), name="bridge")
        told = asyncio.create_task(self._changed.wait())
        self._notifier.ready()
        try:
            await asyncio.wait((bridge, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            bridge.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await bridge

    def _configure_logs(self) -> None:
        config = self._config
        logs.configure(
            "debug" if self._verbose else config.log.level,
            {} if self._verbose else config.log.devices,
            stream=sys.stderr,
            devices=[device.settings.id for device in config.devices],
            node=config.node,
        )

    def _on_stop(self) -> None:
        self._stop.set()
        self._changed.set()

    def _on_reload(self) -> None:
        """Read the configuration again; one with mistakes leaves everything as it is."""
        self._notifier.reloading()
        try:
            config = load_config(self._path)
            check_bridge(config)
        except ConfigError as error:
            for problem in error.problems:
                _LOG.error("%s", problem)
            _LOG.error("the configuration was not taken over; the old one stays")
            self._notifier.ready()
            return
        _LOG.info("the configuration was read again")
        self._config = config
        self._changed.set()

    async def _watchdog(self) -> None:
        """Tell systemd that the loop turns, as often as it wants to hear it."""
        if self._notifier.interval is None:
            return
        while True:
            self._notifier.watchdog()
            await asyncio.sleep(self._notifier.interval)


async def run_daemon(path: Path, config: Config, *, verbose: bool = False) -> None:
    """Run the bridge of `config`, read from `path`, until SIGTERM or SIGINT."""
    await Daemon(path, config, verbose=verbose).run()
