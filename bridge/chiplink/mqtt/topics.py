"""The tree of topics (SPEC.md, "Topics"): building and reading names, nothing else."""

from __future__ import annotations

import re
from typing import NamedTuple

from chiplink.mqtt.peers import read_peer

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

    @property
    def peer(self) -> str:
        """Devices have none."""
        return ""


class LinkCommand(NamedTuple):
    """`<device>/link/<link>/set[/<id>]` or `…/tx[/<peer>][/<id>]`; `word` is `set` or `tx`."""

    device: str
    link: str
    word: str
    peer: str = ""
    id: str | None = None

    @property
    def key(self) -> str:
        """What requests and results call it."""
        return f"link/{self.link}/{self.word}"


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
        self._links: dict[str, LinkCommand] = {}
        links = f"{self.root}/+/link/+"
        self.commands = (
            f"{self.root}/+/+/set",
            f"{self.root}/+/+/set/+",
            f"{links}/set",
            f"{links}/set/+",
            f"{links}/tx",
            f"{links}/tx/+",
            f"{links}/tx/+/+",
        )

    def availability(self, device: str) -> str:
        """Return the topic of a device's availability."""
        return f"{self.root}/{device}/availability"

    def key(self, device: str, key: str) -> str:
        """Return the topic of a state or event."""
        return f"{self.root}/{device}/{key}"

    def result(self, device: str) -> str:
        """Return the topic of a device's results."""
        return f"{self.root}/{device}/result"

    def link_state(self, device: str, link: str) -> str:
        """Return the topic of what a link is doing."""
        return f"{self.root}/{device}/link/{link}/state"

    def link_info(self, device: str, link: str) -> str:
        """Return the topic of what there is to know about a link."""
        return f"{self.root}/{device}/link/{link}/info"

    def link_data(self, device: str, link: str, peer: str = "") -> str:
        """Return the topic of what arrives on a link, from one peer where there are several."""
        topic = f"{self.root}/{device}/link/{link}/rx"
        return f"{topic}/{peer}" if peer else topic

    def link_set(self, device: str, link: str) -> str:
        """Return the topic on which a link is told to open and to close."""
        return f"{self.root}/{device}/link/{link}/set"

    def sync(self, token: str) -> str:
        """Return a topic that only this bridge uses, to mark a place in the stream."""
        return f"{self.responses}sync-{token}"

    def parse_command(self, topic: str) -> DeviceCommand | LinkCommand | None:
        """Return the command that `topic` addresses, or None."""
        prefix, _slash, name = topic.rpartition("/")
        if name == "set" and (command := self._addressed(prefix, None)):
            return command
        address, _slash, word = prefix.rpartition("/")
        if word == "set" and ID.fullmatch(name) and (command := self._addressed(address, name)):
            return command
        if link := self._addressed_link(topic):
            return link
        if ID.fullmatch(name) and (link := self._addressed_link(prefix)):
            return link._replace(id=name)
        return None

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

    def _addressed_link(self, address: str) -> LinkCommand | None:
        command = self._links.get(address)
        if command is None:
            command = self._split_link(address)
            if command is not None and len(self._links) < MAX_REMEMBERED:
                self._links[address] = command
        return command

    def _split_link(self, address: str) -> LinkCommand | None:
        """Return the command without its id; the last level of `address` may be a peer."""
        if not address.startswith(self.root + "/"):
            return None
        match address[len(self.root) + 1 :].split("/"):
            case [device, "link", link, "set" | "tx" as word] if is_name(device) and is_name(link):
                return LinkCommand(device, link, word)
            case [device, "link", link, "tx", last] if is_name(device) and is_name(link):
                peer = read_peer(last)
                return None if peer is None else LinkCommand(device, link, "tx", peer)
        return None

    def is_response(self, topic: str) -> bool:
        """Whether a client may ask for answers on `topic`."""
        return topic.startswith(self.responses) and not {"+", "#"} & set(topic)
