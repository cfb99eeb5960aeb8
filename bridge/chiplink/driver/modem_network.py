"""Keeping a modem in the network: SIM, registration, data context; and looking after them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from chiplink.driver import modem_card as card
from chiplink.driver.modem_bearer import bring_up, read_address, remedy
from chiplink.driver.modem_row import remedy_for
from chiplink.exceptions import ChipError, CommandError, RefusedError
from chiplink.protocol.at_common import operator, registration, report_registration, signal
from chiplink.protocol.at_events import NetworkLost, Urc
from chiplink.protocol.at_replies import (
    REGISTERED_WORDS,
    Registered,
    read_operator,
    read_registration,
    read_signal,
)

if TYPE_CHECKING:
    from chiplink.driver.device import Memory
    from chiplink.driver.modem_line import Line
    from chiplink.driver.modem_row import Bearing, Model
    from chiplink.driver.modem_stack import ModemStack
    from chiplink.model import Scalar
    from chiplink.protocol.at_events import Event

POLL = 30.0
"""Seconds between looks at signal, registration, context and unread data."""

SEARCH_POLL = 3.0
"""Seconds between looks at a registration, a card, or an address, that is awaited."""

FIRST_DELAY = 2.0
MAX_DELAY = 60.0
"""Seconds between attempts at a data context."""

OPERATOR_EVERY = 10
"""Looks between two questions for the operator."""

REPORTS = 1
"""Registration is reported, without the cell."""

REGISTRATIONS = {
    Registered.NOT_SEARCHING: "none",
    Registered.HOME: "home",
    Registered.SEARCHING: "searching",
    Registered.DENIED: "denied",
    Registered.UNKNOWN: "unknown",
    Registered.ROAMING: "roaming",
}
"""The catalogue's words."""

BEST = (
    Registered.HOME,
    Registered.ROAMING,
    Registered.DENIED,
    Registered.SEARCHING,
    Registered.NOT_SEARCHING,
    Registered.UNKNOWN,
)
"""What is told of several registrations: the first of these."""

NOT_KNOWN = "None"
"""What is told of a number that nobody knows: Home Assistant shows it as unknown."""

DENIED = "the network refuses this SIM: is its contract valid, may it roam?"


class News(Protocol):
    """Who hears of it."""

    def publish(self, key: str, value: Scalar) -> None:
        """A state has this value."""

    def obstacle(self, reason: str) -> None:
        """This is in the network's way; empty: nothing is."""


