"""The configuration file as tables, whatever is wrong with what they say."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from chiplink.exceptions import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE = 1024 * 1024
"""Bytes."""


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of the file; raises ConfigError if it cannot be read or is no TOML."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(text) > MAX_FILE:
        raise ConfigError([f"{path}: larger than {MAX_FILE} bytes"])
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from None


def table_of(tables: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a table of the file, an empty one if it is none."""
    table = tables.get(name)
    return table if isinstance(table, dict) else {}
