"""Configurations of older versions: each step turns one version's tables into the next one's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from chiplink.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tables = dict[str, Any]
    Step = Callable[[Tables, list[str]], Tables]

VERSION = 1
"""The version that this program reads: a file's `version`, 1 where it says none."""

_SHOWN = 1000
"""Versions below are shown: a number of thousands of digits cannot be."""

STEPS: Mapping[int, Step] = {}
"""For each older version, the step to the next; a step may add lines to the problems."""


def migrate(
    tables: Tables,
    problems: list[str],
    *,
    steps: Mapping[int, Step] = STEPS,
    newest: int = VERSION,
) -> Tables:
    """Return a copy of `tables` as the newest version has them, without `version`.

    A version that is none, or newer than this program knows, is one line in `problems`. Raises
    ConfigError for tables within tables beyond all measure.
    """
    try:
        tables = copy.deepcopy(tables)
    except RecursionError:
        raise ConfigError(["the tables are nested too deeply"]) from None
    version = tables.pop("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problems.append(f"version: this is none; write version = {newest}, or leave it out")
        return tables
    if version > newest:
        shown = version if version < _SHOWN else "it"
        problems.append(
            f"version: {shown} is newer than this chiplink reads ({newest}); update chiplink"
        )
        return tables
    for number in range(version, newest):
        tables = steps[number](tables, problems)
    return tables
