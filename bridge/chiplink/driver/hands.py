"""The hands on a CH9329: one score is played at a time, and nothing stays pressed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Exchange
from chiplink.driver.keyboard import keys_frame
from chiplink.driver.mouse import buttons_frame
from chiplink.driver.player import Player
from chiplink.exceptions import BusyError, ChipError, CommandError, OfflineError
from chiplink.protocol.ch9329 import command_of
from chiplink.protocol.chords import Keys

if TYPE_CHECKING:
    from chiplink.driver.conversation import Answer, Conversation
    from chiplink.driver.device import Started
    from chiplink.driver.score import Score

MAX_HOLD = 600.0
"""Seconds after which what is held is let go by itself."""

_ACKNOWLEDGEMENT = 7
"""Bytes of the answer to a report."""


class Hands:
    """Plays scores over whatever connection there is."""

    def __init__(self, address: int) -> None:
        self._conversation: Conversation | None = None
        self._player: Player | None = None
        self._rest = (keys_frame(address, Keys()), buttons_frame(address, 0))
        self._hold_timer: asyncio.TimerHandle | None = None
        self._quiet_until = 0.0
        self.held = Keys()
        self.buttons = 0

    def connected(self, conversation: Conversation) -> None:
        """Use this connection; whatever an earlier one, or program, held is released."""
        self._conversation = conversation
        self._forget()
        self._send_rest()

    def disconnected(self) -> None:
        """Do without a connection."""
        self._conversation = None
        self._forget()

    def play(self, score: Score, started: Started) -> Player:
        """Begin to play; raises OfflineError. Whoever calls it calls `ended` at the end."""
        conversation = self._connected()
        if self._player is not None:
            raise BusyError("something else is being played")
        player = self._player = Player(conversation, score, self._quiet_until)
        player.start()
        started(int(self._seconds(score, conversation) * 1000))
        return player

    def ended(self, player: Player, held: Keys, buttons: int) -> None:
        """Note that a play is over, and what it left down on purpose."""
        self._quiet_until = player.not_before
        self._player = None
        self.held, self.buttons = held, buttons
        self._watch()

    async def release_all(self) -> None:
        """Let go of everything, between two frames of what is being played."""
        self._forget()
        conversation = self._connected()
        for frame in reversed(self._rest):
            try:
                await conversation.request(frame, command_of(frame), repeatable=True, first=True)
            except ChipError:
                if frame is self._rest[0]:
                    raise  # a keyboard-only work mode refuses the mouse, never the keyboard

    def stop(self, error: CommandError) -> None:
        """Stop what is being played, with nothing left pressed."""
        if self._player is not None:
            self._player.stop(error)

    def unattended(self) -> None:
        """Let go of what is held between commands."""
        if self.held or self.buttons:
            self._forget()
            self._send_rest()

    @property
    def busy(self) -> bool:
        """Whether something is being played."""
        return self._player is not None

    def _connected(self) -> Conversation:
        if self._conversation is None:
            raise OfflineError("the chip does not answer")
        return self._conversation

    @staticmethod
    def _seconds(score: Score, conversation: Conversation) -> float:
        """Return about how long a score takes."""
        wire = conversation.wire_time(len(score.frames[0]) + _ACKNOWLEDGEMENT)
        count = len(score.frames)
        if isinstance(score.holds, float):
            return count * max(score.holds, wire)
        return sum(max(hold, wire) for hold in score.holds)

    def _send_rest(self) -> None:
        """Release everything; a lost connection does the same when it is back."""
        if self._conversation is not None:
            for frame in self._rest:
                exchange = Exchange(frame, command_of(frame), _ignore, repeatable=True)
                self._conversation.submit(exchange)

    def _watch(self) -> None:
        self._stop_timer()
        if self.held or self.buttons:
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(MAX_HOLD, self.unattended)

    def _forget(self) -> None:
        self.held, self.buttons = Keys(), 0
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None


def _ignore(_answer: Answer | CommandError) -> None:
    """Nobody waits for this answer."""
