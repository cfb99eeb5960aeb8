"""The data context: brought up by a model's steps, and what is tried when it cannot be had."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from chiplink.driver.modem_row import Remedy
from chiplink.exceptions import (
    BadPayloadError,
    ChipError,
    CommandError,
    ProbeError,
    UsageError,
)
from chiplink.protocol.at_common import functionality
from chiplink.protocol.at_errors import error_words, is_harmless

if TYPE_CHECKING:
    from chiplink.driver.modem_line import Exchange, Line
    from chiplink.driver.modem_row import Bearing, Model, Step
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome

RESTART_DEADLINE = 20.0
"""Seconds in which a modem that restarts must say so; one that looks for the rate may not."""

RESULT_LOOK = 15.0
"""Seconds between looks whether what a late result would tell is so already."""

NO_RADIO, FULL = 0, 1
"""Levels of CFUN."""


async def bring_up(line: Line, model: Model, bearing: Bearing) -> str:
    """Bring a data context up and return its address, empty where it is not told.

    Raises CommandError.
    """
    for step in model.up:
        try:
            command = step.build(bearing)
        except UsageError as error:
            raise BadPayloadError(str(error)) from None
        if command is not None:
            await _take(line, step, command)
    return await read_address(line, model)


async def read_address(line: Line, model: Model) -> str:
    """Return the modem's address; some tell none before the first connection."""
    try:
        return model.read_address((await line.ask(model.address())).reply) or ""
    except ChipError:
        return ""


async def _take(line: Line, step: Step, command: Command) -> None:
    for attempt in range(step.tries):
        try:
            await _carry_out(line, step, command)
        except CommandError:
            if step.back is not None:
                with contextlib.suppress(CommandError):
                    await line.ask(step.back())
            if attempt + 1 == step.tries and step.needed:
                raise
        else:
            return


async def _carry_out(line: Line, step: Step, command: Command) -> None:
    """Carry a step out with its later result; that it is so already is as good."""
    exchange = await line.ask(command)
    if exchange.result is None or exchange.reply.error:
        return
    outcome = await _outcome(line, step, exchange)
    if outcome and not outcome.ok and not is_harmless(command.name, outcome.text):
        raise ChipError(f"{command.shown}: {error_words(outcome.text)}")


async def _outcome(line: Line, step: Step, exchange: Exchange) -> Outcome | None:
    """Wait for a result, or a sign that it was lost on the line and all is well: None."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESULT_LOOK):
                return await exchange.outcome()
        if step.sign is None or step.holds is None:
            continue
        if step.holds((await line.exchange(step.sign())).reply):
            return None


async def remedy(line: Line, which: Remedy) -> None:
    """Do what may help before the next attempt; every attempt closes the context by itself."""
    with contextlib.suppress(CommandError):
        if which is Remedy.RADIO:
            await line.ask(functionality(NO_RADIO))
            await line.ask(functionality(FULL))
        elif which is Remedy.RESTART:
            await restart(line)


async def restart(line: Line) -> None:
    """Restart the modem and give the line up; raises CommandError where it does not do it."""
    line.expect_restart()
    try:
        await line.ask(functionality(FULL, restart=True), urgent=True)
    except ChipError:
        line.restart_expected = False
        raise
    # One that looks for the rate says nothing before it is spoken to.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RESTART_DEADLINE):
            await line.wait_restarted()
    line.give_up(ProbeError("the modem was restarted"))
