"""What must survive a restart: a small file, written atomically, safe to lose."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import msgspec

_LOG = logging.getLogger(__name__)

MAX_SIZE = 256 * 1024
"""Bytes; a larger file is not ours."""


def default_folder() -> Path:
    """Return where state belongs: systemd's StateDirectory, else the user's."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(home) / "chiplink"


class StateFile:
    """One node's state; an unreadable file counts as an empty one, no path keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._content: dict[str, dict[str, Any]] = {} if path is None else _read(path)

    def section(self, name: str) -> MutableMapping[str, Any]:
        """Return what one device remembers; setting an item writes the file."""
        return _Section(self, name)

    def items(self, section: str) -> dict[str, Any]:
        """Return a section's items."""
        return self._content.setdefault(section, {})

    def write(self) -> bool:
        """Replace the file, and say whether it is on disk; a full disk is logged, not raised."""
        if self._path is None:
            return False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".state-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.encode(self._content))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            _LOG.warning("%s: state cannot be written: %s", self._path, error.strerror)
            return False
        return True


class _Section(MutableMapping[str, Any]):
    """Items of one device; `saved` says whether the last change of one is on disk."""

    def __init__(self, file: StateFile, name: str) -> None:
        self._file = file
        self._name = name
        self.saved = False

    def __getitem__(self, key: str) -> Any:
        return self._file.items(self._name)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        items = self._file.items(self._name)
        if items.get(key) != value:
            items[key] = value
            self.saved = self._file.write()

    def __delitem__(self, key: str) -> None:
        del self._file.items(self._name)[key]
        self.saved = self._file.write()

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.items(self._name))

    def __len__(self) -> int:
        return len(self._file.items(self._name))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)  # what was cut is no JSON any more
        return msgspec.json.decode(content[:MAX_SIZE], type=dict[str, dict[str, Any]])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _LOG.warning("%s: state cannot be read and is begun anew: %s", path, error)
        return {}
