"""`[mqtt]`: the broker and how to be let in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.exceptions import ConfigError
from chiplink.mqtt.url import parse_broker
from chiplink.secret_files import read_secret
from chiplink.tables import read_table

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker


class MqttTable(msgspec.Struct, frozen=True):
    """`[mqtt]`."""

    url: str
    password_file: str | None = None
    password_env: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    allow_plain: bool = False


def read_broker(table: Any, problems: list[str]) -> Broker | None:
    """Return the broker, its password read; None where its URL is none."""
    mqtt = read_table(MqttTable, table, "mqtt", problems)
    if mqtt is None:
        return None
    try:
        broker = parse_broker(mqtt.url)
    except ConfigError as error:
        problems.append(f"mqtt.url: {error}")
        return None
    _check(mqtt, broker, problems)
    source = "mqtt.password_file" if mqtt.password_file is not None else "mqtt.password_env"
    password = read_secret(mqtt.password_file, mqtt.password_env, source, problems)
    return replace(
        broker,
        password=password,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        allow_plain=mqtt.allow_plain,
    )


def _check(mqtt: MqttTable, broker: Broker, problems: list[str]) -> None:
    """Tell what does not go together."""
    if broker.password is not None:
        problems.append("mqtt.url: no password here; put it into a file and name it password_file")
    if mqtt.password_file is not None and mqtt.password_env is not None:
        problems.append("mqtt.password_env: either this or password_file")
    if broker.user is None and (mqtt.password_file or mqtt.password_env):
        problems.append("mqtt.url: a password needs a user: mqtts://user@host")
    if (mqtt.cert_file is None) != (mqtt.key_file is None):
        problems.append("mqtt.cert_file: a client certificate needs cert_file and key_file")
    if not broker.tls and (mqtt.ca_file or mqtt.cert_file):
        problems.append("mqtt.ca_file: only with mqtts:// or wss://")
