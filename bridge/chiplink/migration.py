"""Configurations of older versions: each step turns one version's tables into the next one's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tables = dict[str, Any]
    Step = Callable[[Tables, list[str]], Tables]

VERSION = 1
"""The version that this program reads: a file's `version`, 1 where it says none."""

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

    A version that is none, or newer than this program knows, is one line in `problems`.
    """
    tables = copy.deepcopy(tables)
    version = tables.pop("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problems.append(f"version: this is none; write version = {newest}, or leave it out")
        return tables
    if version > newest:
        problems.append(
            f"version: {version} is newer than this chiplink reads ({newest}); update chiplink"
        )
        return tables
    for number in range(version, newest):
        tables = steps[number](tables, problems)
    return tables
