"""How a port is written in the configuration and on the command line."""

from __future__ import annotations

import difflib
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from chiplink import _core
from chiplink.exceptions import ConfigError
from chiplink.transport.spi import GAPLESS_SPEED, SPEED, SpiOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = {
    "serial": ("baud", "int"),
    "spi": ("speed", "mode", "int", "gap", "gapless"),
    "spi+unix": ("speed", "mode", "int", "gap", "gapless"),
    "sim": ("baud",),
}
"""Kinds of ports that can be opened, and the options of each."""

SPI_SCHEMES = ("spi", "spi+unix")
"""Those of which whole commands go, not bytes."""

MAX_URL = 4096
"""Characters."""

MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path."""

MAX_BAUD = 4_000_000
MODES = (0, 3)
"""SPI modes that the CH392 has (section 6.2)."""

NO_INTERRUPT = "none"
"""As `int=`: INT# is not wired, the chip is asked now and then."""

_DIGITS = re.compile(r"[0-9]{1,7}")
_GPIO = re.compile(r"(?:/dev/)?(gpiochip[0-9]{1,3}):([0-9]{1,4})")
_SPIDEV = re.compile(r"/dev/spidev[0-9.]+")
_NO_PORT = "is no port: write serial:///dev/…, a path or spi:///dev/…"


@dataclass(frozen=True, slots=True)
class PortUrl:
    """A port's kind, its path or name, and its options as they were written.

    `interrupt` is where INT# is, `gpiochip0:25` or the path of a simulator's socket, "" if it
    is not wired. `spi` is how an SPI bus is driven, and None for other kinds.
    """

    scheme: str
    path: str
    baud: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    interrupt: str = ""
    spi: SpiOptions | None = None

    @property
    def identity(self) -> str:
        """Equal for two spellings of one port."""
        return f"{self.scheme}:{self.path}"

    @property
    def is_spi(self) -> bool:
        """Whether whole commands go over it, not bytes."""
        return self.spi is not None


def parse_port(text: str) -> PortUrl:
    """Parse a port; raises ConfigError.

    `serial:///dev/ttyUSB0?baud=9600&int=gpiochip0:25`, a bare path, `sim://`,
    `spi:///dev/spidev0.0?speed=8000000&mode=0&int=gpiochip0:25&gap=2&gapless=1`, or
    `spi+unix:///path/to/socket?int=/path/to/socket.int`, a simulator's wire.
    """
    if len(text) > MAX_URL:
        raise ConfigError([f"{text[:40]!r}… is no port: it has {len(text)} characters"])
    if text.startswith("/"):
        text = f"serial://{text}"
    try:
        parts = urlsplit(text)
        given = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise ConfigError([f"{text!r} {_NO_PORT}"]) from None
    if parts.scheme not in OPTIONS:
        raise ConfigError([f"{text!r} {_NO_PORT}{_nearest(parts.scheme, tuple(OPTIONS), '://')}"])
    options = _options(given, parts.scheme)
    path = unquote(parts.netloc + parts.path)
    if path.startswith("/"):
        path = posixpath.normpath(path)
    if parts.scheme != "sim" and not path.startswith("/"):
        example = "/path" if parts.scheme == "spi+unix" else "/dev/…"
        raise ConfigError([f"{text!r} needs three slashes: {parts.scheme}://{example}"])
    if parts.scheme == "serial" and _SPIDEV.fullmatch(path):
        raise ConfigError([f"{path} is an SPI device: write spi://{path}"])
    if "\0" in path:
        raise ConfigError([f"{text!r} {_NO_PORT}"])
    return _port(parts.scheme, path, options)


def _port(scheme: str, path: str, options: dict[str, str]) -> PortUrl:
    interrupt = ""
    if scheme == "spi+unix":
        interrupt = f"{_check_socket(path)}.int"
    if "int" in options:
        interrupt = _interrupt(options["int"])
    return PortUrl(
        scheme,
        path,
        baud=_baud(options["baud"]) if "baud" in options else None,
        options=options,
        interrupt=_check_socket(interrupt),
        spi=_spi(options) if scheme in SPI_SCHEMES else None,
    )


def _options(given: list[tuple[str, str]], scheme: str) -> dict[str, str]:
    known = OPTIONS[scheme]
    options: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            hint = _nearest(name, known, "=")
            raise ConfigError([f"unknown port option {name!r}{hint}; known: {', '.join(known)}"])
        if name in options:
            raise ConfigError([f"the port option {name!r} is there twice"])
        options[name] = value
    return options


def _nearest(word: str, known: tuple[str, ...], behind: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}{behind}?" if near else ""


def _baud(text: str) -> int:
    return _number("baud", text, 1, MAX_BAUD, "rate", 9600)


def _number(name: str, text: str, least: int, most: int, what: str, example: int) -> int:
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise ConfigError([f"{name}={text!r} is no {what}; write {name}={example}"])
    return int(text)


def _spi(options: Mapping[str, str]) -> SpiOptions:
    gapless = options.get("gapless", "0")
    if gapless not in ("0", "1"):
        raise ConfigError([f"gapless={gapless!r}; write gapless=1 or leave it out"])
    if gapless == "1" and "gap" in options:
        raise ConfigError(["gap= and gapless=1 exclude each other"])
    most = _core.SPI_GAPLESS_MAX if gapless == "1" else _core.SPI_SPEED_MAX
    usual = GAPLESS_SPEED if gapless == "1" else SPEED
    mode = options.get("mode", "0")
    if mode not in map(str, MODES):
        raise ConfigError([f"mode={mode!r} is no mode of this chip's; write mode=0 or mode=3"])
    what = f"clock in Hz up to {most}"
    speed = _number("speed", options.get("speed", str(usual)), 1, most, what, usual)
    gap = None
    if "gap" in options:
        what = f"time in microseconds up to {_core.SPI_GAP_MAX}"
        gap = _number("gap", options["gap"], 0, _core.SPI_GAP_MAX, what, 2)
    return SpiOptions(speed=speed, mode=int(mode), gap=gap, gapless=gapless == "1")


def _interrupt(text: str) -> str:
    if text == NO_INTERRUPT:
        return ""
    if match := _GPIO.fullmatch(text):
        return f"{match[1]}:{int(match[2])}"
    if not text.startswith("/") or "\0" in text:
        raise ConfigError([f"int={text!r} is no line; write int=gpiochip0:25"])
    return posixpath.normpath(text)


def _check_socket(path: str) -> str:
    if len(path.encode(errors="replace")) > MAX_SOCKET_PATH:
        raise ConfigError([f"{path!r} is too long for a socket: {MAX_SOCKET_PATH} bytes at most"])
    return path
