"""`chiplink run`: the daemon."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.config import DEFAULT_PATH, load_config
from chiplink.daemon import check_bridge, run_daemon

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=Path(os.environ.get("CHIPLINK_CONFIG", DEFAULT_PATH)),
        metavar="FILE",
        help="configuration file (default: %(default)s; CHIPLINK_CONFIG sets it)",
    )
    parser.add_argument("--check", action="store_true", help="only check the configuration")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more")


def run(options: argparse.Namespace) -> int:
    """Check the configuration, then run until SIGTERM or SIGINT."""
    config = load_config(options.config)
    check_bridge(config)
    if options.check:
        print(f"{options.config}: good; {len(config.devices)} device(s)")
        return 0
    asyncio.run(run_daemon(options.config, config, verbose=options.verbose))
    return 0
