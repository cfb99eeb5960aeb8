"""The tree of topics (SPEC.md, "Topics"): building and reading names, nothing else."""

from __future__ import annotations

import re
from typing import NamedTuple

BASE = "chiplink"

NAME = re.compile(r"[a-z0-9_]{1,32}")
"""Names of nodes, devices and links."""

ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
"""Ids of commands."""

MAX_REMEMBERED = 1024
"""Command topics whose parts are kept: most messages come on the same few."""

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


def is_name(text: str) -> bool:
    """Whether `text` may name a node, a device or a link."""
    return NAME.fullmatch(text) is not None and text not in RESERVED


class DeviceCommand(NamedTuple):
    """`<device>/<key>/set[/<id>]`."""

    device: str
    key: str
    id: str | None = None


class Topics:
    """The topics of one node."""

    def __init__(self, node: str) -> None:
        self.root = f"{BASE}/{node}"
        self.status = f"{self.root}/status"
        self.descriptor = f"{self.root}/descriptor"
        self.health = f"{self.root}/health"
        self.claim = f"{self.root}/homeassistant"
        self.responses = f"{self.root}/response/"
        self.everything = f"{self.root}/#"
        self._pairs: dict[str, tuple[str, str]] = {}
        self.commands = (f"{self.root}/+/+/set", f"{self.root}/+/+/set/+")

    def availability(self, device: str) -> str:
        """Return the topic of a device's availability."""
        return f"{self.root}/{device}/availability"

    def key(self, device: str, key: str) -> str:
        """Return the topic of a state or event."""
        return f"{self.root}/{device}/{key}"

    def result(self, device: str) -> str:
        """Return the topic of a device's results."""
        return f"{self.root}/{device}/result"

    def sync(self, token: str) -> str:
        """Return a topic that only this bridge uses, to mark a place in the stream."""
        return f"{self.responses}sync-{token}"

    def parse_command(self, topic: str) -> DeviceCommand | None:
        """Return the command that `topic` addresses, or None."""
        prefix, slash, name = topic.rpartition("/")
        if name == "set" and (command := self._addressed(prefix, None)):
            return command
        prefix, _slash, word = prefix.rpartition("/")
        if word != "set" or not slash or ID.fullmatch(name) is None:
            return None
        return self._addressed(prefix, name)

    def _addressed(self, prefix: str, request_id: str | None) -> DeviceCommand | None:
        pair = self._pairs.get(prefix)
        if pair is None:
            pair = self._split(prefix)
            if pair is None:
                return None
            if len(self._pairs) < MAX_REMEMBERED:
                self._pairs[prefix] = pair
        return DeviceCommand(*pair, request_id)

    def _split(self, prefix: str) -> tuple[str, str] | None:
        if not prefix.startswith(self.root + "/"):
            return None
        match prefix[len(self.root) + 1 :].split("/"):
            case [device, key] if is_name(device) and is_name(key):
                return device, key
        return None

    def is_response(self, topic: str) -> bool:
        """Whether a client may ask for answers on `topic`."""
        return topic.startswith(self.responses) and not {"+", "#"} & set(topic)
