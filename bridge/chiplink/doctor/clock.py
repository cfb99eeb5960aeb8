"""The clock: a wrong one makes every certificate invalid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

DAY = 86_400
FAR = 20 * 365 * DAY
"""Seconds; who has not renewed this program for that long has other trouble."""

_FIX = "sudo timedatectl set-ntp true"


def check(context: Context) -> list[Finding]:
    """Compare the time with the program's own age, and ask whether it is kept right."""
    now = context.now()
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now < context.built - DAY:
        return [fail(f"the clock says {shown}, before this program was installed; TLS fails", _FIX)]
    if now > context.built + FAR:
        return [fail(f"the clock says {shown}, far in the future; TLS fails", _FIX)]
    return [ok(f"the clock says {shown}"), *_synchronised(context)]


def _synchronised(context: Context) -> list[Finding]:
    said = context.run(["timedatectl", "show", "--property", "NTPSynchronized", "--value"])
    match (said or "").strip():
        case "yes":
            return [ok("the clock is synchronised")]
        case "no":
            return [warn("the clock is not synchronised", _FIX)]
    return []
