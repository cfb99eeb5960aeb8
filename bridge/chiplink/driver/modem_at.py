"""The `at` command: a user's own line through the same conversation as everything else."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from chiplink.exceptions import BadPayloadError, ChipError, NotAllowedError, UsageError
from chiplink.model import Outcome
from chiplink.protocol.at_errors import error_words
from chiplink.protocol.at_models import user_command
from chiplink.protocol.at_query import refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from chiplink.driver.modem_line import Line
    from chiplink.protocol.at_command import Command


class AtMode(StrEnum):
    """Which lines are let through."""

    OFF = "off"
    QUERY = "query"
    ALL = "all"


def ask_raw(
    line: Line, model: str, text: str, mode: AtMode, *, several: bool
) -> Awaitable[Outcome]:
    """Begin a user's command; raises NotAllowedError, BadPayloadError."""
    if mode is AtMode.OFF:
        raise NotAllowedError('at = "off": this device takes no AT commands')
    if ";" in text or not all(" " <= each <= "~" for each in text):
        raise BadPayloadError("a command is one line of ASCII without ;")
    if mode is AtMode.QUERY and (reason := refusal(text)):
        raise NotAllowedError(reason)
    try:
        command = user_command(model, text, several=several)
    except UsageError as error:
        raise BadPayloadError(str(error)) from None
    return _ask(line, command)


async def _ask(line: Line, command: Command) -> Outcome:
    """Return the answer's lines, the last of which ends it."""
    reply = (await line.exchange(command)).reply
    if reply.error:
        raise ChipError(error_words(reply.error))
    return Outcome(value=[*reply.lines, reply.final])
