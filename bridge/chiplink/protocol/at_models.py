"""The three models' command tables, and a user's own command as a model answers it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from chiplink.exceptions import UsageError
from chiplink.protocol import at_common, at_gseries, at_sim800, at_sim7028
from chiplink.protocol.at_command import Command, Ends, raw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.protocol.at_command import Row

COMMANDS: dict[str, Mapping[str, Row]] = {
    "sim800": {**at_common.TABLE, **at_sim800.TABLE},
    "sim7028": {**at_common.TABLE, **at_sim7028.TABLE},
    "gseries": {**at_common.TABLE, **at_gseries.TABLE},
}
"""Each model's commands by name."""

_PROMPTS = (Ends.PROMPT_OK, Ends.PROMPT_RESULT, Ends.PROMPT_TEXT)
_ENDS = {
    "CIFSR": re.compile(r"\d{1,3}(\.\d{1,3}){3}$"),
    "CIPSHUT": re.compile(r"SHUT OK$"),
    "CIPCLOSE": re.compile(r"(\d, ?)?(CLOSE OK|CLOSED OK)$"),
    "CIPSTATUS": re.compile(r"STATE: ?"),
}
"""What ends the SIM800's commands that have no OK, or have it first."""

_SEVERAL = re.compile(r"C: ?5,")


def user_command(model: str, text: str, *, several: bool = False) -> Command:
    """Build a command from a user's line; `several`: the SIM800 has CIPMUX=1.

    UsageError for what is no single line of ASCII, and for a command with a prompt: data goes
    through a link. KeyError for the model. A result behind OK comes as an event of its own.
    """
    command = raw(text)
    row = COMMANDS[model].get(command.name)
    if row is None:
        return command
    command = replace(command, wait=row.wait, read=_reads(command))
    if command.text.endswith("?"):
        return replace(command, again=True)
    if row.ends in _PROMPTS:
        raise UsageError(f"{command.name} waits for data: send it through a link")
    bare = "=" not in command.text or row.ends is Ends.TEXT
    if row.ends not in (Ends.TEXT, Ends.OK_TEXT) or not bare:
        return command
    ends = _SEVERAL if row.name == "CIPSTATUS" and several else _ENDS[row.name]
    return replace(command, ends=ends, ok=False)


def _reads(command: Command) -> bool:
    return command.name == "CIPRXGET" and re.search(r"=\s*[23],", command.text) is not None
