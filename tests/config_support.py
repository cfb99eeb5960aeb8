"""A configuration with a CH392, to be changed, and the lines that refuse it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from chiplink.config import check_config
from chiplink.driver.ch392 import Ch392Settings
from chiplink.exceptions import ConfigError

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings

Tables = dict[str, Any]

LAN = {"chip": "ch392", "port": "/dev/ttyUSB0"}


def lan(**keys: Any) -> Tables:
    """A configuration whose device `lan` has these keys too."""
    return {
        "node": {"id": "cellar"},
        "mqtt": {"url": "mqtts://bridge@broker.local"},
        "device": {"lan": copy.deepcopy({**LAN, **keys})},
    }


def settings(**keys: Any) -> Ch392Settings:
    (device,) = check_config(lan(**keys)).devices
    assert isinstance(device.settings, Ch392Settings)
    return device.settings


def problems(tables: Tables) -> list[str]:
    """Return the lines that refuse the tables, or nothing."""
    try:
        check_config(tables)
    except ConfigError as error:
        found = error.problems
    else:
        found = []
    assert [each for each in found if "\n" in each] == []
    return found


def lines(**keys: Any) -> list[str]:
    """Return what is wrong with a device of these keys."""
    return problems(lan(**keys))


def line(**keys: Any) -> str:
    """Return the only thing that is wrong with a device of these keys."""
    (only,) = lines(**keys)
    return only


def link(**keys: Any) -> LinkSettings:
    """Return the only link of a device."""
    (only,) = settings(link={"plc": keys}).links
    return only


def link_lines(**keys: Any) -> list[str]:
    """Return what is wrong with a link `plc` of these keys."""
    return lines(link={"plc": keys})


def link_line(**keys: Any) -> str:
    """Return the only thing that is wrong with a link `plc` of these keys."""
    (only,) = link_lines(**keys)
    return only
