"""`[device.NAME]`: each is read as its chip wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.config.names import check_name
from chiplink.mqtt.descriptor import MAX_DEVICES
from chiplink.tables import key_path, nearest, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.config.device import DeviceConfig
    from chiplink.mqtt.url import Broker

    Reader = Callable[[str, Any, Broker | None, list[str]], DeviceConfig | None]


class AnyTable(msgspec.Struct, frozen=True):
    """What every device has."""

    chip: str
    port: str


# A chip's settings come with its driver: what is not configured costs no memory.
def _ch9329() -> Reader:
    from chiplink.config.ch9329 import read_ch9329  # noqa: PLC0415

    return read_ch9329


def _ch392() -> Reader:
    from chiplink.config.ch392 import read_ch392  # noqa: PLC0415

    return read_ch392


def _modem() -> Reader:
    from chiplink.config.modem import read_modem  # noqa: PLC0415

    return read_modem


READERS: dict[str, Callable[[], Reader]] = {
    "ch9329": _ch9329,
    "ch392": _ch392,
    "sim7028": _modem,
    "gseries": _modem,
    "sim800": _modem,
}
"""For each chip, what brings the reader of its table."""


def read_devices(
    table: Any, broker: Broker | None, problems: list[str]
) -> tuple[DeviceConfig, ...]:
    """Return the devices, no two on one port."""
    if not isinstance(table, dict):
        problems.append("device: expected tables [device.NAME]")
        return ()
    if len(table) > MAX_DEVICES:
        problems.append(f"device: {len(table)} devices; at most {MAX_DEVICES} a node")
    devices: list[DeviceConfig] = []
    holders: dict[str, str] = {}
    for name, item in table.items():
        path = key_path("device", name)
        check_name(name, path, problems)
        device = _device(name, item, broker, problems)
        if device is None:
            continue
        holder = holders.setdefault(device.port.identity, path)
        if holder != path:
            problems.append(f"{path}.port: {device.port_text} is {holder}'s already")
        devices.append(device)
    return tuple(devices)


def _device(
    name: str, table: Any, broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    path = key_path("device", name)
    chip = table.get("chip") if isinstance(table, dict) else None
    if isinstance(chip, str) and chip in READERS:
        return READERS[chip]()(name, table, broker, problems)
    if isinstance(chip, str):
        problems.append(f"{path}.chip: unknown chip {chip!r}{nearest(chip, list(READERS))}")
        return None
    # Without a chip nobody knows which other keys are right.
    known = ("chip", "port")
    if isinstance(table, dict):
        table = {key: value for key, value in table.items() if key in known}
    read_table(AnyTable, table, path, problems)
    return None
