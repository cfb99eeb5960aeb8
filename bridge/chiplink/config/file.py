"""From a file to its tables."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.config.whole import check_config
from chiplink.exceptions import ConfigError

if TYPE_CHECKING:
    from chiplink.config.whole import Config

MAX_FILE = 1024 * 1024
"""Bytes of a configuration file."""

DEFAULT_PATH = Path("/etc/chiplink/chiplink.toml")


def load_config(path: Path) -> Config:
    """Read `path`; raises ConfigError with every mistake."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(text) > MAX_FILE:
        raise ConfigError([f"{path}: larger than {MAX_FILE} bytes"])
    try:
        tables = tomllib.loads(text.decode())
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    return check_config(tables)
