"""The whole error tree; each class is something a caller would do differently.

Every error that can become a command's result carries one of the closed set of
codes in SPEC.md, "Result codes".
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """Why a command failed; the set is closed (SPEC.md, "Result codes")."""

    BAD_PAYLOAD = "bad_payload"
    UNKNOWN_KEY = "unknown_key"
    RETAINED = "retained"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    DISARMED = "disarmed"
    OFFLINE = "offline"
    BUSY = "busy"
    QUEUE_FULL = "queue_full"
    TOO_LARGE = "too_large"
    UNSUPPORTED_CHARACTERS = "unsupported_characters"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    NOT_ALLOWED = "not_allowed"
    CHIP_ERROR = "chip_error"
    INTERNAL = "internal"


class ChiplinkError(Exception):
    """Anything chiplink raises on purpose; str() is one line for the user."""


class UsageError(ChiplinkError):
    """The command line cannot be carried out as written; exit code 2."""


class ConfigError(ChiplinkError):
    """The configuration is wrong; `problems` holds one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CommandError(ChiplinkError):
    """A command failed; `code` goes into its result.

    `public` is what may be kept and shown (a retained `last_error`, a log) when
    the message itself repeats something that was typed.
    """

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public if public is not None else message


class BadPayloadError(CommandError):
    """The payload is not of the form the key asks for."""

    code = Code.BAD_PAYLOAD


class UnknownKeyError(CommandError):
    """The device has no such key, or it takes no commands."""

    code = Code.UNKNOWN_KEY


class RetainedError(CommandError):
    """Commands must not be retained: a replay would type again."""

    code = Code.RETAINED


class ExpiredError(CommandError):
    """The command waited longer than it may."""

    code = Code.EXPIRED


class DuplicateError(CommandError):
    """The id was used for another command within the last minute."""

    code = Code.DUPLICATE


class DisarmedError(CommandError):
    """Key presses and pointer moves are off until the device is armed."""

    code = Code.DISARMED


class OfflineError(CommandError):
    """The chip, or the computer behind it, does not answer; nothing was sent."""

    code = Code.OFFLINE


class BusyError(CommandError):
    """The device cannot do this while it does something else."""

    code = Code.BUSY


class QueueFullError(CommandError):
    """As many commands wait as may wait."""

    code = Code.QUEUE_FULL


class TooLargeError(CommandError):
    """The payload is longer than the bound of its key."""

    code = Code.TOO_LARGE


class UnsupportedCharactersError(CommandError):
    """The keyboard layout cannot type some of the characters; nothing was typed."""

    code = Code.UNSUPPORTED_CHARACTERS


class DeadlineError(CommandError):
    """A read got no answer in time; nothing was changed."""

    code = Code.TIMEOUT


class OutcomeUnknownError(CommandError):
    """It may have happened, in whole or in part, and must not be repeated blindly."""

    code = Code.UNKNOWN


class RefusedError(CommandError):
    """The device cannot do it in its present state."""

    code = Code.REFUSED


class CancelledCommandError(CommandError):
    """`cancel`, `armed` OFF or the end of the program stopped it."""

    code = Code.CANCELLED


class ClosedError(CommandError):
    """The link is not open."""

    code = Code.CLOSED


class NotAllowedError(CommandError):
    """The configuration forbids it."""

    code = Code.NOT_ALLOWED


class ChipError(CommandError):
    """The chip answered with an error of its own."""

    code = Code.CHIP_ERROR


class InternalError(CommandError):
    """A defect of chiplink itself; the log has the details."""

    code = Code.INTERNAL


class PortError(ChiplinkError):
    """A port cannot be opened or was lost; the message names the way out."""


class ProbeError(ChiplinkError):
    """No chip of the expected kind answers on the port."""


class BrokerError(ChiplinkError):
    """The broker cannot be reached or refuses us; the message names the way out."""


class LocalMisuseError(ChiplinkError):
    """A caller broke a contract of this package; never the peer's fault."""
