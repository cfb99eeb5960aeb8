"""Serial ports: there, under a name that stays, permitted, and nobody else's. None is opened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok, warn
from chiplink.doctor.identity import READ, WRITE
from chiplink.transport.holders import scan

if TYPE_CHECKING:
    from chiplink.doctor.context import Context, Place
    from chiplink.doctor.identity import Identity
    from chiplink.transport.holders import Holder

_UNSTABLE = re.compile(r"/dev/tty(USB|ACM)[0-9]+")
_OURS = "chiplink"


def check(context: Context) -> list[Finding]:
    """Look at the port of every device."""
    if context.tables and not context.places:
        return [warn("no device is configured", "add a table [device.NAME] with chip and port")]
    found: list[Finding] = []
    for place in context.serial_places:
        if context.at(place.path).exists():
            found += _there(context, place)
        else:
            found.append(_missing(context, place))
    return found


def _there(context: Context, place: Place) -> list[Finding]:
    found = [*_name(context, place), *permission(context, place, place.path)]
    found += _holders(context, place)
    return found or [ok(f"{place.key}: {place.path} is there, permitted and free")]


def _missing(context: Context, place: Place) -> Finding:
    text = f"{place.key}: {place.path} is not there"
    others = [context.shown(path) for path in sorted(context.at("/dev/serial/by-id").glob("*"))]
    if len(others) == 1:
        return fail(text, f'plug it in, or is it this one? port = "{others[0]}"')
    return fail(text, "plug it in; `chiplink ports` lists what there is")


def _name(context: Context, place: Place) -> list[Finding]:
    if not _UNSTABLE.fullmatch(place.path):
        return []
    real = context.real(place.path)
    for link in sorted(context.at("/dev/serial/by-id").glob("*")):
        stable = context.shown(link)
        if context.real(stable) == real:
            text = f"{place.key}: {place.path} may be another adapter after the next start"
            return [warn(text, f'port = "{stable}"')]
    return []


def permission(context: Context, place: Place, path: str) -> list[Finding]:
    """Tell whether the bridge's user may use a device, and which group lets it."""
    daemon = context.daemon
    try:
        if daemon.may(context.at(path), READ | WRITE):
            return []
        found = context.at(path).stat()
    except OSError:
        return []
    text = f"{place.key}: {daemon.name} may not use {path}"
    if found.st_mode >> 3 & 6 != READ | WRITE:
        return [fail(f"{text}, and no group may", _udev(context.real(path)))]
    return [_by_group(daemon, text, found.st_gid, context.group_name(found.st_gid))]


def _by_group(daemon: Identity, text: str, gid: int, group: str) -> Finding:
    if gid in daemon.listed:
        return fail(
            f"{text}: it joined the group {group} after it logged in", "log out and in again"
        )
    return fail(
        f"{text}: it is not in the group {group}",
        f"sudo usermod -aG {group} {daemon.name}, then log in again or restart the service",
    )


def _udev(path: str) -> str:
    rule = f'KERNEL=="{Path(path).name}", GROUP="dialout", MODE="0660"'
    return (
        f"echo '{rule}' | sudo tee /etc/udev/rules.d/77-chiplink.rules"
        " && sudo udevadm control --reload && sudo udevadm trigger"
    )


def _holders(context: Context, place: Place) -> list[Finding]:
    path = str(context.at(place.path))
    return [_held(place, holder) for holder in scan([path], context.at("/proc")).holders[path]]


def _held(place: Place, holder: Holder) -> Finding:
    if _OURS in (holder.program, holder.unit):
        return ok(f"{place.key}: {place.path} is in use by the bridge, {holder}")
    fix = f"kill {holder.pid}"
    if holder.unit:
        verb = "disable --now" if holder.is_console else "stop"
        fix = f"sudo systemctl {verb} {holder.unit}"
    return fail(f"{place.key}: {place.path} is held by {holder}", fix)
