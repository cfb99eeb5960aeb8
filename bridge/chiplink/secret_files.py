"""Secrets from files and the environment: private, bounded, never shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_SECRET = 4096
"""Bytes."""

TRUSTED = ("/run/credentials/", "/run/secrets/")
"""Where systemd and containers mount secrets, with permissions of their own."""


def _trusted() -> tuple[str, ...]:
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return (*TRUSTED, f"{given}/") if given else TRUSTED


def read_secret(file: str | None, env: str | None, path: str, problems: list[str]) -> str | None:
    """Return the secret, or None with a line in `problems`, or None if neither is given."""
    if file is not None:
        return _from_file(Path(file), path, problems)
    if env is not None:
        value = os.environ.get(env)
        if not value:
            problems.append(f"{path}: the environment has no {env}")
        return value
    return None


def _from_file(file: Path, path: str, problems: list[str]) -> str | None:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(MAX_SECRET + 1)
    except ValueError:
        problems.append(f"{path}: {str(file)!r} is no file name")
        return None
    except OSError as error:
        problems.append(f"{path}: {file} cannot be read: {error.strerror}")
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and not str(file).startswith(_trusted()):
        problems.append(f"{path}: others may read {file}; run: chmod 600 {file}")
        return None
    return _text(content, file, path, problems)


def _text(content: bytes, file: Path, path: str, problems: list[str]) -> str | None:
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        problems.append(f"{path}: {file} is not UTF-8")
        return None
    if not text or len(content) > MAX_SECRET:
        problems.append(f"{path}: {file} must hold 1 to {MAX_SECRET} bytes")
        return None
    return text
