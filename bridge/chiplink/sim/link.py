"""A symbolic link that points programs to a simulated port, as udev's do."""

from __future__ import annotations

import os
from pathlib import Path


class PortLink:
    """The link at path; only links are ever replaced, and only our own is removed."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._target = ""

    def point_to(self, target: str) -> None:
        """Let the link point to target from now on, atomically; OSError says why it cannot."""
        if os.path.lexists(self.path) and not self.path.is_symlink():
            raise FileExistsError(f"{self.path} exists and is no symbolic link; it is left alone")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"{self.path.parent} is no directory to put a link in")
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        try:
            fresh.replace(self.path)
        except OSError:
            fresh.unlink()
            raise
        self._target = target

    def remove(self) -> None:
        """Remove the link if it still points where we let it point."""
        if self.path.is_symlink() and str(self.path.readlink()) == self._target:
            self.path.unlink()
