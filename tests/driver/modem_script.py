"""A scripted modem at the far end of a line: what it hears, and what it says to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from chiplink.driver.modem_line import Line
from chiplink.transport.memory import MemoryPort

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.protocol.at_events import Event


class Script:
    """A Peer that answers each command by the first text of `answers` that fits its begin.

    `heard` are the commands, payloads too. An empty answer is silence.
    """

    def __init__(self, answers: dict[str, list[str]] | None = None) -> None:
        self.answers = {"AT+CFUN?": ["\r\n+CFUN: 1\r\n\r\nOK\r\n"], **(answers or {})}
        self.heard: list[bytes] = []
        self._send: Callable[[bytes], None] = _nobody

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def detach(self) -> None:
        self._send = _nobody

    def say(self, text: str) -> None:
        self._send(text.encode("latin-1"))

    def receive(self, data: bytes) -> None:
        self.heard.append(data)
        for begin, answers in self.answers.items():
            if data.startswith(begin.encode("latin-1")):
                self.say(answers.pop(0) if len(answers) > 1 else answers[0])
                return


class Told:
    """A line to a script, and the events that belong to no command."""

    def __init__(self, script: Script, line: Line, events: list[Event]) -> None:
        self.script = script
        self.line = line
        self.events = events
        self.counters: Counter[str] = Counter()


async def lined(script: Script) -> Told:
    """Open a line to `script`."""
    events: list[Event] = []
    counters: Counter[str] = Counter()
    line = Line(await MemoryPort(script).open(115200), counters, events.append)
    told = Told(script, line, events)
    told.counters = counters
    return told


async def turns(count: int = 10) -> None:
    """Let everything that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def _nobody(_data: bytes) -> None:
    """Nobody is there."""
