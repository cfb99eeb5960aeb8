"""Lines in words for a trace: what is not known to be harmless counts as harmful."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.transport.tap import Direction


class Words(Protocol):
    """A chip's line, both directions, in words."""

    def feed(self, direction: Direction, data: bytes) -> list[tuple[bool, str]]:
        """Return a line for each frame that `data` completes, with whether it is good."""


# Most daemons are never asked for a trace: until then its words cost no memory.
def _ch9329() -> Words:
    from chiplink.redaction.ch9329 import Ch9329Words  # noqa: PLC0415

    return Ch9329Words()


def _ch392() -> Words:
    from chiplink.redaction.ch392 import Ch392Words  # noqa: PLC0415

    return Ch392Words()


def _modem(model: str) -> Words:
    from chiplink.redaction.modem import ModemWords  # noqa: PLC0415

    return ModemWords(model)


READERS: dict[str, Callable[[], Words]] = {
    "ch9329": _ch9329,
    "ch392": _ch392,
    "sim7028": partial(_modem, "sim7028"),
    "gseries": partial(_modem, "gseries"),
    "sim800": partial(_modem, "sim800"),
}
"""For each chip, what turns its line into words."""
