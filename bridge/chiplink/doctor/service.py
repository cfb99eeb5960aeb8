"""The systemd unit, if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.doctor import identity
from chiplink.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.doctor.context import Context
    from chiplink.doctor.identity import Identity

    Run = Callable[[list[str]], str | None]

UNIT = "chiplink.service"

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "Result", "User", "SupplementaryGroups",
    "UnitFileState", "NRestarts", "StateDirectory",
)  # fmt: skip


def properties(run: Run) -> dict[str, str]:
    """Return what systemd says of the unit; empty without systemd or without the unit."""
    said = run(["systemctl", "show", UNIT, "--property", ",".join(_PROPERTIES)])
    pairs = (line.partition("=") for line in (said or "").splitlines())
    found = {key: value for key, _sign, value in pairs}
    return found if found.get("LoadState", "not-found") != "not-found" else {}


def user(run: Run, otherwise: Identity) -> Identity:
    """Return who the daemon runs as: the unit's user, else who asks."""
    unit = properties(run)
    if not unit.get("User"):
        return otherwise
    return identity.named(unit["User"], unit.get("SupplementaryGroups", "").split()) or otherwise


def state_folder(run: Run) -> Path | None:
    """Return where the unit's state is kept, None without a unit."""
    names = properties(run).get("StateDirectory", "").split()
    return Path("/var/lib") / names[0] if names else None


def check(context: Context) -> list[Finding]:
    """Look at the unit's state."""
    unit = properties(context.run)
    if not unit:
        return [ok(f"{UNIT} is not installed: nothing starts the bridge by itself")]
    if unit["LoadState"] != "loaded":
        return [fail(f"{UNIT}: {unit['LoadState']}", f"systemctl status {UNIT}")]
    return [_running(unit), *_enabled(unit)]


def _running(unit: dict[str, str]) -> Finding:
    state = f"{UNIT} is {unit['ActiveState']} ({unit['SubState']})"
    if unit["ActiveState"] == "failed" or unit["SubState"] == "auto-restart":
        return fail(f"{state}, {unit['Result']}", f"journalctl -u {UNIT} -n 50")
    if unit["ActiveState"] in ("active", "activating", "reloading"):
        restarts = unit.get("NRestarts", "0")
        return ok(state if restarts == "0" else f"{state}, restarted {restarts} times")
    return warn(state, f"sudo systemctl start {UNIT}")


def _enabled(unit: dict[str, str]) -> list[Finding]:
    if unit["UnitFileState"] not in ("disabled", "masked"):
        return []
    verb = "unmask" if unit["UnitFileState"] == "masked" else "enable"
    return [
        warn(f"{UNIT} is {unit['UnitFileState']}: it does not start at boot",
             f"sudo systemctl {verb} {UNIT}")
    ]  # fmt: skip
