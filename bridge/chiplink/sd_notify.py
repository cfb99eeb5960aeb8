"""Telling systemd how the daemon is (sd_notify(3)); nothing happens where nobody listens."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STATUS = 200
"""Characters of a status line."""

SEND_DEADLINE = 0.2
"""Seconds that a full queue of the receiver may hold the caller up."""

MAX_WATCHDOG = 24 * 3600 * 1_000_000
"""Microseconds; a longer watchdog counts as this one."""


class Notifier:
    """What systemd asked for in `environment`, and the words for it.

    Each method returns whether the message was handed over; none raises.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = _address(given.get("NOTIFY_SOCKET", ""))
        self.interval: float | None = None
        """Seconds between calls of `watchdog`: half of what systemd allows; None: no watchdog."""
        if self._address is not None:
            self.interval = _interval(given)

    def ready(self) -> bool:
        """Say that the start, or a reload, is over."""
        return self._send("READY=1")

    def status(self, text: str) -> bool:
        """Say in a line how it is; `systemctl status` shows it."""
        printable = "".join(sign if sign.isprintable() else " " for sign in text)
        return self._send(f"STATUS={' '.join(printable.split())[:MAX_STATUS]}")

    def watchdog(self) -> bool:
        """Say that the loop turns; to be called every `interval` seconds."""
        return self._send("WATCHDOG=1")

    def reloading(self) -> bool:
        """Say that the configuration is read again; `ready` must follow."""
        return self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> bool:
        """Say that the end has begun."""
        return self._send("STOPPING=1")

    def _send(self, message: str) -> bool:
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_DEADLINE)
                sender.sendto(message.encode(errors="replace"), self._address)
        except OSError:
            return False
        return True


def _address(given: str) -> str | None:
    """Return where to send: a path, or a name of the abstract namespace; None for neither."""
    if given.startswith("@") and len(given) > 1:
        return "\0" + given[1:]
    return given if given.startswith("/") else None


def _interval(given: Mapping[str, str]) -> float | None:
    owner, limit = given.get("WATCHDOG_PID", ""), given.get("WATCHDOG_USEC", "")
    if owner and owner != str(os.getpid()):
        return None
    if not (limit.isascii() and limit.isdecimal()) or len(limit) > len("18446744073709551615"):
        return None
    return min(int(limit), MAX_WATCHDOG) / 2 / 1_000_000 or None
