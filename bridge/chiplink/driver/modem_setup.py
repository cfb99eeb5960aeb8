"""Finding a modem on a line: its rate, its echo switched off, what it says it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chiplink.driver.modem_line import LONGEST_SEND, Line
from chiplink.driver.modem_models import MODELS
from chiplink.exceptions import ChipError, CommandError, ProbeError
from chiplink.protocol.at_channel import CANCEL, ESCAPE
from chiplink.protocol.at_common import (
    attention,
    echo,
    error_form,
    functionality,
    functionality_query,
    identification,
    imei,
    model,
)
from chiplink.protocol.at_replies import read_digits, read_number

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from chiplink.driver.device import Memory
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Event
    from chiplink.transport.base import Port

RATES = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600, 4800, 2400, 1200)
"""Where modems are looked for, the usual first; automatic ones answer at each."""

LOOK = 0.5
"""Seconds for an answer to AT while the rate is looked for."""

LOOKS = 3
"""Times AT is sent at a rate: an automatic modem learns it from the first."""

SILENCE = 1.1
"""Seconds before and behind the sequence that leaves transparent mode."""

NUMBERS = 1
"""The form of errors that is asked for (CMEE)."""

FULL = 1
"""The level of CFUN in which everything works."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a modem says it is: all lines, and which of MODELS it is, empty for another."""

    words: str
    model: str


async def find(
    port: Port,
    counters: Counter[str],
    on_event: Callable[[Event], None],
    memory: Memory | None = None,
) -> Line:
    """Open the port at the modem's rate and change nothing; raises PortError, ProbeError."""
    rates = _rates(port, memory or {})
    transport = await port.open(rates[0])
    line = Line(transport, counters, on_event)
    try:
        if not (await _search(line, rates) or await _wake(line, rates[:2])):
            raise _nobody(port, rates)  # noqa: TRY301 - what was opened is closed below
    except CommandError as error:
        await line.close()
        raise line.lost.result() if line.lost.done() else ProbeError(str(error)) from error
    except BaseException:
        await line.close()
        raise
    if memory is not None:
        memory["baud"] = line.baud
    return line


def _nobody(port: Port, rates: Sequence[int]) -> ProbeError:
    shown = ", ".join(str(rate) for rate in rates)
    return ProbeError(
        f"{port.name}: no modem answers AT at {shown} baud; is it switched on (PWRKEY),"
        " are TXD and RXD crossed, does its supply bear 2 A?"
    )


def _rates(port: Port, memory: Memory) -> list[int]:
    if port.baud is not None:
        return [port.baud]
    last = memory.get("baud")
    first = [last] if last in RATES else []
    return list(dict.fromkeys([*first, *RATES]))


async def _search(line: Line, rates: Sequence[int]) -> bool:
    for rate in rates:
        if line.baud != rate:
            await line.set_baud(rate)
        if await answers(line):
            return True
    return False


async def _wake(line: Line, rates: Sequence[int]) -> bool:
    """Look again where a modem may be in the middle of a send, or in transparent mode."""
    for rate in rates:
        if line.baud != rate:
            await line.set_baud(rate)
        line.write(CANCEL + b"\r" * LONGEST_SEND)
        await asyncio.sleep(SILENCE)
        line.write(ESCAPE)
        await asyncio.sleep(SILENCE)
        if await answers(line):
            return True
    return False


async def answers(line: Line) -> bool:
    """Whether the modem answers AT at this rate."""
    question = replace(attention(), wait=LOOK)
    for _attempt in range(LOOKS):
        if await line.look(question):
            return True
    return False


async def identify(line: Line) -> Identity:
    """Ask what it is (ATI, CGMM); raises CommandError."""
    lines = [*await _lines(line, identification()), *await _lines(line, model())]
    words = " ".join(dict.fromkeys(each for each in lines if each.strip()))
    names = (name for name, row in MODELS.items() if row.names.search(words))
    return Identity(words, next(names, ""))


async def prepare(line: Line, wanted: str) -> str:
    """Switch echo and texts as the driver wants them, and return the IMEI, perhaps empty.

    Raises ProbeError where it is another model than `wanted`, CommandError.
    """
    await line.ask(echo(on=False))
    line.echo_is_off()
    identity = await identify(line)
    if identity.model not in ("", wanted):
        raise ProbeError(
            f'this is a {MODELS[identity.model].title}: write chip = "{identity.model}"'
        )
    await _lines(line, error_form(NUMBERS))
    if read_number(await _lines(line, functionality_query())) not in (FULL, None):
        await line.ask(functionality(FULL))
    return read_digits(await _lines(line, imei())) or ""


async def _lines(line: Line, question: Command) -> Sequence[str]:
    """Return a reply's lines, none where the modem knows no such command."""
    try:
        return (await line.ask(question)).lines
    except ChipError:
        return ()
