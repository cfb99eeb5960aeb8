"""From a message on a command topic to a request, or to the result that refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.exceptions import CommandError, ExpiredError, RetainedError, UnknownKeyError
from chiplink.model import CommandRequest
from chiplink.mqtt.payloads import decode_command

if TYPE_CHECKING:
    from chiplink.catalog import Row
    from chiplink.model import CommandValue
    from chiplink.mqtt.message import Incoming
    from chiplink.mqtt.topics import DeviceCommand, Topics
    from chiplink.mqtt.view import NodeView


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the sender wants the result besides the result topic."""

    response_topic: str
    correlation: bytes | None


def read_command(
    view: NodeView, topics: Topics, command: DeviceCommand, message: Incoming, *, secure: bool
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
        value = decode_command(row, message.payload)
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
    )
    return request, problem


def _row(view: NodeView, command: DeviceCommand) -> Row:
    device = view.devices.get(command.device)
    if device is None:
        raise UnknownKeyError(f"there is no device {command.device!r}")
    row = device.rows.get(command.key)
    if row is None or not row.takes_commands:
        raise UnknownKeyError(f"{command.key!r} is no command of {command.device}")
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
