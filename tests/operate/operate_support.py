"""Somebody at the command line, and a chip whose line is listened to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.cli import main

if TYPE_CHECKING:
    import pytest

DEADLINE = 30


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
    """Runs commands on a thread, as they have a loop of their own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def run(self, *arguments: str) -> Ended:
        self._capsys.readouterr()
        code = await asyncio.wait_for(asyncio.to_thread(_code, arguments), DEADLINE)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(code, out, err)


def _code(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
