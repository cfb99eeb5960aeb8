"""A simulated chip without waiting, and a host for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from chiplink.sim import Ch9329Sim, Times

pytest.register_assert_rewrite("sim_support")
from sim_support import Host  # noqa: E402 - its assertions are rewritten first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Ch9329Sim]:
    chip = Ch9329Sim(times=Times.instant())
    yield chip
    chip.close()


@pytest.fixture
def host(sim: Ch9329Sim) -> Host:
    return Host(sim)
