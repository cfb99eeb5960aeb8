"""How a port is written in the configuration and on the command line."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from chiplink.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES = ("serial", "sim")
"""Kinds of ports that can be opened."""

MAX_BAUD = 4_000_000
_DIGITS = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class PortUrl:
    """A port's kind, its path or name, and its options."""

    scheme: str
    path: str
    baud: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Equal for two spellings of one port."""
        return f"{self.scheme}:{self.path}"


def parse_port(text: str) -> PortUrl:
    """Parse `serial:///dev/ttyUSB0?baud=9600`, a bare path, or `sim://`; raises ConfigError."""
    if text.startswith("/"):
        text = f"serial://{text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ConfigError([f"{text!r} is no port: write serial:///dev/… or a path"]) from None
    if parts.scheme not in SCHEMES:
        raise ConfigError([f"{text!r} is no port: write serial:///dev/… or a path"])
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    baud = _baud(options.pop("baud", None))
    if options:
        raise ConfigError([f"unknown port option {next(iter(options))!r}; known: baud"])
    path = unquote(parts.netloc + parts.path)
    if path.startswith("/"):
        path = posixpath.normpath(path)
    if parts.scheme == "serial" and not path.startswith("/"):
        raise ConfigError([f"{text!r} needs three slashes: serial:///dev/…"])
    return PortUrl(parts.scheme, path, baud)


def _baud(text: str | None) -> int | None:
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or not 0 < int(text) <= MAX_BAUD:
        raise ConfigError([f"baud={text!r} is no rate; write baud=9600"])
    return int(text)
