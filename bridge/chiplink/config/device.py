"""What a device's table becomes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.exceptions import ConfigError
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chiplink.driver.ch392 import Ch392Settings
    from chiplink.driver.ch9329 import Ch9329Settings
    from chiplink.driver.modem import ModemSettings
    from chiplink.transport.url import PortUrl

MAX_TITLE = 64
"""Characters of a name for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """A device's settings and where its chip is."""

    settings: Ch9329Settings | Ch392Settings | ModemSettings
    port: PortUrl
    port_text: str


def check_title(title: str, path: str, problems: list[str]) -> None:
    """Complain about a name that Home Assistant would not show, or would act on."""
    invisible = any(
        unicodedata.category(sign)[0] == "C" or unicodedata.category(sign) in ("Zl", "Zp")
        for sign in title
    )
    if invisible:
        problems.append(f"{path}.name: it holds characters that cannot be seen")
    if any(mark in title for mark in ("{{", "{%", "{#")):
        problems.append(f"{path}.name: it holds {{{{, {{% or {{#, which begin templates")


def read_port(
    text: str, path: str, chip: str, rates: Sequence[int], problems: list[str]
) -> PortUrl | None:
    """Return the port of the device at `path`; a fixed rate is one of the chip's `rates`."""
    try:
        port = parse_port(text)
    except ConfigError as error:
        problems.append(f"{path}.port: {error}")
        return None
    if chip != "CH392" and (port.is_spi or port.interrupt):
        problems.append(f"{path}.port: a {chip} has neither SPI nor INT#; write serial:///dev/…")
    if port.baud is not None and port.baud not in rates:
        known = ", ".join(str(rate) for rate in rates)
        problems.append(
            f"{path}.port: a {chip} on Linux knows no {port.baud} baud; it knows {known}"
        )
    return port
