"""`[device.NAME]` with `chip = "sim800"`, `"sim7028"` or `"gseries"`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink.config.device import MAX_TITLE, DeviceConfig, read_port
from chiplink.config.links import read_links
from chiplink.config.stacks import MODEMS
from chiplink.driver.modem import ModemSettings
from chiplink.driver.modem_at import AtMode
from chiplink.driver.modem_models import MODELS
from chiplink.driver.modem_setup import RATES
from chiplink.exceptions import UsageError
from chiplink.protocol.at_common import APN_MAX
from chiplink.protocol.at_text import quote
from chiplink.secret_files import read_secret
from chiplink.tables import key_path, read_table

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings
    from chiplink.driver.modem_row import Model
    from chiplink.mqtt.url import Broker

_PIN = re.compile(r"[0-9]{4,8}")


class DataMode(StrEnum):
    """How received data comes out of the modem."""

    PULL = "pull"
    PUSH = "push"


class ModemTable(msgspec.Struct, frozen=True):
    """`[device.NAME]` of a modem."""

    chip: str
    port: str
    name: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    apn: Annotated[str, msgspec.Meta(max_length=APN_MAX)] = ""
    user: str = ""
    password_file: str | None = None
    password_env: str | None = None
    pin: str | None = None
    pin_file: str | None = None
    pin_env: str | None = None
    at: AtMode = AtMode.QUERY
    mode: DataMode | None = None
    quick_send: bool = False
    link: Any = None


def read_modem(
    name: str, table: Any, _broker: Broker | None, problems: list[str]
) -> DeviceConfig | None:
    """Return the device; None without a port."""
    path = key_path("device", name)
    config = read_table(ModemTable, table, path, problems)
    if config is None:
        return None
    model, stack = MODELS[config.chip], MODEMS[config.chip]
    links = read_links(table.get("link", {}), f"{path}.link", stack, problems)
    password = _secret(config, "password", path, problems)
    _check_access(config, password or "", model, path, problems)
    _check_mode(config, links, model, path, problems)
    pin = _pin(config, path, problems)
    port = read_port(config.port, path, stack.chip, RATES, problems)
    if port is None:
        return None
    settings = ModemSettings(
        id=name,
        chip=config.chip,
        title=config.name,
        apn=config.apn,
        user=config.user,
        password=password or "",
        pin=pin or "",
        at=config.at,
        pull=None if config.mode is None else config.mode is DataMode.PULL,
        quick_send=config.quick_send,
        links=links,
    )
    return DeviceConfig(settings=settings, port=port, port_text=config.port)


def _secret(config: ModemTable, word: str, path: str, problems: list[str]) -> str | None:
    file: str | None = getattr(config, f"{word}_file")
    env: str | None = getattr(config, f"{word}_env")
    if file is not None and env is not None:
        problems.append(f"{path}.{word}_env: either this or {word}_file")
        return None
    key = f"{word}_file" if file is not None else f"{word}_env"
    return read_secret(file, env, f"{path}.{key}", problems)


def _pin(config: ModemTable, path: str, problems: list[str]) -> str | None:
    """Return the PIN; a wrong one is not shown."""
    given = [key for key in ("pin", "pin_file", "pin_env") if getattr(config, key) is not None]
    if len(given) > 1:
        problems.append(f"{path}.{given[1]}: either this or {given[0]}")
        return None
    known = len(problems)
    pin = config.pin if config.pin is not None else _secret(config, "pin", path, problems)
    if given and len(problems) == known and not _PIN.fullmatch(pin or ""):
        problems.append(f"{path}.{given[0]}: a SIM's PIN has 4 to 8 digits")
        return None
    return pin


def _check_access(
    config: ModemTable, password: str, model: Model, path: str, problems: list[str]
) -> None:
    """Tell what is wrong with the access point, and with who logs in there."""
    if model.needs_apn and not config.apn:
        problems.append(
            f'{path}.apn: missing; a {model.title} needs the operator\'s: apn = "internet"'
        )
    for key, value in (("apn", config.apn), ("user", config.user), ("password_file", password)):
        try:
            quote(value)
        except UsageError as error:
            # The password itself is not shown.
            words = "a password is printable ASCII without quotation marks"
            problems.append(f"{path}.{key}: {words if key == 'password_file' else error}")
    if (config.user or password) and not model.logs_in:
        problems.append(
            f"{path}.user: a {model.title} is told no user and password here; take them away"
        )


def _check_mode(
    config: ModemTable,
    links: tuple[LinkSettings, ...],
    model: Model,
    path: str,
    problems: list[str],
) -> None:
    """Tell what this modem, or a link, cannot have."""
    if config.quick_send and model.unacked is None:
        problems.append(f"{path}.quick_send: a {model.title} has none; it is a SIM800's")
    if config.mode is not DataMode.PULL:
        return
    datagrams = [link.id for link in links if not link.kind.is_stream]
    if not model.pulls:
        problems.append(f'{path}.mode: a {model.title} knows "push" only')
    elif datagrams:
        problems.append(
            f"{path}.mode: fetched, the datagrams of {datagrams[0]} lose their borders;"
            ' write "push"'
        )
