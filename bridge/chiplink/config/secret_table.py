"""`[secrets]`: what can be typed by name."""

from __future__ import annotations

from typing import Any

import msgspec

from chiplink.config.names import check_name
from chiplink.secret_files import read_secret
from chiplink.tables import key_path, read_table

MAX_SECRETS = 64
"""Secrets of a node."""


class SecretTable(msgspec.Struct, frozen=True):
    """One of `[secrets]`."""

    file: str | None = None
    env: str | None = None


def read_secrets(table: Any, problems: list[str]) -> dict[str, str]:
    """Return the secrets by name."""
    secrets: dict[str, str] = {}
    if not isinstance(table, dict):
        problems.append("secrets: expected a table [secrets]")
        return secrets
    if len(table) > MAX_SECRETS:
        problems.append(f"secrets: {len(table)} secrets; at most {MAX_SECRETS}")
    for name, item in table.items():
        path = key_path("secrets", name)
        check_name(name, path, problems)
        value = _secret(item, path, problems)
        if value is not None:
            secrets[name] = value
    return secrets


def _secret(item: Any, path: str, problems: list[str]) -> str | None:
    secret = read_table(SecretTable, item, path, problems)
    if secret is None:
        return None
    if (secret.file is None) == (secret.env is None):
        problems.append(f'{path}: write {{ file = "…" }} or {{ env = "…" }}')
        return None
    return read_secret(secret.file, secret.env, path, problems)
