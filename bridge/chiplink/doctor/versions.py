"""Python and the packages, against what the package itself asks for."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from typing import TYPE_CHECKING

from chiplink import __version__
from chiplink.doctor.finding import Finding, fail, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chiplink.doctor.context import Context

OLDEST_PYTHON = (3, 11)

_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*>=\s*([0-9.]+)$")


def check(_context: Context) -> list[Finding]:
    """Look at Python and at every package that is needed."""
    return [look_at_python(sys.version_info[:3]), *look_at_packages(required())]


def required() -> list[str]:
    """Return the packages that chiplink needs, as its metadata has them."""
    try:
        wanted = importlib.metadata.requires("chiplink") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [one for one in wanted if "extra ==" not in one]


def look_at_python(version: Sequence[int]) -> Finding:
    """Compare Python's version with the oldest that will do."""
    shown = ".".join(str(part) for part in version)
    if tuple(version) < OLDEST_PYTHON:
        return fail(f"Python {shown} is too old", "install Python 3.11 or later")
    return ok(f"chiplink {__version__} on Python {shown}")


def look_at_packages(
    wanted: Sequence[str], installed: Callable[[str], str] = importlib.metadata.version
) -> list[Finding]:
    """Compare what is installed with what is wanted; one line if all is well."""
    findings: list[Finding] = []
    good: list[str] = []
    for requirement in wanted:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            continue
        name, least = match.groups()
        fix = f"{sys.executable} -m pip install '{name}>={least}'"
        try:
            version = installed(name)
        except importlib.metadata.PackageNotFoundError:
            findings.append(fail(f"{name} is not installed", fix))
            continue
        if _numbers(version) < _numbers(least):
            findings.append(fail(f"{name} {version} is older than {least}", fix))
        else:
            good.append(f"{name} {version}")
    return [*findings, *([ok(", ".join(good))] if good else [])]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])
