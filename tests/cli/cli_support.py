"""The command line run in a thread, against a simulated chip on a pseudo-terminal of this loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.cli import main
from chiplink.sim import events

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from chiplink.sim import Ch9329Sim, PtyLine

DEADLINE = 60

WRITING = frozenset({0x09, 0x0B, 0x0C, 0x0F})
"""Commands that change what the chip stores, or reset it."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("chiplink: "), self
        return lines[0]


class Desk:
    """A chip on a port, and somebody at the command line."""

    def __init__(self, sim: Ch9329Sim, line: PtyLine, capsys: pytest.CaptureFixture[str]) -> None:
        self.sim = sim
        self.line = line
        self._capsys = capsys
        self.commands: list[int] = []
        self.resets = 0
        sim.observe(self._note)

    @property
    def port(self) -> str:
        return f"serial://{self.line.path}?baud={self.sim.baud}"

    @property
    def written(self) -> list[int]:
        """The commands received that change something."""
        return [command for command in self.commands if command in WRITING]

    async def run(self, *arguments: str) -> Ended:
        return await run_program(self._capsys, *arguments)

    async def configure(self, *arguments: str) -> Ended:
        return await self.run("configure", "--port", self.port, *arguments)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds, looking again at every event of the chip."""
        changed = asyncio.Event()
        stop = self.sim.observe(lambda _event: changed.set())
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition():
                    await changed.wait()
                    changed.clear()
        finally:
            stop()

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.FrameReceived) and not event.problem:
            self.commands.append(event.command)
        elif isinstance(event, events.Started) and event.cause == "reset":
            self.resets += 1


async def run_program(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """Run the command line in a thread."""
    capsys.readouterr()
    code = await asyncio.wait_for(asyncio.to_thread(_code, arguments), DEADLINE)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return Ended(code, out, err)


def _code(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
