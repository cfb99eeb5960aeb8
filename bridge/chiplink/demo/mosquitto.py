"""Finding mosquitto and its clients, or bringing them along without touching the system.

Debian's package would install a service that takes port 1883 at boot; unpacked beside
the Python environment it does nothing until it is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chiplink.exceptions import BrokerError

FETCH_DEADLINE = 300
"""Seconds for apt to download a few megabytes."""

PROGRAMS = ("mosquitto", "mosquitto_pub", "mosquitto_sub")
"""The broker, and the clients that people try it with."""

_PACKAGES = ("mosquitto", "mosquitto-clients")
_PLACES = ("/usr/sbin", "/usr/local/sbin")
_HELP = "install it: sudo apt install mosquitto mosquitto-clients"


_WRAPPER = """#!/bin/sh
LD_LIBRARY_PATH='{libraries}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec '{program}' "$@"
"""


def find(name: str) -> str | None:
    """Return the path of `name` as installed, else as brought along, else None."""
    places = (*_PLACES, f"{sys.prefix}/bin")
    found = (f"{place}/{name}" for place in places if os.access(f"{place}/{name}", os.X_OK))
    return shutil.which(name) or next(found, None)


def find_or_fetch() -> str:
    """Return mosquitto's path, fetched first if there is none; raises BrokerError."""
    if any(find(name) is None for name in PROGRAMS):
        print("bringing mosquitto along …", file=sys.stderr, flush=True)
        _fetch()
    program = find("mosquitto")
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
    """Download the packages and those of their dependencies that are not installed."""
    install = ["-s", "--no-install-recommends", "install", *_PACKAGES]
    plan = _run(["apt-get", *options, *install], work)
    planned = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    packages = sorted({*planned, *_PACKAGES})
    _run(["apt-get", *options, "-q", "download", *packages], work)


def _unpack(work: Path) -> None:
    staging = Path(tempfile.mkdtemp(prefix="mosquitto-", dir=sys.prefix))
    try:
        for package in work.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(package), str(staging)], work)
        shutil.rmtree(_folder(), ignore_errors=True)
        staging.rename(_folder())
        _wrap()
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise BrokerError(f"mosquitto could not be unpacked; {_HELP}") from error


def _wrap() -> None:
    """Put scripts beside this Python that start the unpacked programs with their libraries."""
    folders = {str(path.parent) for path in _folder().glob("usr/lib/**/*.so*")}
    for name in PROGRAMS:
        program = next(_folder().glob(f"usr/*bin/{name}"))
        script = Path(sys.prefix) / "bin" / name
        script.write_text(_WRAPPER.format(libraries=":".join(sorted(folders)), program=program))
        script.chmod(0o755)


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
    print(find_or_fetch())
