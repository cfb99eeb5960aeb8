"""The configuration file (SPEC.md, "Configuration"): read whole, every mistake told at once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink import layouts
from chiplink.catalog import CHIPS
from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329Settings
from chiplink.exceptions import ConfigError
from chiplink.metrics import parse_listen
from chiplink.migration import migrate
from chiplink.mqtt.descriptor import MAX_DEVICES
from chiplink.mqtt.homeassistant import Mode
from chiplink.mqtt.topics import RESERVED, is_name
from chiplink.mqtt.url import parse_broker
from chiplink.protocol.ch9329_parameters import BAUDS
from chiplink.secret_files import read_secret
from chiplink.tables import key_path, nearest, read_table
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker
    from chiplink.transport.url import PortUrl

MAX_FILE = 1024 * 1024
"""Bytes of a configuration file."""

MAX_SECRETS = 64
MAX_TOPIC = 200
"""Secrets of a node; characters of a topic."""

DEFAULT_PATH = Path("/etc/chiplink/chiplink.toml")


class Level(StrEnum):
    """`log.level`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NodeTable(msgspec.Struct, frozen=True):
    """`[node]`."""

    id: str


class MqttTable(msgspec.Struct, frozen=True):
    """`[mqtt]`."""

    url: str
    password_file: str | None = None
    password_env: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    allow_plain: bool = False


class HomeAssistantTable(msgspec.Struct, frozen=True):
    """`[homeassistant]`."""

    mode: Mode = Mode.AUTO
    discovery_prefix: str = "homeassistant"
    status_topic: str = "homeassistant/status"
    typing: bool = False


class LogTable(msgspec.Struct, frozen=True):
    """`[log]`."""

    level: Level = Level.INFO
    devices: dict[str, Level] = {}
    trace_raw: bool = False


class MetricsTable(msgspec.Struct, frozen=True):
    """`[metrics]`."""

    listen: str | None = None


class SecretTable(msgspec.Struct, frozen=True):
    """One of `[secrets]`."""

    file: str | None = None
    env: str | None = None


_Extent = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Ch9329Table(msgspec.Struct, frozen=True):
    """`[device.NAME]` with `chip = "ch9329"`."""

    chip: str
    port: str
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    layout: str = "us"
    armed: ArmedMode = ArmedMode.MANUAL
    disarm_after: Annotated[float, msgspec.Meta(ge=1, le=86400)] | None = None
    address: Annotated[int, msgspec.Meta(ge=0, le=254)] = 0
    pace_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 12
    max_text: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    screen: tuple[_Extent, _Extent] | None = None


_TABLES = {"ch9329": Ch9329Table}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """A device's settings and where its chip is."""

    settings: Ch9329Settings
    port: PortUrl
    port_text: str


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


