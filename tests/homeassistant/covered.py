"""Fails when a module of the integration is tested less than it must be.

usage: python covered.py REPORT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FLOOR = 95.0
"""Per cent of lines and branches, more than which each module must reach."""

WHOLE = frozenset({"config_flow"})
"""Modules that are tested to the last line."""


def main(report: str) -> int:
    """Print what falls short; return how many modules do."""
    files = json.loads(Path(report).read_text("utf-8"))["files"]
    covered = {Path(name).stem: item["summary"]["percent_covered"] for name, item in files.items()}
    short = {
        name: share
        for name, share in covered.items()
        if share <= FLOOR or (name in WHOLE and share < 100)
    }
    for name, share in sorted(short.items()):
        sys.stderr.write(f"FAILED: {name} is covered to {share:.1f} % only\n")
    if not covered:
        sys.stderr.write("FAILED: nothing was measured\n")
    return len(short) or not covered


sys.exit(bool(main(sys.argv[1])))
