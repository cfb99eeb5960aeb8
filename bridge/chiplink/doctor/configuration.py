"""The configuration file: there, readable, valid, and nobody else's to change."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

_DENIED = "Permission denied"
_CREDENTIALS = "/run/credentials/"


def check(context: Context) -> list[Finding]:
    """Tell every mistake, then who may change the file."""
    return [*_content(context), *_permissions(context)]


def _content(context: Context) -> list[Finding]:
    if context.problems:
        return [fail(problem, _fix(context, problem)) for problem in context.problems]
    count = len(context.places)
    return [ok(f"{context.config_path}: good; {count} device{'' if count == 1 else 's'}")]


def _fix(context: Context, problem: str) -> str:
    path = context.config_path
    if _CREDENTIALS in problem:
        return "systemd makes it for the service alone; ask as root while the service runs"
    if _DENIED in problem:
        return f"ask as the bridge's user: sudo -u {context.daemon.name} chiplink doctor -c {path}"
    if problem.startswith(f"{path}: cannot be read"):
        return f"write {path}, or name yours: chiplink doctor -c FILE"
    _text, semicolon, advice = problem.partition("; ")
    return advice if semicolon else f"edit {path}; SPEC.md has every key"


def _permissions(context: Context) -> list[Finding]:
    path = context.config_path
    try:
        mode = path.stat().st_mode
    except OSError:
        return []
    findings = []
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        findings.append(
            warn(f"{path}: others may change it, and with it what is typed", f"chmod go-w {path}")
        )
    if not _readable(context):
        user = context.daemon.name
        findings.append(
            fail(f"{path}: the bridge's user {user} cannot read it", f"sudo chown {user} {path}")
        )
    return findings


def _readable(context: Context) -> bool:
    try:
        return context.daemon.may_read(context.config_path)
    except OSError:
        return True  # it was said already that it cannot be read
