"""The hands on a CH9329: one score is played at a time, and nothing stays pressed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Exchange
from chiplink.driver.keyboard import keys_frame
from chiplink.driver.media import media_frame, power_frame
from chiplink.driver.mouse import buttons_frame
from chiplink.driver.player import Player
from chiplink.exceptions import BusyError, ChipError, CommandError, OfflineError
from chiplink.protocol.ch9329 import command_of
from chiplink.protocol.chords import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from chiplink.driver.conversation import Answer, Conversation
    from chiplink.driver.device import Started
    from chiplink.driver.score import Score

MAX_HOLD = 600.0
"""Seconds after which what is held is let go by itself."""

MAX_SETTLING = 20
"""Times a release is sent: a work mode without mouse refuses the mouse's for ever."""

_ACKNOWLEDGEMENT = 7
"""Bytes of the answer to a report."""


class Hands:
    """Plays scores over whatever connection there is."""

    def __init__(self, address: int) -> None:
        self._conversation: Conversation | None = None
        self._player: Player | None = None
        self._rest = (
            keys_frame(address, Keys()),
            buttons_frame(address, 0),
            media_frame(address, None),
            power_frame(address, None),
        )
        self._owed: dict[bytes, int] = {}
        self._let_go_since = False
        self._hold_timer: asyncio.TimerHandle | None = None
        self._quiet_until = 0.0
        self.held = Keys()
        self.buttons = 0

    def connected(self, conversation: Conversation) -> None:
        """Use this connection; whatever an earlier one, or program, held is released."""
        self._conversation = conversation
        self._forget()
        self._owe()

    def disconnected(self) -> None:
        """Do without a connection."""
        self._conversation = None
        self._owed.clear()
        self._forget()

    def play(self, score: Score, started: Started) -> Player:
        """Begin to play; raises OfflineError. Whoever calls it calls `ended` at the end."""
        conversation = self._connected()
        if self._player is not None:
            raise BusyError("something else is being played")
        player = self._player = Player(conversation, score, self._quiet_until)
        self._let_go_since = False
        player.start()
        started(int(self._seconds(score, conversation) * 1000))
        return player

    def ended(self, player: Player, held: Keys, buttons: int) -> None:
        """Note that a play is over, and what it left down on purpose."""
        self._quiet_until = player.not_before
        self._player = None
        if self._let_go_since:
            self._forget()
            self._owe()
            return
        self.held, self.buttons = held, buttons
        # A release that is still owed is older than what is held now.
        if held:
            self._owed.pop(self._rest[0], None)
        if buttons:
            self._owed.pop(self._rest[1], None)
        self._watch()

    def failed(self, player: Player) -> None:
        """Note that a play was stopped: what was held before it is let go too."""
        self._quiet_until = player.not_before
        self._player = None
        if self.held or self.buttons or player.unreleased or self._let_go_since:
            self._forget()
            self._owe()

    def release_all(self) -> Awaitable[None]:
        """Let go of everything, between two frames of what is being played.

        It begins now, before anything that is played later; what is returned waits for its
        end. Raises OfflineError.
        """
        conversation = self._connected()
        pressed = bool(self.buttons)
        self._forget()
        self._let_go_since = True
        self._owed = dict.fromkeys(self._rest, MAX_SETTLING)
        # Each goes in front of the one before: the keyboard is let go first.
        asked = [
            conversation.ask(frame, command_of(frame), repeatable=True, first=True)
            for frame in reversed(self._rest)
        ]
        return self._released(asyncio.gather(*asked, return_exceptions=True), pressed=pressed)

    async def _released(
        self, asked: Awaitable[list[Answer | BaseException]], *, pressed: bool
    ) -> None:
        failure: BaseException | None = None
        for frame, answer in zip(reversed(self._rest), await asked, strict=True):
            if not isinstance(answer, BaseException):
                self._owed.pop(frame, None)
                continue
            # A keyboard-only work mode refuses all but the keyboard.
            refused = isinstance(answer, ChipError) and frame is not self._rest[0]
            if not refused or (pressed and frame is self._rest[1]):
                failure = answer
        if failure is not None:
            raise failure

    def stop(self, error: CommandError) -> None:
        """Stop what is being played, with nothing left pressed."""
        if self._player is not None:
            # One that is over but not yet noted as ended cannot be stopped any more.
            self._let_go_since |= self._player.is_over
            self._player.stop(error)
        elif self.held or self.buttons:
            self._forget()
            self._owe()

    def unattended(self) -> None:
        """Let go of what is held, and of what a play that runs would leave down."""
        self._let_go_since = True
        if self.held or self.buttons:
            self._forget()
            self._owe()

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

    def _owe(self) -> None:
        """Release everything, again at each look at the chip until it is acknowledged."""
        self._owed = dict.fromkeys(self._rest, MAX_SETTLING)
        self.settle()

    def settle(self) -> None:
        """Send again what should have let go and was not acknowledged."""
        if self._conversation is None or self._player is not None:
            return
        for frame, left in tuple(self._owed.items()):
            self._owed[frame] = left - 1
            if left == 1:
                del self._owed[frame]
            done = partial(self._settled, frame)
            self._conversation.submit(Exchange(frame, command_of(frame), done, repeatable=True))

    def _settled(self, frame: bytes, answer: Answer | CommandError) -> None:
        if not isinstance(answer, CommandError):
            self._owed.pop(frame, None)

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
