"""A simulated chip that takes no time, and a desk in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from chiplink.driver import ch9329_setup
from chiplink.sim import Ch9329Sim, PtyLine, Times

pytest.register_assert_rewrite("cli_support")
from cli_support import Desk  # noqa: E402 - its assertions are rewritten first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ch9329_setup, "FIRST_LOOK", 0.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest_asyncio.fixture
async def sim(request: pytest.FixtureRequest) -> AsyncIterator[Ch9329Sim]:
    """Instant; `@pytest.mark.parametrize("sim", [Times(…)], indirect=True)` changes its times."""
    chip = Ch9329Sim(times=getattr(request, "param", Times.instant()))
    yield chip
    chip.close()


@pytest_asyncio.fixture
async def desk(
    sim: Ch9329Sim, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Desk]:
    async with PtyLine(sim, link=tmp_path / "kvm") as line:
        yield Desk(sim, line, capsys)
