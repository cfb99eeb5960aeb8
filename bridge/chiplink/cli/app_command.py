"""`chiplink app-config`: what the Home Assistant app was told, as a configuration."""

from __future__ import annotations

import json
import os
import re
import tomllib
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chiplink.config import MAX_FILE, check_config
from chiplink.exceptions import ConfigError
from chiplink.tables import nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUPERVISOR = "http://supervisor"
"""Where apps reach the Supervisor."""

ASK_DEADLINE = 15
"""Seconds for the Supervisor to answer."""

MAX_ANSWER = 64 * 1024
"""Bytes of the Supervisor's answer."""

LOG_LEVELS = ("info", "debug")

OPTIONS = (
    "node",
    "devices",
    "links",
    "secrets",
    "homeassistant_mode",
    "homeassistant_typing",
    "mqtt_url",
    "mqtt_password",
    "mqtt_allow_plain",
    "configuration_file",
    "log_level",
)
"""What app/chiplink/config.yaml offers."""

NO_SERVICE = (
    "Home Assistant offers no MQTT broker: install and start the Mosquitto broker app,"
    " or fill in mqtt_url"
)

_SCREEN = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FILE_NAME = re.compile(r"[a-z0-9_]{1,32}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `app-config`."""
    parser.epilog = (
        "For the Home Assistant app: writes FOLDER/chiplink.toml and a file a password, for"
        " their owner only, and prints the wanted log level."
    )
    parser.add_argument("--options", type=Path, default=Path("/data/options.json"), metavar="FILE")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    parser.add_argument(
        "--own", type=Path, default=Path("/config"), help="where configuration_file is"
    )
    parser.add_argument(
        "--service", type=Path, metavar="FILE", help="the MQTT service; default: ask the Supervisor"
    )


def run(options: argparse.Namespace) -> int:
    """Write the configuration, checked as `run` would; raises ConfigError with every mistake."""
    given = _read_json(options.options)
    problems: list[str] = []
    own = _own_tables(given, options.own)
    service = None
    if "mqtt" not in own and not given.get("mqtt_url"):
        service = _service(options.service)
    tables, passwords = app_tables(given, service, options.folder, own, problems)
    if problems:
        raise ConfigError(problems)
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, password in passwords.items():
        _write_private(path, password)
    check_config(tables)
    _write_private(options.folder / "chiplink.toml", to_toml(tables))
    print(_log_level(given, []))
    return 0


def app_tables(
    given: Mapping[str, Any],
    service: Mapping[str, Any] | None,
    folder: Path,
    own: Mapping[str, Any],
    problems: list[str],
) -> tuple[dict[str, Any], dict[Path, str]]:
    """Return the configuration's tables, and what belongs into files in `folder`.

    `own` are the tables of a file of the user's: those it has are taken as they are.
    """
    passwords: dict[Path, str] = {}
    problems.extend(
        f"{key}: unknown option{nearest(key, list(OPTIONS))}" for key in given if key not in OPTIONS
    )
    _log_level(given, problems)
    tables: dict[str, Any] = {
        "node": {"id": given.get("node") or "home"},
        "mqtt": _mqtt(given, service, folder, passwords),
        "homeassistant": {
            key: given[f"homeassistant_{key}"]
            for key in ("mode", "typing")
            if given.get(f"homeassistant_{key}") is not None
        },
        "secrets": _secrets(given.get("secrets") or [], folder, passwords, problems),
        "device": _devices(given.get("devices") or [], folder, passwords, problems),
    }
    if "device" not in own:
        _links(given.get("links") or [], tables["device"], problems)
    if not tables["device"] and "device" not in own and not problems:
        problems.append("devices: none; add one with a name, a chip and its port")
    return {**tables, **own}, passwords


def _log_level(given: Mapping[str, Any], problems: list[str]) -> str:
    level = given.get("log_level") or LOG_LEVELS[0]
    if level not in LOG_LEVELS:
        problems.append(f"log_level: unknown value {level!r}{nearest(str(level), [*LOG_LEVELS])}")
    return str(level)


def _mqtt(
    given: Mapping[str, Any],
    service: Mapping[str, Any] | None,
    folder: Path,
    passwords: dict[Path, str],
) -> dict[str, Any]:
    password: Any = given.get("mqtt_password")
    table: dict[str, Any]
    if service is None:
        table = {"url": given.get("mqtt_url") or ""}
        if given.get("mqtt_allow_plain") is not None:
            table["allow_plain"] = given["mqtt_allow_plain"]
    else:
        # The broker is an app beside this one: what is sent stays on this host.
        table = {"url": _url(service), "allow_plain": True}
        password = service.get("password")
    if password:
        path = folder / "mqtt_password"
        passwords[path] = str(password)
        table["password_file"] = str(path)
    return table


def _url(service: Mapping[str, Any]) -> str:
    host = str(service.get("host") or "")
    user = quote(str(service.get("username") or ""), safe="")
    return "{}://{}{}:{}".format(
        "mqtts" if service.get("ssl") else "mqtt",
        f"{user}@" if user else "",
        f"[{host}]" if ":" in host else host,
        service.get("port") or 1883,
    )


def _secrets(
    given: Any, folder: Path, passwords: dict[Path, str], problems: list[str]
) -> dict[str, Any]:
    secrets: dict[str, Any] = {}
    for place, item in _items(given, "secrets", problems):
        name, value = item.get("name"), item.get("value")
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
            problems.append(f"{place}.name: write 1 to 32 of a-z 0-9 _")
        elif not isinstance(value, str) or not value:
            problems.append(f"{place}.value: missing; it is what {name} types")
        elif name in secrets:
            problems.append(f"{place}.name: {name} is another secret's already")
        else:
            path = folder / f"secret_{name}"
            passwords[path] = value
            secrets[name] = {"file": str(path)}
    return secrets


def _devices(
    given: Any, folder: Path, passwords: dict[Path, str], problems: list[str]
) -> dict[str, Any]:
    devices: dict[str, Any] = {}
    for place, item in _items(given, "devices", problems):
        name = item.get("name")
        if not isinstance(name, str) or not name:
            problems.append(f"{place}.name: missing; write 1 to 32 of a-z 0-9 _")
        elif name in devices:
            problems.append(f"{place}.name: {name[:40]!r} is another device's already")
        else:
            devices[name] = _device(place, item, problems)
            _hide(devices[name], name, folder, passwords)
    return devices


def _hide(table: dict[str, Any], name: str, folder: Path, passwords: dict[Path, str]) -> None:
    """Put what is secret about a device into files of its own."""
    for key in ("password", "pin"):
        if key in table and _FILE_NAME.fullmatch(name):
            path = folder / f"{key}_of_{name}"
            passwords[path] = str(table.pop(key))
            table[f"{key}_file"] = str(path)


def _links(given: Any, devices: dict[str, Any], problems: list[str]) -> None:
    """Put each link into its device's table."""
    for place, item in _items(given, "links", problems):
        device, name = item.get("device"), item.get("name")
        if not isinstance(device, str) or device not in devices:
            hint = nearest(str(device or ""), list(devices))
            problems.append(f"{place}.device: there is no such device{hint}")
            continue
        links = devices[device].setdefault("link", {})
        if not isinstance(links, dict):
            continue  # whoever checks the device tells of it
        if not isinstance(name, str) or not name:
            problems.append(f"{place}.name: missing; write 1 to 32 of a-z 0-9 _")
        elif name in links:
            problems.append(f"{place}.name: {name[:40]!r} is another link's of {device} already")
        else:
            links[name] = _link(item)


def _link(item: dict[str, Any]) -> dict[str, Any]:
    """Return a link's table: three fields of the form are one key of the configuration."""
    table = _filled_in(item)
    del table["device"], table["name"]
    keep_alive = {
        key: table.pop(f"keep_alive_{key}")
        for key in ("idle", "interval", "count")
        if f"keep_alive_{key}" in table
    }
    return {**table, "keep_alive": keep_alive} if keep_alive else table


def _filled_in(item: dict[str, Any]) -> dict[str, Any]:
    """Return what somebody wrote into a form: what was left empty says nothing."""
    return {key: value for key, value in item.items() if value not in (None, "", [])}


def _items(given: Any, key: str, problems: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of a list with their places, counted from 1 as people do."""
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        problems.append(f"{key}: expected a list of entries with names and values")
        return []
    return [(f"{key}[{number}]", item) for number, item in enumerate(given, 1)]


def _device(place: str, item: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return a device's table: what the app words otherwise, and all the rest as it is."""
    table = _filled_in(item)
    del table["name"]
    title, address = table.pop("title", None), table.pop("port_url", None)
    baud, screen = table.pop("baud", None), table.pop("screen", None)
    if title is not None:
        table["name"] = title
    if address is not None:
        if "port" in table:
            problems.append(f"{place}.port_url: either this or port")
        table["port"] = address
    if "port" not in table:
        problems.append(f"{place}.port: missing; choose a serial port, or fill in port_url")
    elif baud is not None:
        mark = "&" if "?" in str(table["port"]) else "?"
        table["port"] = f"{table['port']}{mark}baud={baud}"
    if screen is not None:
        size = _SCREEN.fullmatch(str(screen))
        if size is None:
            problems.append(f"{place}.screen: {str(screen)[:40]!r} is no size; write 1920x1080")
        else:
            table["screen"] = [int(number) for number in size.groups()]
    return table


def _own_tables(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    name = given.get("configuration_file")
    if not name:
        return {}
    path = folder / str(name)
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, no file name
        raise ConfigError([f"configuration_file: {name!r} cannot be read"]) from error
    if not inside:
        raise ConfigError([f"configuration_file: {name!r} is not in the app's folder"])
    try:
        return tomllib.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise ConfigError([f"{path}: larger than {MAX_FILE} bytes"])
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start}"]) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file name"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = _json(_read(path))
    except UnicodeEncodeError as error:
        raise ConfigError([f"{path}: half a character (a lone surrogate)"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not JSON: {error}"]) from error
    if not isinstance(content, dict):
        raise ConfigError([f"{path}: expected options by name"])
    return content


def _json(text: str | bytes) -> Any:
    """Return what can be written as UTF-8 again; raises ValueError and RecursionError."""
    content = json.loads(text)
    json.dumps(content, ensure_ascii=False).encode()
    return content


def _service(path: Path | None) -> dict[str, Any]:
    """Return the MQTT service's data; raises ConfigError where there is none."""
    answer = _ask() if path is None else _read_json(path)
    data = answer.get("data", answer)
    if not isinstance(data, dict) or not data.get("host"):
        raise ConfigError([NO_SERVICE])
    return data


def _ask() -> dict[str, Any]:
    base = os.environ.get("CHIPLINK_SUPERVISOR", SUPERVISOR)
    token = os.environ.get("SUPERVISOR_TOKEN")
    if not token:
        raise ConfigError(["no SUPERVISOR_TOKEN: outside Home Assistant, fill in mqtt_url"])
    request = urllib.request.Request(  # noqa: S310 - a constant, or what a test sets
        f"{base}/services/mqtt", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ASK_DEADLINE) as answer:  # noqa: S310
            content = _json(answer.read(MAX_ANSWER))
    except urllib.error.HTTPError as error:
        error.close()
        raise ConfigError([NO_SERVICE]) from None
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise ConfigError([f"the Supervisor does not answer: {why}"]) from None
    return content if isinstance(content, dict) else {}


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whatever was there before."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def to_toml(tables: Mapping[str, Any]) -> str:
    """Return tables as TOML; a value that TOML cannot say raises ConfigError."""
    lines: list[str] = []
    _emit(tables, (), lines)
    return "\n".join(lines) + "\n"


def _emit(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    if path:
        lines.append(f"[{'.'.join(_key(name) for name in path)}]")
    lines.extend(
        f"{_key(key)} = {_value(value, (*path, key))}"
        for key, value in table.items()
        if key not in inner
    )
    for key, value in inner.items():
        _emit(value, (*path, key), lines)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any, path: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(item, path) for item in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_value(item, path)}" for key, item in value.items())
        return f"{{ {pairs} }}"
    raise ConfigError([f"{'.'.join(path)}: {value!r} cannot be written as TOML"])


def _text(text: str) -> str:
    """Return a basic string: JSON's escapes are TOML's, which wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
