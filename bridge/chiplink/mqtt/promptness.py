"""Keeping TCP from waiting: small packets go out at once, in both directions.

Brokers leave Nagle's algorithm on: what they send next waits until we have acknowledged
what they sent before, and we would take our time with that (40 ms on Linux).
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

_QUICK = getattr(socket, "TCP_QUICKACK", None)


class Promptness:
    """Holds a second handle on the socket, whatever TLS or WebSocket stands on it."""

    def __init__(self, line: SocketLike) -> None:
        self._socket = socket.socket(fileno=os.dup(line.fileno()))
        self._set(socket.TCP_NODELAY)

    def acknowledge(self) -> None:
        """Acknowledge at once what was read; to be said after each read."""
        if _QUICK is not None:
            self._set(_QUICK)

    def close(self) -> None:
        """Let go of the handle."""
        self._socket.close()

    def _set(self, option: int) -> None:
        with contextlib.suppress(OSError):  # the connection is gone, or is none of TCP
            self._socket.setsockopt(socket.IPPROTO_TCP, option, 1)
