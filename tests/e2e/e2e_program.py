"""`chiplink` as a program of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e_waiting import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_QUIET = ("CHIPLINK_CONFIG", "CHIPLINK_BROKER")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left."""

    code: int
    out: str
    err: str


async def chiplink(*arguments: str, stdin: bytes = b"") -> Ended:
    """Run it to its end."""
    process = await asyncio.create_subprocess_exec(
        *_command(arguments),
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), DEADLINE)
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    return Ended(process.returncode or 0, out.decode(), err.decode())


class Program:
    """One that runs on; `lines` and `log` are what it said on its two outputs so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.log: list[str] = []

    async def listen(self) -> None:
        await asyncio.gather(
            _collect(self.process.stdout, self.lines), _collect(self.process.stderr, self.log)
        )

    async def said(self, words: str) -> str:
        """Wait for a line that holds `words`, on either output."""
        return await until(
            lambda: next((line for line in self.lines + self.log if words in line), ""),
            lambda: f"it said {self.lines + self.log}",
        )

    async def ends(self) -> int:
        """Wait for its end and return the exit code."""
        return await asyncio.wait_for(self.process.wait(), DEADLINE)


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Program]:
    """Start it; it is ended at the latest when the context is left."""
    process = await asyncio.create_subprocess_exec(
        *_command(arguments),
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    listening = asyncio.create_task(program.listen())
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


@asynccontextmanager
async def simulator(link: Path, *options: str) -> AsyncIterator[Program]:
    """`chiplink sim ch9329` with its port at `link`, when it is ready."""
    async with running("sim", "ch9329", "--link", str(link), "--log", "json", *options) as program:
        await program.said(f"ready {link}")
        yield program


async def _collect(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    assert stream is not None
    async for line in stream:
        lines.append(line.decode().rstrip("\n"))  # noqa: PERF401 - each as it comes


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "chiplink", *arguments]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _QUIET}
