"""`chiplink demo`: everything at work on simulated chips."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from chiplink.demo.screen import Screen
from chiplink.demo.stage import Stage
from chiplink.demo.tour import run_tour

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`."""
    parser.add_argument("--once", action="store_true", help="run the tour and exit; 0 if all held")
    parser.add_argument("--broker", metavar="URL", help="use this broker on this host")


def run(options: argparse.Namespace) -> int:
    """Play until Ctrl-C, or the tour once."""
    return asyncio.run(_play(once=options.once, url=options.broker))


async def _play(*, once: bool, url: str | None) -> int:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        async with Stage(url) as stage:
            if once:
                return 0 if await run_tour(stage) else 1
            await Screen(stage).show()
    except asyncio.CancelledError:
        return 1 if once else 0
    return 0
