"""`chiplink doctor`: what keeps it from working, and the line that fixes it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.cli.printable import printable
from chiplink.config import DEFAULT_PATH
from chiplink.doctor.checks import examine
from chiplink.doctor.context import make_context
from chiplink.doctor.finding import Level

if TYPE_CHECKING:
    import argparse

    from chiplink.doctor.context import Context
    from chiplink.doctor.finding import Finding

MAX_TEXT = 400
"""Characters of a line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    parser.epilog = "Nothing is changed and no port is opened. As root it sees more."
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=Path(os.environ.get("CHIPLINK_CONFIG", DEFAULT_PATH)),
        metavar="FILE",
        help="configuration file (default: %(default)s; CHIPLINK_CONFIG sets it)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what each check finds; 1 if anything fails, 2 if the configuration is wrong."""
    return examine_all(make_context(options.config), as_json=options.json)


def examine_all(context: Context, *, as_json: bool) -> int:
    """Print every finding and return the exit code."""
    rows = []
    failed = False
    for check, finding in examine(context):
        failed |= finding.level is Level.FAIL
        if as_json:
            rows.append({"check": check.name, **finding._asdict()})
        else:
            _print(check.name, finding)
    if as_json:
        print(json.dumps({"findings": rows}, indent=2))
    return 2 if context.problems else int(failed)


def _print(name: str, finding: Finding) -> None:
    print(f"{finding.level:4}  {name}: {printable(finding.text, MAX_TEXT)}", flush=True)
    if finding.fix:
        print(f"      fix: {printable(finding.fix, MAX_TEXT)}", flush=True)
