"""Names of nodes, devices, links and secrets."""

from __future__ import annotations

from chiplink.mqtt.topics import RESERVED, is_name


def check_name(name: str, path: str, problems: list[str]) -> None:
    """Tell what is wrong with the name that stands at `path`."""
    if name in RESERVED:
        problems.append(f"{path}: {name!r} is reserved; take another name")
    elif not is_name(name):
        problems.append(f"{path}: {name!r} is no name; use 1 to 32 of a-z 0-9 _")
