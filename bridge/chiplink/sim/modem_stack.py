"""What a modem's TCP/IP stack is to the rest of the modem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .modem_turn import Turn


class Stack(Protocol):
    """The part of a modem that its application note describes."""

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the stack's commands out."""

    def reset(self) -> None:
        """Lose every link and context without a word: the modem restarts."""

    def network_lost(self) -> None:
        """Lose what needs packet service: the attachment or the data context is gone."""

    def room_grew(self) -> None:
        """The host has taken what waited: more may come from the network."""

    def resume(self, turn: Turn) -> None:
        """Go back to transparent data (ATO)."""

    def fault_changed(self, name: str, *, on: bool) -> None:
        """A fault of this model was switched."""
