"""The folder for what survives a restart, and the files with secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chiplink.doctor.finding import Finding, fail, ok, warn
from chiplink.doctor.identity import SEARCH, WRITE
from chiplink.doctor.tables_file import table_of

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

LITTLE = 50 * 1024 * 1024
NOTHING = 1024 * 1024
"""Bytes that are left."""

_FILES = ("password_file", "ca_file", "cert_file", "key_file")


def check_state(context: Context) -> list[Finding]:
    """Look at the state folder's disk and permissions."""
    folder = context.state_folder
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free = free_bytes(place)
    shown = f"{folder}: {free // (1024 * 1024)} MiB are free"
    fix = "make room on the disk: journalctl --vacuum-size=100M; sudo apt clean"
    if not context.daemon.may(place, WRITE | SEARCH):
        user = context.daemon.name
        return [fail(f"{folder}: {user} may not write here", f"sudo install -d -o {user} {folder}")]
    if free < NOTHING:
        return [fail(shown, fix)]
    return [warn(shown, fix) if free < LITTLE else ok(shown)]


def free_bytes(folder: Path) -> int:
    """Return how much the disk of a folder still takes from who is not root."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_secrets(context: Context) -> list[Finding]:
    """Look whether the bridge's user can read every file that the configuration names."""
    files = _files(context.tables)
    found = [finding for key, path in files for finding in _look(context, key, path)]
    return found or ([ok(f"{context.daemon.name} can read every file named")] if files else [])


def _files(tables: dict[str, Any]) -> list[tuple[str, Path]]:
    mqtt = table_of(tables, "mqtt")
    named = [(f"mqtt.{key}", mqtt.get(key)) for key in _FILES]
    named += [
        (f"secrets.{name}", secret.get("file"))
        for name, secret in table_of(tables, "secrets").items()
        if isinstance(secret, dict)
    ]
    return [(key, Path(path)) for key, path in named if isinstance(path, str) and _is_ours(path)]


def _is_ours(path: str) -> bool:
    """Whether a file is there without the service running: systemd's credentials are not."""
    return "\0" not in path and not path.startswith("/run/credentials/")


def _look(context: Context, key: str, path: Path) -> list[Finding]:
    user = context.daemon.name
    try:
        if context.daemon.may_read(path):
            return []
    except PermissionError:
        return [warn(f"{key}: {path} cannot be looked at from here", "sudo chiplink doctor")]
    except OSError as error:
        return [fail(f"{key}: {path}: {error.strerror}", f"write {path}, or correct {key}")]
    return [fail(f"{key}: {user} cannot read {path}", f"sudo chown {user} {path}")]
