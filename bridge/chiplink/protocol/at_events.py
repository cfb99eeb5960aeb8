"""What a modem's line says, as events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.protocol.at_command import Command


@dataclass(frozen=True, slots=True)
class Reply:
    """A command has ended: its lines, and what ended it.

    `error` is empty after success; else the modem's words: `+IP ERROR: No data`, `ERROR` …
    """

    command: Command
    lines: tuple[str, ...]
    final: str
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return not self.error


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a command that OK has accepted, or will: `+CIPOPEN: 0,0`, `CONNECT OK`."""

    command: Command
    text: str
    ok: bool


class Stage(Enum):
    """What did not come in time."""

    REPLY = "reply"
    PROMPT = "prompt"
    DATA = "end of a send"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A command's deadline has passed; what it did is unknown."""

    command: Command
    stage: Stage
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for a command's data: send these bytes."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """Received data.

    `link` and `peer` are known only where the modem says them; `left` is how much more of it waits
    after a read, None for what was pushed. Not `complete`: the line fell silent in the middle.
    """

    data: bytes
    link: int | None = None
    peer: str | None = None
    protocol: str | None = None
    left: int | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class DataWaiting:
    """Data can be read by CIPRXGET; said once, so read until nothing is left."""

    link: int | None


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """A link was closed, not by a command that is pending."""

    link: int | None
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A server has a new connection; its number, the server's, and who it is."""

    link: int | None
    server: int | None
    peer: str


@dataclass(frozen=True, slots=True)
class NetworkLost:
    """The data context is gone, and every link with it."""

    text: str


@dataclass(frozen=True, slots=True)
class Power:
    """The supply is bad, or the modem switches itself `off`."""

    text: str
    off: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """The modem started anew: links and settings are gone, and the commands that were pending."""

    lost: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Urc:
    """Any other line that answers no pending command: `+CSQ: 20,0` is `+CSQ`, (`20`, `0`)."""

    name: str
    fields: tuple[str, ...]
    text: str
    link: int | None = None


@dataclass(frozen=True, slots=True)
class Junk:
    """Bytes that mean nothing, and why."""

    data: bytes
    why: str


Event = (
    Reply
    | Outcome
    | TimedOut
    | Prompt
    | Payload
    | DataWaiting
    | PeerClosed
    | Accepted
    | NetworkLost
    | Power
    | Restarted
    | Urc
    | Junk
)
