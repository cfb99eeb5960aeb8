"""`[node]`, `[homeassistant]`, `[log]`, `[metrics]`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from chiplink.config.names import check_name
from chiplink.exceptions import ConfigError
from chiplink.metrics import parse_listen
from chiplink.mqtt.homeassistant import Mode
from chiplink.tables import key_path, nearest, read_table

MAX_TOPIC = 200
"""Characters of a topic."""


class Level(StrEnum):
    """`log.level`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NodeTable(msgspec.Struct, frozen=True):
    """`[node]`."""

    id: str


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


def read_node(table: Any, problems: list[str]) -> str | None:
    """Return the node's name; None if there is none."""
    node = read_table(NodeTable, table, "node", problems)
    if node is None:
        return None
    check_name(node.id, "node.id", problems)
    return node.id


def read_homeassistant(table: Any, problems: list[str]) -> HomeAssistantTable | None:
    """Return the table with topics that are some."""
    homeassistant = read_table(HomeAssistantTable, table, "homeassistant", problems)
    if homeassistant is None:
        return None
    for key in ("discovery_prefix", "status_topic"):
        topic = getattr(homeassistant, key)
        if not topic or len(topic) > MAX_TOPIC or any(sign in topic for sign in "+#\0"):
            problems.append(f"homeassistant.{key}: {topic[:40]!r} is no topic")
    return homeassistant


def read_log(table: Any, devices: list[str], problems: list[str]) -> LogTable | None:
    """Return the table; it names none but `devices`."""
    log = read_table(LogTable, table, "log", problems)
    if log is None:
        return None
    problems.extend(
        f"{key_path('log.devices', name)}: there is no such device{nearest(name, devices)}"
        for name in log.devices
        if name not in devices
    )
    return log


def read_metrics(table: Any, problems: list[str]) -> tuple[str, int] | None:
    """Return where metrics are served; None if they are not."""
    metrics = read_table(MetricsTable, table, "metrics", problems)
    if metrics is None or metrics.listen is None:
        return None
    try:
        return parse_listen(metrics.listen)
    except ConfigError as error:
        problems.append(f"metrics.listen: {error}")
        return None
