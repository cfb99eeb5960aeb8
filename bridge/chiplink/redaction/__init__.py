"""Lines in words for a trace: what is not known to be harmless counts as harmful."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chiplink.redaction.ch392 import Ch392Words
from chiplink.redaction.ch9329 import Ch9329Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.transport.tap import Direction


class Words(Protocol):
    """A chip's line, both directions, in words."""

    def feed(self, direction: Direction, data: bytes) -> list[tuple[bool, str]]:
        """Return a line for each frame that `data` completes, with whether it is good."""


READERS: dict[str, Callable[[], Words]] = {"ch9329": Ch9329Words, "ch392": Ch392Words}
"""For each chip, what turns its line into words."""
