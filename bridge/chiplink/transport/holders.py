"""Who has a port open, as far as /proc tells; a lock (flock, TIOCEXCL) cannot be seen there."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROC = Path("/proc")

MAX_NAME = 40
"""Characters of a program's name that are shown: a program chooses its name itself."""

_READ = 4096
_TTY_FIELD = 4
"""Of /proc/PID/stat, counted behind the name: the number of the controlling terminal."""

_CONSOLES = frozenset({"agetty", "getty", "mgetty", "login"})
_MANAGER = "ModemManager"
_MASTERS = frozenset({"/dev/ptmx", "/dev/pts/ptmx"})
_PTS = "/dev/pts/"


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a port open; `unit` is the systemd unit it runs in."""

    pid: int
    program: str
    unit: str = ""

    @property
    def is_console(self) -> bool:
        """Whether it is a login console on the port."""
        return self.program in _CONSOLES

    def __str__(self) -> str:
        """Return program and pid, as a message names them."""
        return f"{self.program} (pid {self.pid})"


class Scan(NamedTuple):
    """The holders of each device, and how many processes would not be looked into."""

    holders: Mapping[str, tuple[Holder, ...]]
    hidden: int


def scan(devices: Iterable[str], proc: Path = PROC) -> Scan:
    """Find who holds the devices, given by path; a program of this process does not count.

    The process at the other end of a pseudo-terminal keeps it open too and does not count.
    """
    real = {device: os.path.realpath(device) for device in devices}
    wanted = {path: _number(path) for path in real.values()}
    found: dict[str, list[Holder]] = {path: [] for path in wanted}
    hidden = 0
    for entry in _processes(proc):
        held = _open_of(entry, wanted)
        hidden += held is None
        for path in _controlled(entry, wanted) | (held or set()):
            found[path].append(_holder(entry, path))
    return Scan({device: tuple(found[path]) for device, path in real.items()}, hidden)


def holders_of(device: str, proc: Path = PROC) -> tuple[Holder, ...]:
    """Find who holds one device."""
    return scan([device], proc).holders[device]


def modem_manager(proc: Path = PROC) -> Holder | None:
    """Return ModemManager if it runs: only root sees which ports it holds."""
    for entry in _processes(proc):
        if _first_line(entry / "comm") == _MANAGER:
            return Holder(_pid(entry), _MANAGER)
    return None


def explain_holder(device: str, holder: Holder) -> str:
    """Return who holds the device and the way out, in one line."""
    if holder.is_console:
        unit = holder.unit or f"serial-getty@{Path(os.path.realpath(device)).name}"
        return f"held by a login console ({unit}): sudo systemctl disable --now {unit}"
    if holder.program == _MANAGER:
        return f"held by {holder}; stop it or mark the port with ID_MM_PORT_IGNORE"
    return f"held by another program, {holder}; stop it first"


def _processes(proc: Path) -> list[Path]:
    own = str(os.getpid())
    try:
        entries = [entry for entry in proc.iterdir() if entry.name.isdecimal()]
    except OSError:
        return []
    return sorted((entry for entry in entries if entry.name != own), key=_pid)


def _pid(entry: Path) -> int:
    return int(entry.name)


def _open_of(entry: Path, wanted: Mapping[str, int]) -> set[str] | None:
    """Return which of the devices a process has open, None if it may not be looked into."""
    counts: Counter[str] = Counter()
    try:
        descriptors = list((entry / "fd").iterdir())
    except FileNotFoundError:
        return set()
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            path = str(descriptor.readlink())
        except OSError:
            continue
        if path in wanted:
            counts[path] += 1
        elif path in _MASTERS:
            counts[_PTS + _master_of(entry, descriptor.name)] -= 1
    return {path for path, count in counts.items() if count > 0}


def _master_of(entry: Path, name: str) -> str:
    """Return the number of the pseudo-terminal whose other end a descriptor is."""
    for line in _text(entry / "fdinfo" / name).splitlines():
        key, _colon, value = line.partition(":")
        if key == "tty-index":
            return value.strip()
    return ""


def _controlled(entry: Path, wanted: Mapping[str, int]) -> set[str]:
    """Return the device on which a process is a login console: readable without root."""
    if _first_line(entry / "comm") not in _CONSOLES:
        return set()
    fields = _text(entry / "stat").rpartition(")")[2].split()
    terminal = int(fields[_TTY_FIELD]) if len(fields) > _TTY_FIELD else 0
    return {path for path, number in wanted.items() if terminal and number == terminal}


def _holder(entry: Path, path: str) -> Holder:
    program = _program(entry)
    unit = _unit(entry)
    if program in _CONSOLES and not unit.startswith("serial-getty@"):
        unit = f"serial-getty@{Path(path).name}"
    return Holder(_pid(entry), program, unit)


def _program(entry: Path) -> str:
    """Return a name a person knows: for a script, the script's and not the interpreter's."""
    name = _first_line(entry / "comm") or "a program without a name"
    if name.startswith("python"):
        script = Path(_script(_text(entry / "cmdline").split("\0")[1:])).name
        name = script if script and not script.startswith("-") else name
    shown = "".join(letter if letter.isprintable() else "�" for letter in name)
    return shown[:MAX_NAME]


def _script(arguments: list[str]) -> str:
    """Return what an interpreter runs: the first argument behind its own options."""
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-W", "-X"):
            next(rest, "")
        elif argument == "-c":
            return ""
        elif argument == "-m" or not argument.startswith("-"):
            return next(rest, "") if argument == "-m" else argument
    return ""


def _unit(entry: Path) -> str:
    for line in _text(entry / "cgroup").splitlines():
        name = line.rpartition("/")[2]
        if name.endswith(".service") and name.isprintable():
            return name.removesuffix(".service")
    return ""


def _first_line(path: Path) -> str:
    return _text(path).partition("\n")[0]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_READ).decode(errors="replace")
    except OSError:
        return ""


def _number(path: str) -> int:
    """Return a device's number as /proc/PID/stat counts it, 0 if there is no such device."""
    try:
        return Path(path).stat().st_rdev
    except OSError:
        return 0