class Network:
    """Runs on one line until cancelled; `pin` empty: none is known."""

    def __init__(
        self,
        line: Line,
        model: Model,
        bearing: Bearing,
        stack: ModemStack,
        news: News,
        *,
        pin: str,
        memory: Memory,
    ) -> None:
        self._line = line
        self._model = model
        self._bearing = bearing
        self._stack = stack
        self._news = news
        self._pin = pin
        self._memory = memory
        self._nudged = asyncio.Event()
        self._lost = ""
        self._reporting = False
        self._registered: dict[str, Registered] = {}
        self._address = ""

    def heard(self, event: Event) -> None:
        """Take what the modem says of card, registration and context."""
        if isinstance(event, NetworkLost):
            self._lost = event.text
        elif not isinstance(event, Urc):
            return
        elif (name := event.name.removeprefix("+")) in self._model.registrations:
            self._note_registration(name, [event.text])
            self._tell_registration()
        elif name != "CPIN":
            return
        self._nudged.set()

    def _doubt(self, words: str) -> None:
        """Have the context brought up anew: connections fail as if it were gone."""
        self._lost = words
        self._nudged.set()

    async def run(self) -> None:
        """Bring it up whenever it is not, for ever."""
        self._stack.on_doubt = self._doubt
        failures = 0
        while True:
            try:
                await self._wait_for_card()
                await self._wait_for_registration()
            except CommandError as error:
                self._down(str(error))
                await asyncio.sleep(FIRST_DELAY)
                continue
            if await self._bear():
                failures = 0
                self._down(await self._watch())
                continue
            failures += 1
            await remedy(self._line, remedy_for(failures))
            await asyncio.sleep(min(FIRST_DELAY * 2 ** min(failures, 8), MAX_DELAY))

    async def _bear(self) -> bool:
        """Bring the data context up; False if it cannot be had now."""
        self._lost = ""
        try:
            address = await bring_up(self._line, self._model, self._bearing)
        except CommandError as error:
            self._down(f"no data connection: {error}")
            return False
        self._tell_address(address)
        self._stack.network_up(self._line)
        self._news.obstacle("")
        return True

    def _tell_address(self, address: str) -> None:
        self._address = address
        self._news.publish("ip", address)

    def _down(self, reason: str) -> None:
        self._tell_address("")
        self._stack.network_down(reason)
        self._news.obstacle(reason)

    async def _nap(self, seconds: float) -> None:
        """Wait, or until the modem has news; what it said since the last time is news too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        self._nudged.clear()

    # The card

    async def _wait_for_card(self) -> None:
        while True:
            state = await card.look(self._line)
            self._news.publish("sim", state)
            if state == card.READY:
                card.forget(self._memory)
                return
            if state == card.PIN and self._pin:
                try:
                    await card.unlock(self._line, self._pin, self._model.tries, self._memory)
                except RefusedError as error:
                    self._down(str(error))
                    await self._nap(POLL)
                else:
                    await self._nap(1.0)
                continue
            self._down(card.WORDS[state])
            await self._nap(SEARCH_POLL)

    # Registration

    async def _wait_for_registration(self) -> None:
        if not self._reporting:
            for name in self._model.registrations:
                with contextlib.suppress(ChipError):
                    await self._line.ask(report_registration(name, REPORTS))
            self._reporting = True
        while True:
            found = await self._registration()
            if found in (Registered.HOME, Registered.ROAMING):
                await self._tell_signal()
                await self._tell_operator()
                return
            words = DENIED if found is Registered.DENIED else _words(found)
            self._down(words)
            await self._tell_signal()
            await self._nap(SEARCH_POLL)
            if await card.look(self._line) != card.READY:
                await self._wait_for_card()

    async def _registration(self) -> Registered | None:
        """Ask, and return the best of what is known; a modem may lack one of the commands."""
        for name in self._model.registrations:
            self._registered.pop(name, None)
            with contextlib.suppress(ChipError):
                self._note_registration(name, (await self._line.ask(registration(name))).lines)
        return self._tell_registration()

    def _note_registration(self, name: str, lines: tuple[str, ...] | list[str]) -> None:
        found = read_registration(lines)
        if found is not None:
            self._registered[name] = found.state

    def _tell_registration(self) -> Registered | None:
        best = min(self._registered.values(), key=BEST.index, default=None)
        if best is not None:
            self._news.publish("registration", REGISTRATIONS[best])
        return best

    async def _tell_signal(self) -> None:
        with contextlib.suppress(CommandError):
            found = read_signal((await self._line.ask(signal())).lines)
            if found is not None:
                self._news.publish("signal", NOT_KNOWN if found.dbm is None else found.dbm)

    async def _tell_operator(self) -> None:
        with contextlib.suppress(CommandError):
            self._news.publish(
                "operator", read_operator((await self._line.ask(operator())).lines) or ""
            )

    # Looking after it

    async def _watch(self) -> str:
        """Return why the data context is gone."""
        looks = 0
        while True:
            await self._nap(POLL if self._address else SEARCH_POLL)
            if self._lost:
                return f"the data connection is gone: {self._lost}"
            looks += 1
            # A question without an answer says nothing of the context.
            with contextlib.suppress(CommandError):
                if reason := await self._look(looks):
                    return reason

    async def _look(self, looks: int) -> str:
        state = await card.look(self._line)
        self._news.publish("sim", state)
        if state in (card.MISSING, card.PIN, card.PUK):
            return card.WORDS[state]
        await self._registration()
        await self._tell_signal()
        if looks % OPERATOR_EVERY == 0:
            await self._tell_operator()
        self._stack.look_for_data()
        if not self._address:
            self._tell_address(await read_address(self._line, self._model))
        reply = (await self._line.ask(self._model.lost(self._bearing))).reply
        return "the data connection is gone" if self._model.is_lost(reply) else ""


def _words(found: Registered | None) -> str:
    return f"not in the network: {REGISTERED_WORDS[found] if found is not None else 'no answer'}"
