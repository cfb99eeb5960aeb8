"""The keyboard of a CH9329: text and chords become reports, and nothing stays pressed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Exchange
from chiplink.driver.player import Player
from chiplink.exceptions import CommandError, OfflineError, RefusedError
from chiplink.framing import KEYBOARD_FRAME, keyboard, type_text
from chiplink.model import Outcome
from chiplink.protocol.ch9329 import Command
from chiplink.protocol.chords import Keys, parse_keys
from chiplink.protocol.text import prepare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from chiplink.driver.conversation import Answer, Conversation
    from chiplink.driver.device import Started
    from chiplink.layouts import Layout

LOCK_HOLD = 0.08
"""Seconds a lock key stays down: macOS ignores shorter presses."""

MAX_HOLD = 600.0
"""Seconds after which a held key is let go by itself."""


class Keyboard:
    """Plays what is typed; one play at a time."""

    def __init__(self, address: int, *, pace: float, max_text: int) -> None:
        self._address = address
        self._pace = pace
        self._max_text = max_text
        self._conversation: Conversation | None = None
        self._player: Player | None = None
        self._rest = self._frame(Keys())
        self._held = Keys()
        self._hold_timer: asyncio.TimerHandle | None = None
        self._quiet_until = 0.0

    def connected(self, conversation: Conversation) -> None:
        """Use this connection; whatever an earlier one held is released."""
        self._conversation = conversation
        self._forget_held()
        self._send_rest()

    def disconnected(self) -> None:
        """Do without a connection."""
        self._conversation = None
        self._forget_held()

    def type_text(
        self, text: str, layout: Layout, *, caps_lit: bool, started: Started
    ) -> Awaitable[Outcome]:
        """Begin to type `text` and return what waits for the end; raises CommandError."""
        text = prepare(text, layout, self._max_text)
        if self._held:
            raise RefusedError("keys are held down; send release_all first")
        frames, done = type_text(layout.table, text, address=self._address, caps_lit=caps_lit)
        player = self._start(frames, self._pace, started)
        return self._finish_text(player, done, len(text))

    async def _finish_text(self, player: Player, done: Sequence[int], length: int) -> Outcome:
        try:
            await player.wait()
        except CommandError as error:
            typed = done[player.acknowledged - 1] if player.acknowledged else 0
            detail = f"{error}; {typed} of {length} characters were acknowledged"
            raise type(error)(detail) from error
        finally:
            self._ended(player)
        return Outcome({"characters": length})

    def press_keys(self, text: str, layout: Layout, *, started: Started) -> Awaitable[Outcome]:
        """Begin to play chords and return what waits for the end; raises CommandError."""
        sequence = parse_keys(text, layout, self._held)
        frames = b"".join(self._frame(state.keys) for state in sequence.states)
        holds = [max(self._pace, LOCK_HOLD * state.lock) for state in sequence.states]
        player = self._start(frames, holds, started)
        self._held = sequence.held
        return self._finish_keys(player)

    async def _finish_keys(self, player: Player) -> Outcome:
        try:
            await player.wait()
        except CommandError:
            self._held = Keys()
            raise
        finally:
            self._ended(player)
            self._watch_held()
        return Outcome()

    async def release_all(self) -> None:
        """Let go of everything, between two reports of what is being typed."""
        self._forget_held()
        conversation = self._connected()
        frame = self._rest
        await conversation.request(frame, Command.SEND_KB_GENERAL_DATA, repeatable=True, first=True)

    def abort(self, error: CommandError) -> None:
        """Stop what is being played, with nothing left pressed."""
        if self._player is not None:
            self._held = Keys()
            self._player.stop(error)

    def unattended(self) -> None:
        """Let go of what is held, unless a play is under way that will."""
        if self._held:
            self._forget_held()
            self._send_rest()

    @property
    def playing(self) -> bool:
        """Whether something is being played."""
        return self._player is not None

    def _connected(self) -> Conversation:
        if self._conversation is None:
            raise OfflineError("the chip does not answer")
        return self._conversation

    def _start(self, frames: bytes, holds: float | Sequence[float], started: Started) -> Player:
        conversation = self._connected()
        player = Player(
            conversation,
            frames,
            KEYBOARD_FRAME,
            holds,
            rest=self._rest,
            not_before=self._quiet_until,
        )
        self._player = player
        player.start()
        exchange = conversation.wire_time(KEYBOARD_FRAME + 7)
        if isinstance(holds, float):
            seconds = player.count * max(holds, exchange)
        else:
            seconds = sum(max(hold, exchange) for hold in holds)
        started(int(seconds * 1000))
        return player

    def _ended(self, player: Player) -> None:
        self._quiet_until = player.not_before
        self._player = None

    def _frame(self, keys: Keys) -> bytes:
        return keyboard(self._address, keys.modifiers, bytes(keys.usages))

    def _send_rest(self) -> None:
        """Release everything; a lost connection does the same when it is back."""
        if self._conversation is not None:
            command = Command.SEND_KB_GENERAL_DATA
            self._conversation.submit(Exchange(self._rest, command, _ignore, repeatable=True))

    def _watch_held(self) -> None:
        self._stop_hold_timer()
        if self._held:
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(MAX_HOLD, self.unattended)

    def _forget_held(self) -> None:
        self._held = Keys()
        self._stop_hold_timer()

    def _stop_hold_timer(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None


def _ignore(_answer: Answer | CommandError) -> None:
    """Nobody waits for this answer."""
