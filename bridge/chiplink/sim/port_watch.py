"""Noticing that the last program has closed a pseudo-terminal (inotify(7)).

A serial port forgets its exclusive use (TIOCEXCL) when the last program closes it. Ours
never is closed, because the simulator holds it open: it has to be told.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IN_CLOSE = 0x08 | 0x10
IN_OPEN = 0x20
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC
READ_SIZE = 4096

_EVENT = struct.Struct("iIII")


class PortWatch:
    """Calls `on_closed` whenever every program that opened `path` since has closed it."""

    def __init__(self, path: str, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self._open = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        if self._fd < 0:
            return  # no inotify left: exclusive use then lasts
        if libc.inotify_add_watch(self._fd, os.fsencode(path), IN_OPEN | IN_CLOSE) < 0:
            self.close()
            return
        asyncio.get_running_loop().add_reader(self._fd, self._on_readable)

    def close(self) -> None:
        """Watch no more."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        at = 0
        while at + _EVENT.size <= len(data):
            _watch, mask, _cookie, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            self._count(mask)

    def _count(self, mask: int) -> None:
        if mask & IN_OPEN:
            self._open += 1
        elif mask & IN_CLOSE and self._open:
            self._open -= 1
            if not self._open:
                self._on_closed()
