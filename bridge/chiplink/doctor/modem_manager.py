"""ModemManager asks every new serial port whether it is a modem: a chip hears nonsense."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chiplink.doctor.finding import Finding, ok, warn
from chiplink.transport.holders import modem_manager

if TYPE_CHECKING:
    from chiplink.doctor.context import Context

_IGNORED = ("ID_MM_PORT_IGNORE", "ID_MM_DEVICE_IGNORE")
_RULES = "/etc/udev/rules.d/78-chiplink.rules"


def check(context: Context) -> list[Finding]:
    """Look whether it runs, and whether it leaves the devices' ports alone."""
    holder = modem_manager(context.at("/proc"))
    if holder is None:
        return [ok("ModemManager does not run")]
    found = []
    for place in context.serial_places:
        name = Path(context.real(place.path)).name
        about = _udev(context, name)
        if not any(about.get(key) == "1" for key in _IGNORED):
            text = f"{place.key}: {holder} may speak to {place.path}"
            found.append(warn(text, _rule(name, about)))
    return found or [ok(f"{holder} leaves the devices' ports alone")]


def _udev(context: Context, name: str) -> dict[str, str]:
    """Return what udev knows of a terminal."""
    number = context.text(f"/sys/class/tty/{name}/dev").strip()
    lines = context.text(f"/run/udev/data/c{number}").splitlines() if number else []
    pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
    return {key: value for key, _sign, value in pairs}


def _rule(name: str, about: dict[str, str]) -> str:
    vendor, model = about.get("ID_VENDOR_ID"), about.get("ID_MODEL_ID")
    which = f'KERNEL=="{name}"'
    if vendor and model:
        which = f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{model}"'
    return (
        f"echo '{which}, ENV{{ID_MM_PORT_IGNORE}}=\"1\"' | sudo tee -a {_RULES}"
        " && sudo udevadm control --reload && sudo udevadm trigger"
    )