def load_config(path: Path) -> Config:
    """Read `path`; raises ConfigError with every mistake."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(text) > MAX_FILE:
        raise ConfigError([f"{path}: larger than {MAX_FILE} bytes"])
    try:
        tables = tomllib.loads(text.decode())
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    return check_config(tables)


def check_config(tables: dict[str, Any]) -> Config:
    """Return the configuration that `tables` are; raises ConfigError with every mistake."""
    problems: list[str] = []
    tables = migrate(tables, problems)
    known = ["node", "mqtt", "homeassistant", "log", "metrics", "secrets", "device"]
    problems.extend(
        f"{key}: unknown table{nearest(key, known)}" for key in tables if key not in known
    )
    node = _node(tables.get("node", {}), problems)
    broker = _broker(tables.get("mqtt", {}), problems)
    homeassistant = read_table(
        HomeAssistantTable, tables.get("homeassistant", {}), "homeassistant", problems
    )
    if homeassistant is not None:
        _check_topics(homeassistant, problems)
    log = read_table(LogTable, tables.get("log", {}), "log", problems)
    metrics = _metrics(tables.get("metrics", {}), problems)
    secrets = _secrets(tables.get("secrets", {}), problems)
    devices = _devices(tables.get("device", {}), broker, problems)
    if log is not None:
        _check_log(log, devices, problems)
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


def _metrics(table: Any, problems: list[str]) -> tuple[str, int] | None:
    metrics = read_table(MetricsTable, table, "metrics", problems)
    if metrics is None or metrics.listen is None:
        return None
    try:
        return parse_listen(metrics.listen)
    except ConfigError as error:
        problems.append(f"metrics.listen: {error}")
        return None


def _check_log(log: LogTable, devices: tuple[DeviceConfig, ...], problems: list[str]) -> None:
    names = [device.settings.id for device in devices]
    problems.extend(
        f"{key_path('log.devices', name)}: there is no such device{nearest(name, names)}"
        for name in log.devices
        if name not in names
    )


def _check_topics(table: HomeAssistantTable, problems: list[str]) -> None:
    for key in ("discovery_prefix", "status_topic"):
        topic = getattr(table, key)
        if not topic or len(topic) > MAX_TOPIC or any(sign in topic for sign in "+#\0"):
            problems.append(f"homeassistant.{key}: {topic[:40]!r} is no topic")


def _node(table: Any, problems: list[str]) -> str | None:
    node = read_table(NodeTable, table, "node", problems)
    if node is None:
        return None
    _check_name(node.id, "node.id", problems)
    return node.id


def _check_name(name: str, path: str, problems: list[str]) -> None:
    if name in RESERVED:
        problems.append(f"{path}: {name!r} is reserved; take another name")
    elif not is_name(name):
        problems.append(f"{path}: {name!r} is no name; use 1 to 32 of a-z 0-9 _")


def _broker(table: Any, problems: list[str]) -> Broker | None:
    mqtt = read_table(MqttTable, table, "mqtt", problems)
    if mqtt is None:
        return None
    try:
        broker = parse_broker(mqtt.url)
    except ConfigError as error:
        problems.append(f"mqtt.url: {error}")
        return None
    if broker.password is not None:
        problems.append("mqtt.url: no password here; put it into a file and name it password_file")
    if mqtt.password_file is not None and mqtt.password_env is not None:
        problems.append("mqtt.password_env: either this or password_file")
    if broker.user is None and (mqtt.password_file or mqtt.password_env):
        problems.append("mqtt.url: a password needs a user: mqtts://user@host")
    if (mqtt.cert_file is None) != (mqtt.key_file is None):
        problems.append("mqtt.cert_file: a client certificate needs cert_file and key_file")
    if not broker.tls and (mqtt.ca_file or mqtt.cert_file):
        problems.append("mqtt.ca_file: only with mqtts:// or wss://")
    source = "mqtt.password_file" if mqtt.password_file is not None else "mqtt.password_env"
    password = read_secret(mqtt.password_file, mqtt.password_env, source, problems)
    return replace(
        broker,
        password=password,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        allow_plain=mqtt.allow_plain,
    )


def _secrets(table: Any, problems: list[str]) -> dict[str, str]:
    secrets: dict[str, str] = {}
    if not isinstance(table, dict):
        problems.append("secrets: expected a table [secrets]")
        return secrets
    if len(table) > MAX_SECRETS:
        problems.append(f"secrets: {len(table)} secrets; at most {MAX_SECRETS}")
    for name, item in table.items():
        path = key_path("secrets", name)
        _check_name(name, path, problems)
        secret = read_table(SecretTable, item, path, problems)
        if secret is None:
            continue
        if (secret.file is None) == (secret.env is None):
            problems.append(f'{path}: write {{ file = "…" }} or {{ env = "…" }}')
            continue
        value = read_secret(secret.file, secret.env, path, problems)
        if value is not None:
            secrets[name] = value
    return secrets


def _devices(table: Any, broker: Broker | None, problems: list[str]) -> tuple[DeviceConfig, ...]:
    if not isinstance(table, dict):
        problems.append("device: expected tables [device.NAME]")
        return ()
    if len(table) > MAX_DEVICES:
        problems.append(f"device: {len(table)} devices; at most {MAX_DEVICES} a node")
    devices: list[DeviceConfig] = []
    holders: dict[str, str] = {}
    for name, item in table.items():
        path = key_path("device", name)
        _check_name(name, path, problems)
        device = _device(name, item, broker, problems)
        if device is None:
            continue
        holder = holders.setdefault(device.port.identity, path)
        if holder != path:
            problems.append(f"{path}.port: {device.port_text} is {holder}'s already")
        devices.append(device)
    return tuple(devices)


def _device(
    name: str, table: Any, broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    path = key_path("device", name)
    chip = table.get("chip") if isinstance(table, dict) else None
    if isinstance(chip, str) and chip not in CHIPS:
        problems.append(f"{path}.chip: unknown chip {chip!r}{nearest(str(chip), list(CHIPS))}")
        return None
    config = read_table(_TABLES.get(str(chip), Ch9329Table), table, path, problems)
    if config is None:
        return None
    return _ch9329(name, config, broker, problems)


def _ch9329(
    name: str, config: Ch9329Table, broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    path = key_path("device", name)
    if config.layout not in layouts.names():
        hint = nearest(config.layout, list(layouts.names()))
        problems.append(f"{path}.layout: unknown layout {config.layout!r}{hint}")
    if config.armed is ArmedMode.ALWAYS and broker is not None and not broker.is_secure:
        problems.append(
            f'{path}.armed: "always" over a connection without TLS;'
            " use mqtts://, or set mqtt.allow_plain = true"
        )
    try:
        port = parse_port(config.port)
    except ConfigError as error:
        problems.append(f"{path}.port: {error}")
        return None
    if port.is_spi or port.interrupt:
        problems.append(f"{path}.port: a CH9329 has neither SPI nor INT#; write serial:///dev/…")
    if port.baud is not None and port.baud not in BAUDS:
        rates = ", ".join(str(rate) for rate in BAUDS)
        problems.append(f"{path}.port: a CH9329 knows no {port.baud} baud; it knows {rates}")
    settings = Ch9329Settings(
        id=name,
        title=config.name,
        layout=config.layout,
        armed=config.armed,
        disarm_after=config.disarm_after,
        address=config.address,
        pace=config.pace_ms / 1000,
        max_text=config.max_text,
        screen=config.screen,
    )
    return DeviceConfig(settings=settings, port=port, port_text=config.port)
