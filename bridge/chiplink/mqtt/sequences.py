"""The numbers of streams: each message of a topic has its own, and they rise."""

from __future__ import annotations

from collections import Counter, OrderedDict

MAX_PEERS = 1024
"""Streams of peers that are remembered; peers come and go, and anybody can be one."""


class Sequences:
    """Counts every stream from 1, one after another.

    A forgotten peer's stream goes on above every number that was forgotten, so that no
    number of a topic ever comes twice; so do streams of peers that are new by then.
    """

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()
        self._peers: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0

    def next(self, topic: str) -> int:
        """Return the next number of a stream that the configuration knows."""
        self._streams[topic] += 1
        return self._streams[topic]

    def next_of_peer(self, topic: str) -> int:
        """Return the next number of a stream that may be forgotten when it is silent."""
        number = self._peers.pop(topic, self._forgotten) + 1
        self._peers[topic] = number
        if len(self._peers) > MAX_PEERS:
            _topic, last = self._peers.popitem(last=False)
            self._forgotten = max(self._forgotten, last)
        return number
