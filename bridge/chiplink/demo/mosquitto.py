"""Finding mosquitto, or bringing it along from Debian's packages without touching the system.

Debian's package would install a service that takes port 1883 at boot; unpacked beside
the Python environment it does nothing until it is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from chiplink.exceptions import BrokerError

FETCH_DEADLINE = 300
"""Seconds for apt to download a few megabytes."""

_PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")
_HELP = "install mosquitto: sudo apt install mosquitto"


@dataclass(frozen=True, slots=True)
class Program:
    """A mosquitto that can be run with this environment."""

    path: str
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))


def find() -> Program | None:
    """Return the mosquitto that is installed, else the one that was brought along."""
    installed = shutil.which("mosquitto") or next(
        (place for place in _PLACES if os.access(place, os.X_OK)), None
    )
    if installed is not None:
        return Program(installed)
    brought = _folder() / "usr/sbin/mosquitto"
    if not os.access(brought, os.X_OK):
        return None
    libraries = sorted({str(path.parent) for path in _folder().glob("usr/lib/**/*.so*")})
    return Program(str(brought), {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries)})


def find_or_fetch() -> Program:
    """Return a mosquitto, fetched first if there is none; raises BrokerError with the way out."""
    program = find()
    if program is None:
        print("bringing mosquitto along …", file=sys.stderr, flush=True)
        _fetch()
        program = find()
    if program is None:
        raise BrokerError(f"there is no mosquitto; {_HELP}")
    return program


def _folder() -> Path:
    return Path(sys.prefix) / "mosquitto"


def _fetch() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise BrokerError(f"there is no mosquitto, and no apt to bring it along; {_HELP}")
    with tempfile.TemporaryDirectory(prefix="chiplink-apt-") as name:
        work = Path(name)
        try:
            _download([], work)
        except subprocess.SubprocessError:
            _download(_own_lists(work), work)
        _unpack(work)


def _own_lists(work: Path) -> list[str]:
    """Return options that keep apt's lists in `work`: a new machine has none, and no root."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
    try:
        _run(["apt-get", *options, "-qq", "update"], work)
    except subprocess.SubprocessError as error:
        raise BrokerError(f"apt cannot read Debian's package lists; {_HELP}") from error
    return options


def _download(options: list[str], work: Path) -> None:
    """Download mosquitto and those of its dependencies that are not installed."""
    plan = _run(
        ["apt-get", *options, "-s", "--no-install-recommends", "install", "mosquitto"], work
    )
    packages = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if not packages:
        raise subprocess.SubprocessError("apt plans nothing")
    _run(["apt-get", *options, "-q", "download", *packages], work)


def _unpack(work: Path) -> None:
    staging = Path(tempfile.mkdtemp(prefix="mosquitto-", dir=sys.prefix))
    try:
        for package in work.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(package), str(staging)], work)
        shutil.rmtree(_folder(), ignore_errors=True)
        staging.rename(_folder())
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise BrokerError(f"mosquitto could not be unpacked; {_HELP}") from error


def _run(command: list[str], work: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(  # noqa: S603 - fixed commands, no shell
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=FETCH_DEADLINE,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    print(find_or_fetch().path)
