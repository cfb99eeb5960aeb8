"""Login consoles and the kernel's own on a port: both talk to whatever is wired there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, fail, ok

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

_FOLDERS = ("/etc/systemd/system", "/run/systemd/generator", "/usr/lib/systemd/system")
_WANTS = ("getty.target.wants", "multi-user.target.wants")


def check_getty(context: Context) -> list[Finding]:
    """Look for login consoles that systemd starts on a device's port."""
    found = []
    for place in context.serial_places:
        unit = f"serial-getty@{_tty(context, place.path)}.service"
        if _is_started(context, unit) and not _is_masked(context, unit):
            found.append(
                fail(
                    f"{place.key}: a login console is started on {place.path}",
                    f"sudo systemctl mask --now {unit}",
                )
            )
    return found or [ok("no login console on a device's port")]


def _is_started(context: Context, unit: str) -> bool:
    links = (context.at(f"{folder}/{wants}/{unit}") for folder in _FOLDERS for wants in _WANTS)
    return any(link.is_symlink() or link.exists() for link in links)


def _is_masked(context: Context, unit: str) -> bool:
    link = context.at(f"/etc/systemd/system/{unit}")
    return link.is_symlink() and str(link.readlink()) == "/dev/null"


def check_kernel(context: Context) -> list[Finding]:
    """Look for the kernel's messages on a device's port."""
    words = context.text("/proc/cmdline").split()
    consoles = {
        word.removeprefix("console=").partition(",")[0]
        for word in words
        if word.startswith("console=")
    }
    named = {_tty(context, f"/dev/{name}"): name for name in consoles}
    found = [
        fail(
            f"{place.key}: the kernel writes its messages to {place.path} (console={name})",
            _without_console(context, name),
        )
        for place in context.serial_places
        if (name := named.get(_tty(context, place.path))) is not None
    ]
    return found or [ok("no kernel console on a device's port")]


def _without_console(context: Context, name: str) -> str:
    if context.is_pi:
        return "sudo raspi-config nonint do_serial_cons 1, then restart"
    return f"take console={name} out of the kernel's command line (GRUB_CMDLINE_LINUX), restart"


def _tty(context: Context, path: str) -> str:
    return Path(context.real(path)).name
