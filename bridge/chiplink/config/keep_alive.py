"""`keep_alive` of a link: when a silent connection is asked whether it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink.driver.sockets import KeepAlive
from chiplink.tables import read_table

if TYPE_CHECKING:
    from chiplink.config.stacks import Stack

MAX_SECONDS = 86_400

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class KeepAliveTable(msgspec.Struct, frozen=True):
    """`keep_alive`; the defaults are the CH392's own (sections 5.36 to 5.38)."""

    idle: _Seconds = 20
    interval: _Seconds = 15
    count: Annotated[int, msgspec.Meta(ge=1, le=255)] = 9


def read_keep_alive(item: Any, path: str, stack: Stack, problems: list[str]) -> KeepAlive | None:
    """Return the table at `path`, as the chip can have it; None without one, or with a mistake."""
    if item is None:
        return None
    known = len(problems)
    table = read_table(KeepAliveTable, item, path, problems)
    if table is None:
        return None
    step = stack.keep_alive_step
    problems.extend(
        f"{path}.{key}: {seconds:g} s is no multiple of {step:g} s;"
        f" write {_stepped(seconds, step):g}"
        for key, seconds in (("idle", table.idle), ("interval", table.interval))
        if seconds % step
    )
    if len(problems) == known and table.idle <= table.interval:
        problems.append(
            f"{path}.idle: {table.idle:g} s is not longer than the interval of"
            f" {table.interval:g} s; write a longer one"
        )
    good = len(problems) == known
    return KeepAlive(table.idle, table.interval, table.count) if good else None


def _stepped(seconds: float, step: float) -> float:
    """Return the nearest multiple of `step`, at least one."""
    return max(1, round(seconds / step)) * step
