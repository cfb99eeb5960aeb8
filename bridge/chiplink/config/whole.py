"""All tables together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chiplink.config.devices import read_devices
from chiplink.config.general import read_homeassistant, read_log, read_metrics, read_node
from chiplink.config.mqtt import read_broker
from chiplink.config.secret_table import read_secrets
from chiplink.exceptions import ConfigError
from chiplink.migration import migrate
from chiplink.tables import nearest

if TYPE_CHECKING:
    from chiplink.config.device import DeviceConfig
    from chiplink.config.general import HomeAssistantTable, LogTable
    from chiplink.mqtt.url import Broker

TABLES = ("node", "mqtt", "homeassistant", "log", "metrics", "secrets", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration without mistakes."""

    node: str
    broker: Broker
    homeassistant: HomeAssistantTable
    log: LogTable
    metrics: tuple[str, int] | None
    secrets: dict[str, str] = field(repr=False)
    devices: tuple[DeviceConfig, ...]


def check_config(tables: dict[str, Any]) -> Config:
    """Return the configuration that `tables` are; raises ConfigError with every mistake."""
    problems: list[str] = []
    tables = migrate(tables, problems)
    problems.extend(
        f"{key}: unknown table{nearest(key, [*TABLES])}" for key in tables if key not in TABLES
    )
    node = read_node(tables.get("node", {}), problems)
    broker = read_broker(tables.get("mqtt", {}), problems)
    homeassistant = read_homeassistant(tables.get("homeassistant", {}), problems)
    metrics = read_metrics(tables.get("metrics", {}), problems)
    secrets = read_secrets(tables.get("secrets", {}), problems)
    devices = read_devices(tables.get("device", {}), broker, problems)
    log = read_log(tables.get("log", {}), [device.settings.id for device in devices], problems)
    if problems or node is None or broker is None or homeassistant is None or log is None:
        raise ConfigError(problems)
    return Config(
        node=node,
        broker=broker,
        homeassistant=homeassistant,
        log=log,
        metrics=metrics,
        secrets=secrets,
        devices=devices,
    )
