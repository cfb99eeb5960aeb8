"""`[device.NAME]` with `chip = "ch9329"`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink import layouts
from chiplink.config.device import MAX_TITLE, DeviceConfig, check_title, read_port
from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329Settings
from chiplink.protocol.ch9329_parameters import BAUDS
from chiplink.tables import key_path, nearest, read_table

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker

_Extent = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Ch9329Table(msgspec.Struct, frozen=True):
    """`[device.NAME]` with `chip = "ch9329"`."""

    chip: str
    port: str
    name: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    layout: str = "us"
    armed: ArmedMode = ArmedMode.MANUAL
    disarm_after: Annotated[float, msgspec.Meta(ge=1, le=86400)] | None = None
    address: Annotated[int, msgspec.Meta(ge=0, le=254)] = 0
    pace_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 12
    max_text: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    screen: tuple[_Extent, _Extent] | None = None


def read_ch9329(
    name: str, table: Any, broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    """Return the device; None without a port."""
    path = key_path("device", name)
    config = read_table(Ch9329Table, table, path, problems)
    if config is None:
        return None
    check_title(config.name, path, problems)
    if config.layout not in layouts.names():
        hint = nearest(config.layout, list(layouts.names()))
        problems.append(f"{path}.layout: unknown layout {config.layout!r}{hint}")
    if config.armed is ArmedMode.ALWAYS and broker is not None and not broker.is_secure:
        problems.append(
            f'{path}.armed: "always" over a connection without TLS;'
            " use mqtts://, or set mqtt.allow_plain = true"
        )
    port = read_port(config.port, path, "CH9329", BAUDS, problems)
    if port is None:
        return None
    return DeviceConfig(settings=_settings(name, config), port=port, port_text=config.port)


def _settings(name: str, config: Ch9329Table) -> Ch9329Settings:
    return Ch9329Settings(
        id=name,
        title=config.name,
        layout=config.layout,
        armed=config.armed,
        disarm_after=config.disarm_after,
        address=config.address,
        pace=config.pace_ms / 1000,
        max_text=config.max_text,
        screen=config.screen,
    )
