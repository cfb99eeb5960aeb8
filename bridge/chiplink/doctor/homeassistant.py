"""What the broker tells of the bridge and of Home Assistant; asked by the check before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, ok, warn
from chiplink.mqtt.topics import Topics

if TYPE_CHECKING:
    from chiplink.config import HomeAssistantTable
    from chiplink.doctor.context import Context, Heard


def check_bridge(context: Context) -> list[Finding]:
    """Tell whether a bridge of this node runs."""
    if context.config is None or context.heard is None:
        return []
    node = context.config.node
    status = context.heard.retained.get(Topics(node).status)
    if status == b"online":
        return [ok(f"a bridge of the node {node} is online")]
    text = "is offline" if status else "is unknown to this broker"
    return [warn(f"the bridge of the node {node} {text}", f"chiplink run -c {context.config_path}")]


def check_home_assistant(context: Context) -> list[Finding]:
    """Tell what was seen of Home Assistant."""
    if context.config is None or context.heard is None:
        return []
    table = context.config.homeassistant
    if table.mode == "off":
        return [ok("homeassistant.mode is off")]
    return [_birth(table, context.heard), *_prefix(table, context.heard)]


def _birth(table: HomeAssistantTable, heard: Heard) -> Finding:
    topic = table.status_topic
    if not topic:
        return warn("no birth topic is configured", 'status_topic = "homeassistant/status"')
    said = heard.retained.get(topic, b"").decode(errors="replace")
    if said or topic in heard.live:
        return ok(f"Home Assistant speaks on {topic}{f': {said}' if said else ''}")
    return ok(
        f"nothing seen on {topic}: usual, as Home Assistant speaks there when it starts"
        " and does not retain it"
    )


def _prefix(table: HomeAssistantTable, heard: Heard) -> list[Finding]:
    prefix = table.discovery_prefix
    found = []
    if table.status_topic and not table.status_topic.startswith(f"{prefix}/"):
        found.append(
            warn(
                f"the discovery prefix is {prefix}, but the birth topic {table.status_topic}",
                "make both as in Home Assistant: Settings, Devices, MQTT, Configure",
            )
        )
    count = sum(
        topic.startswith(f"{prefix}/") and topic.endswith("/config") for topic in heard.retained
    )
    return [*found, ok(f"{count} discovery topics are retained below {prefix}/")]
