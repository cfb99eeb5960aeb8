from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from chiplink.sim.port_watch import PortWatch

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE = 10.0


async def test_only_the_last_close_counts(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.touch()
    closed: asyncio.Queue[int] = asyncio.Queue()
    open_now = 0
    watch = PortWatch(str(path), lambda: closed.put_nowait(open_now))
    try:
        first = os.open(path, os.O_RDWR)
        second = os.open(path, os.O_RDONLY)
        open_now = 2
        os.close(first)
        open_now = 1
        os.close(second)
        open_now = 0
        async with asyncio.timeout(DEADLINE):
            assert await closed.get() == 0
        assert closed.empty()
        third = os.open(path, os.O_RDONLY)
        os.close(third)
        async with asyncio.timeout(DEADLINE):
            await closed.get()
    finally:
        watch.close()


async def test_a_path_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    watch = PortWatch(str(tmp_path / "nothing"), lambda: None)
    watch.close()
    watch.close()
