"""Who the daemon is, and what the permissions of a file let it do."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

READ, WRITE, SEARCH = 4, 2, 1
"""Bits of a permission."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user; `groups` are those in force, `listed` those that a new login will have."""

    name: str
    uid: int
    groups: frozenset[int]
    listed: frozenset[int] = frozenset()

    def may(self, path: Path, bits: int) -> bool:
        """Whether the permissions of `path` grant `bits`; raises OSError if it is not there."""
        return self.uid == 0 or bits & ~self._granted(path.stat()) == 0

    def may_read(self, path: Path) -> bool:
        """Whether it can get at the file through all its folders; raises OSError."""
        reachable = all(self.may(folder, SEARCH) for folder in path.absolute().parents)
        return reachable and self.may(path, READ)

    def _granted(self, found: os.stat_result) -> int:
        if found.st_uid == self.uid:
            return stat.S_IMODE(found.st_mode) >> 6 & 7
        if found.st_gid in self.groups:
            return stat.S_IMODE(found.st_mode) >> 3 & 7
        return stat.S_IMODE(found.st_mode) & 7


def current() -> Identity:
    """Return who runs this program."""
    uid = os.geteuid()
    groups = frozenset((os.getegid(), *os.getgroups()))
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Identity(str(uid), uid, groups, groups)
    return Identity(entry.pw_name, uid, groups, _listed(entry.pw_name, entry.pw_gid))


def named(user: str, more_groups: list[str]) -> Identity | None:
    """Return a user by name, with groups that its service adds; None if there is none."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    added = {gid for name in more_groups if (gid := group_id(name)) is not None}
    groups = _listed(user, entry.pw_gid) | added
    return Identity(user, entry.pw_uid, groups, groups)


def group_name(gid: int) -> str:
    """Return a group's name, or its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def group_id(name: str) -> int | None:
    """Return a group's number, or None."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _listed(user: str, gid: int) -> frozenset[int]:
    return frozenset(os.getgrouplist(user, gid))
