"""What the checks look at; all of it can be replaced, so that each finding can be provoked."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import chiplink
from chiplink.config import check_config
from chiplink.doctor import identity, service
from chiplink.doctor.tables_file import read_tables, table_of
from chiplink.exceptions import ConfigError
from chiplink.state import default_folder
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.config import Config
    from chiplink.doctor.identity import Identity

RUN_DEADLINE = 5.0
"""Seconds that a command may take."""

LISTEN = 2.0
"""Seconds to listen for Home Assistant's birth."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device of the configuration and where its chip is."""

    device: str
    chip: str
    scheme: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where it stands in the configuration."""
        return f"device.{self.device}.port"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a visit to the broker brought: payloads of retained topics, and what came live."""

    retained: Mapping[str, bytes]
    live: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Context:
    """The host and the configuration; `root` is where /dev, /proc, /sys, /etc and /run are.

    `config` is None where the configuration is wrong; `problems` then say why. `built` is
    when this program was installed: no right clock is earlier. `heard` is what the broker
    told, once it was asked. `has_gpiod` is whether INT# can be watched.
    """

    config_path: Path
    tables: dict[str, Any] = field(default_factory=dict)
    config: Config | None = None
    problems: list[str] = field(default_factory=list)
    root: Path = Path("/")
    now: Callable[[], float] = time.time
    run: Callable[[list[str]], str | None] = field(default_factory=lambda: run_command)
    daemon: Identity = field(default_factory=identity.current)
    group_name: Callable[[int], str] = identity.group_name
    state_folder: Path = field(default_factory=default_folder)
    built: float = field(default_factory=lambda: Path(chiplink.__file__).stat().st_mtime)
    listen: float = LISTEN
    heard: Heard | None = None
    has_gpiod: bool = field(default_factory=lambda: importlib.util.find_spec("gpiod") is not None)

    def at(self, path: str) -> Path:
        """Return where a path of the host is."""
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str:
        """Return a small file's text, an empty one if it cannot be read."""
        try:
            with self.at(path).open("rb") as file:
                return file.read(65_536).decode(errors="replace")
        except OSError:
            return ""

    def shown(self, path: Path) -> str:
        """Return a path as the host has it."""
        return str(Path("/") / path.relative_to(self.root))

    def real(self, path: str) -> str:
        """Return the path behind links, as the host has it."""
        resolved, root = Path(os.path.realpath(self.at(path))), Path(os.path.realpath(self.root))
        return str(Path("/") / resolved.relative_to(root)) if root in resolved.parents else path

    @property
    def is_pi(self) -> bool:
        """Whether the host is a Raspberry Pi."""
        return "Raspberry Pi" in self.text("/proc/device-tree/model")

    @property
    def places(self) -> list[Place]:
        """Where the devices are, as far as the configuration can be understood."""
        return [
            _place(name, table)
            for name, table in table_of(self.tables, "device").items()
            if isinstance(table, dict) and isinstance(table.get("port"), str)
        ]

    @property
    def serial_places(self) -> list[Place]:
        """Devices on serial ports."""
        return [place for place in self.places if place.scheme == "serial"]


def make_context(config_path: Path) -> Context:
    """Return this host and the configuration at `config_path`."""
    context = Context(config_path=config_path)
    read_configuration(context)
    context.daemon = service.user(context.run, context.daemon)
    context.state_folder = service.state_folder(context.run) or context.state_folder
    return context


def read_configuration(context: Context) -> None:
    """Fill in what the configuration file says, and what is wrong with it."""
    try:
        context.tables = read_tables(context.config_path)
        context.config = check_config(context.tables)
    except ConfigError as error:
        context.problems = error.problems


def run_command(command: list[str]) -> str | None:
    """Return what a command prints; None if it is not there, fails or takes long."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, no shell
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_DEADLINE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout


def _place(name: str, table: dict[str, Any]) -> Place:
    text, chip = table["port"], str(table.get("chip", ""))
    try:
        port = parse_port(text)
    except ConfigError:
        return _foreign_place(name, chip, text)
    return Place(name, chip, port.scheme, port.path, port.options)


def _foreign_place(name: str, chip: str, text: str) -> Place:
    try:
        parts = urlsplit(text)
    except ValueError:
        return Place(name, chip, "", "")
    return Place(name, chip, parts.scheme, parts.path, dict(parse_qsl(parts.query)))
