"""`chiplink describe`: a chip's rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chiplink.catalog import CHIPS
from chiplink.exceptions import UsageError
from chiplink.mqtt.descriptor import row_fields
from chiplink.tables import nearest

if TYPE_CHECKING:
    import argparse

    from chiplink.catalog import Chip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `describe`."""
    parser.add_argument("chip", metavar="CHIP", help=", ".join(CHIPS))
    parser.add_argument("--json", action="store_true", help="as JSON, the descriptor's form")


def run(options: argparse.Namespace) -> int:
    """Print the rows."""
    chip = CHIPS.get(options.chip)
    if chip is None:
        raise UsageError(f"unknown chip {options.chip!r}{nearest(options.chip, list(CHIPS))}")
    rows = [row_fields(row) for row in chip.rows]
    if options.json:
        print(json.dumps({"chip": chip.id, "model": chip.title, "rows": rows}, indent=2))
    else:
        _print_table(chip)
    return 0


def _print_table(chip: Chip) -> None:
    print(f"{chip.title}, {chip.manufacturer}")
    for row in chip.rows:
        bounds = f" {row.min or 0:g}..{row.max:g}" if row.max is not None else ""
        words = "|".join(row.options or row.event_types or ())
        form = f"{row.type}{bounds} {words}".rstrip()
        print(f"  {row.key:12} {row.kind:8} {form:24}  {row.name}")
