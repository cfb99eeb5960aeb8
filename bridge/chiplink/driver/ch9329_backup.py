"""A file with what a CH9329 stored: the way back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.driver.ch9329_setup import Settings
from chiplink.exceptions import UsageError
from chiplink.protocol.ch9329_parameter_words import describe
from chiplink.protocol.ch9329_parameters import MAX_STRING, SIZE, Parameters, StringKind

if TYPE_CHECKING:
    from datetime import datetime

    from chiplink.driver.ch9329_setup import Found

FORMAT = 1
MAX_FILE = 64 * 1024
"""Bytes of a backup file that are read."""


class _Strings(msgspec.Struct, frozen=True):
    manufacturer: str | None = None
    product: str | None = None
    serial: str | None = None


class _Backup(msgspec.Struct, frozen=True):
    """What is read back: bytes in hex. The rest of the file is for people."""

    chip: str
    format: int
    parameters: str
    strings: _Strings


def default_path(now: datetime) -> Path:
    """Return where a backup goes unless the user says otherwise."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "chiplink" / f"ch9329-{now:%Y%m%d-%H%M%S-%f}.json"


def check_new(path: Path) -> None:
    """Raise UsageError if a backup would take the place of something."""
    if path.exists():
        raise UsageError(f"{path}: exists already; name another file with --backup")


def save(path: Path, found: Found, port: str, now: datetime) -> None:
    """Write the backup, whole or not at all, for its owner alone; raises UsageError."""
    check_new(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(draft, "xb", opener=_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(_content(found, port, now))))
            file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        reason = error.strerror or str(error)
        raise UsageError(f"{path}: the backup cannot be written: {reason}; use --backup") from None


def load(path: Path) -> Settings:
    """Read a backup; raises UsageError with what is wrong."""
    try:
        with path.open("rb") as file:
            backup = msgspec.json.decode(file.read(MAX_FILE), type=_Backup)
        if backup.chip != "ch9329" or backup.format != FORMAT:
            raise UsageError(f"{path}: this is no backup of a CH9329 that this version can read")
        return Settings(
            Parameters.from_bytes(bytes.fromhex(backup.parameters)),
            {kind: _string(getattr(backup.strings, kind.name.lower())) for kind in StringKind},
        )
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: this is no backup of a CH9329: {error}") from None


def _string(text: str | None) -> bytes | None:
    data = None if text is None else bytes.fromhex(text)
    if data is not None and len(data) > MAX_STRING:
        raise ValueError(f"a USB string has {len(data)} bytes, {MAX_STRING} fit")
    return data


def _content(found: Found, port: str, now: datetime) -> dict[str, Any]:
    settings = found.settings
    raw = settings.parameters.to_bytes()
    return {
        "chip": "ch9329",
        "format": FORMAT,
        "saved": now.isoformat(timespec="seconds"),
        "port": port,
        "baud": found.baud,
        "address": found.address,
        "firmware": found.info.firmware,
        "parameters": raw.hex(" ", -SIZE),
        "strings": {
            kind.name.lower(): None if text is None else text.hex()
            for kind, text in settings.strings.items()
        },
        "in_words": {
            **{field.key: field.words for field in describe(settings.parameters)},
            **{
                kind.name.lower(): None if text is None else text.decode(errors="replace")
                for kind, text in settings.strings.items()
            },
        },
    }


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
