"""What a connection to the broker tells."""

from __future__ import annotations

from dataclasses import dataclass

from chiplink.mqtt.message import Incoming


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us; `version` is 5 or 4 (3.1.1).

    It hangs up on packets of more than `max_packet` bytes, if it says so.
    """

    version: int
    max_packet: int | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or an attempt failed; `reason` is one line for the user."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has message `mid`, or refuses it for the reason given."""

    mid: int
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription: whether each filter was granted."""

    mid: int
    granted: tuple[bool, ...]


def answered(granted: tuple[bool, ...], count: int) -> tuple[bool, ...]:
    """Return an answer for each of `count` filters: what the broker leaves out is not granted."""
    return (granted + (False,) * count)[:count]


Event = Connected | Disconnected | Acknowledged | Subscribed | Incoming
