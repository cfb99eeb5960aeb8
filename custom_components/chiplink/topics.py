"""Names and topics of the MQTT contract, version 1; nothing here does any I/O."""

from __future__ import annotations

import re

BASE = "chiplink"

NAME = re.compile(r"[a-z0-9_]{1,32}")
"""Names of nodes, devices, links and keys."""

RESERVED = frozenset(
    {
        "status",
        "descriptor",
        "health",
        "homeassistant",
        "response",
        "availability",
        "result",
        "link",
        "set",
        "tx",
        "rx",
    }
)
"""Words that cannot be names."""

PEER = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}")
"""`ip:port`, `[ip6]:port`."""


def is_name(text: str) -> bool:
    """Whether `text` may name a node, a device or a link."""
    return NAME.fullmatch(text) is not None and text not in RESERVED


class Topics:
    """The topics of one node."""

    def __init__(self, node: str, prefix: str = "homeassistant") -> None:
        self.root = f"{BASE}/{node}/"
        self.status = f"{self.root}status"
        self.descriptor = f"{self.root}descriptor"
        self.health = f"{self.root}health"
        self.claim = f"{self.root}homeassistant"
        self.values = (
            f"{self.root}+/+",
            f"{self.root}+/link/+/state",
            f"{self.root}+/link/+/info",
        )
        self.discovery = f"{prefix}/device/{BASE}-{node}/+/config"

    def command(self, path: str, request: str) -> str:
        """Return the topic of a command, `path` being `<device>/<key>/set` and the like."""
        return f"{self.root}{path}/{request}"


def node_of(topic: str) -> str | None:
    """Return the node whose descriptor is on `topic`, or None."""
    match topic.split("/"):
        case [base, node, "descriptor"] if base == BASE and is_name(node):
            return node
    return None
