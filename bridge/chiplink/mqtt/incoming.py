"""From a message on a command topic to a request, or to the result that refuses it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.catalog.link import LINK_COMMANDS, LINK_TX
from chiplink.exceptions import (
    BadPayloadError,
    CommandError,
    ExpiredError,
    RetainedError,
    UnknownKeyError,
)
from chiplink.model import CommandRequest
from chiplink.mqtt.payloads import decode_command, decode_data
from chiplink.mqtt.topics import DeviceCommand, LinkCommand

if TYPE_CHECKING:
    from chiplink.catalog import Row
    from chiplink.model import CommandValue
    from chiplink.mqtt.message import Incoming
    from chiplink.mqtt.topics import Topics
    from chiplink.mqtt.view import DeviceView, NodeView


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the sender wants the result besides the result topic."""

    response_topic: str
    correlation: bytes | None


def read_command(
    view: NodeView,
    topics: Topics,
    command: DeviceCommand | LinkCommand,
    message: Incoming,
    *,
    secure: bool,
) -> tuple[CommandRequest, CommandError | None]:
    """Return the request, and why it must not be carried out, if so."""
    value: CommandValue = None
    expiry: float | None = None
    problem: CommandError | None = None
    try:
        row = _row(view, command)
        if message.retain:
            raise RetainedError("commands must not be retained; publish it without the flag")
        expiry = _expiry(row, message)
        decode = decode_data if row is LINK_TX else decode_command
        value = decode(row, message.payload)
    except CommandError as error:
        problem = error
    request = CommandRequest(
        command.device,
        command.key,
        value,
        command.id,
        None if expiry is None else message.received + expiry,
        secure,
        message.received,
        _origin(topics, message),
        command.peer,
    )
    return request, problem


def _row(view: NodeView, command: DeviceCommand | LinkCommand) -> Row:
    device = view.devices.get(command.device)
    if device is None:
        raise UnknownKeyError(f"there is no device {command.device!r}")
    if isinstance(command, LinkCommand):
        return _link_row(device, command)
    row = device.rows.get(command.key)
    if row is None or not row.takes_commands:
        raise UnknownKeyError(f"{command.key!r} is no command of {command.device}")
    return row


def _link_row(device: DeviceView, command: LinkCommand) -> Row:
    link = device.links.get(command.link)
    if link is None:
        near = difflib.get_close_matches(command.link, device.links, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownKeyError(f"{device.id} has no link {command.link!r}{hint}")
    row = LINK_COMMANDS[command.word]
    if row is LINK_TX and link.several != bool(command.peer):
        problem = "may have several peers: write tx/<ip>:<port>"
        raise BadPayloadError(
            f"this link {problem if link.several else 'has one peer only: write tx'}"
        )
    return row


def _expiry(row: Row, message: Incoming) -> float | None:
    """Return the shorter of the sender's and the row's time to wait, in seconds."""
    if message.expiry == 0:
        raise ExpiredError("it had expired when it arrived")
    if message.expiry is None or row.expiry is None:
        return row.expiry if message.expiry is None else message.expiry
    return min(row.expiry, message.expiry)


def _origin(topics: Topics, message: Incoming) -> Origin | None:
    topic = message.response_topic
    if topic is None or not topics.is_response(topic):
        return None
    return Origin(topic, message.correlation)
