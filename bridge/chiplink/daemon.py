"""The bridge as a service: everything that the configuration names, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from chiplink.driver.ch9329 import Ch9329
from chiplink.exceptions import ConfigError, LocalMisuseError
from chiplink.mqtt.descriptor import descriptor
from chiplink.mqtt.session import Session, SessionSettings
from chiplink.node import Node
from chiplink.ports import make_port
from chiplink.state import StateFile, default_folder

if TYPE_CHECKING:
    from pathlib import Path

    from chiplink.config import Config
    from chiplink.driver.device import Device

_LOG = logging.getLogger(__name__)

STOP_DEADLINE = 5.0
"""Seconds for devices to let go of everything."""


def make_devices(config: Config, state: StateFile) -> list[Device]:
    """Return a driver for each device of the configuration."""
    return [
        Ch9329(
            replace(device.settings, secrets=config.secrets),
            make_port(device.port, "ch9329", device.port_text),
            state.section(device.settings.id),
        )
        for device in config.devices
    ]


def check_bridge(config: Config) -> None:
    """Raise ConfigError for what only shows when everything is put together."""
    nowhere = StateFile(None)
    try:
        descriptor(config.node, Node(make_devices(config, nowhere)))
    except LocalMisuseError as error:
        raise ConfigError([f"device: {error}"]) from error


class Bridge:
    """A node and its connection to a broker; `folder` is where its state is kept."""

    def __init__(self, config: Config, folder: Path | None = None) -> None:
        state = StateFile((folder or default_folder()) / f"{config.node}.json")
        self.node = Node(make_devices(config, state))
        settings = SessionSettings(
            node=config.node,
            broker=config.broker,
            birth_topic=config.homeassistant.status_topic or None,
        )
        self.session = Session(settings, self.node)
        self.node.add_sink(self.session)

    async def run(self) -> None:
        """Run until cancelled: devices let go first, then the last results go out."""
        session = asyncio.create_task(self.session.run(), name="mqtt")
        node = asyncio.create_task(self.node.run(), name="node")
        try:
            done, _pending = await asyncio.wait(
                (session, node), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            await _end(node, STOP_DEADLINE)
            await _end(session, STOP_DEADLINE)


async def _end(task: asyncio.Task[None], deadline: float) -> None:
    task.cancel()
    _done, pending = await asyncio.wait((task,), timeout=deadline)
    if pending:
        _LOG.error("%s did not end in %g s", task.get_name(), deadline)


async def run_bridge(config: Config) -> None:
    """Run the bridge until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    try:
        await Bridge(config).run()
    except asyncio.CancelledError:
        _LOG.info("stopped")
