"""A command's error as the OSError that programs written for asyncio expect."""

from __future__ import annotations

import errno

from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    CancelledCommandError,
    ClosedError,
    CommandError,
    DeadlineError,
    NotAllowedError,
    OfflineError,
    OutcomeUnknownError,
    QueueFullError,
    RefusedError,
    TooLargeError,
)

_NUMBERS: dict[type[CommandError], int] = {
    BadPayloadError: errno.EINVAL,
    BusyError: errno.ENOBUFS,
    CancelledCommandError: errno.ECONNABORTED,
    ClosedError: errno.ECONNRESET,
    DeadlineError: errno.ETIMEDOUT,
    NotAllowedError: errno.EACCES,
    OfflineError: errno.ENETDOWN,
    OutcomeUnknownError: errno.ECONNRESET,
    QueueFullError: errno.ENOBUFS,
    RefusedError: errno.ECONNREFUSED,
    TooLargeError: errno.EMSGSIZE,
}
"""What the kernel would have said; EIO for the others. OSError picks its subclass by it."""


def os_error(error: CommandError) -> OSError:
    """Return the OSError that says the same in the same words; its cause is `error`."""
    number = next((_NUMBERS[kind] for kind in type(error).mro() if kind in _NUMBERS), errno.EIO)
    made = OSError(number, str(error))
    made.__cause__ = error
    return made
