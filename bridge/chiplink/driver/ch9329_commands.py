"""What each command of a CH9329 plays, and what its result says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.keyboard import keys_score, text_score
from chiplink.driver.media import media_score, power_score
from chiplink.driver.mouse import mouse_score
from chiplink.driver.score import Score
from chiplink.exceptions import (
    CommandError,
    RefusedError,
    UnknownKeyError,
    UnsupportedCharactersError,
)
from chiplink.framing import encode
from chiplink.model import Outcome
from chiplink.protocol.ch9329 import Command
from chiplink.protocol.chords import Keys
from chiplink.protocol.mouse import parse_mouse
from chiplink.protocol.text import prepare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from chiplink.driver.device import Started
    from chiplink.driver.hands import Hands
    from chiplink.driver.player import Player
    from chiplink.layouts import Layout
    from chiplink.model import CommandValue


class Ch9329Commands:
    """Begins commands; each method raises CommandError and returns what waits for the end."""

    def __init__(
        self,
        hands: Hands,
        *,
        address: int,
        pace: float,
        max_text: int,
        screen: tuple[int, int] | None,
        secrets: Mapping[str, str],
    ) -> None:
        self._hands = hands
        self._address = address
        self._pace = pace
        self._max_text = max_text
        self._screen = screen
        self._secrets = secrets

    def type_text(
        self, value: CommandValue, layout: Layout, started: Started, *, caps_lit: bool
    ) -> Awaitable[Outcome]:
        """Type text."""
        text = prepare(str(value), layout, self._max_text, caps_lit=caps_lit)
        self._refuse_held()
        score, done = text_score(text, layout, self._address, self._pace, caps_lit=caps_lit)
        return self._finish_text(self._hands.play(score, started), done, len(text))

    def type_secret(
        self, value: CommandValue, layout: Layout, started: Started, *, caps_lit: bool
    ) -> Awaitable[Outcome]:
        """Type a secret by its name; results say nothing of it, not even how long it is."""
        secret = self._secrets.get(str(value))
        if secret is None:
            raise UnknownKeyError("there is no secret of this name in [secrets]")
        try:
            text = prepare(secret, layout, self._max_text, caps_lit=caps_lit)
        except RefusedError:
            raise
        except CommandError as error:
            message = f"the layout {layout.name} cannot type all of this secret"
            raise UnsupportedCharactersError(message) from error
        self._refuse_held()
        score, _done = text_score(text, layout, self._address, self._pace, caps_lit=caps_lit)
        return self._finish(self._hands.play(score, started), Keys(), 0)

    def press_keys(
        self, value: CommandValue, layout: Layout, started: Started
    ) -> Awaitable[Outcome]:
        """Play chords."""
        hands = self._hands
        score, held = keys_score(str(value), layout, hands.held, self._address, self._pace)
        return self._finish(hands.play(score, started), held, hands.buttons)

    def mouse(self, value: CommandValue, started: Started) -> Awaitable[Outcome]:
        """Move, click, scroll."""
        hands = self._hands
        actions = parse_mouse(value, self._screen)
        score, buttons = mouse_score(actions, hands.buttons, self._address)
        return self._finish(hands.play(score, started), hands.held, buttons)

    def media(self, value: CommandValue, started: Started) -> Awaitable[Outcome]:
        """Press a media key."""
        return self._press(media_score(str(value), self._address), started)

    def power(self, value: CommandValue, started: Started) -> Awaitable[Outcome]:
        """Press a power key."""
        return self._press(power_score(str(value), self._address), started)

    def hid_out(self, value: CommandValue, started: Started) -> Awaitable[Outcome]:
        """Send a custom HID report, once."""
        data = value if isinstance(value, bytes) else b""
        frame = encode(self._address, Command.SEND_MY_HID_DATA, data)
        return self._press(Score((frame,), 0.0, ()), started)

    def _press(self, score: Score, started: Started) -> Awaitable[Outcome]:
        hands = self._hands
        return self._finish(hands.play(score, started), hands.held, hands.buttons)

    def _refuse_held(self) -> None:
        if self._hands.held:
            raise RefusedError("keys are held down; send release_all first")

    async def _finish(self, player: Player, held: Keys, buttons: int) -> Outcome:
        try:
            await player.wait()
        except BaseException:
            self._hands.failed(player)
            raise
        self._hands.ended(player, held, buttons)
        return Outcome()

    async def _finish_text(self, player: Player, done: Sequence[int], length: int) -> Outcome:
        try:
            await self._finish(player, Keys(), self._hands.buttons)
        except CommandError as error:
            typed = done[player.acknowledged - 1] if player.acknowledged else 0
            detail = f"{error}; {typed} of {length} characters were acknowledged"
            raise type(error)(detail) from error
        return Outcome({"characters": length})
