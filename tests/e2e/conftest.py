"""A broker, a simulated chip on a pseudo-terminal, an observer and the bridge between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from chiplink.sim import Ch9329Sim, PtyLine

for module in ("waiting", "observer", "broker", "proxy", "program", "house"):
    pytest.register_assert_rewrite(f"e2e_{module}")
from e2e_broker import mosquitto  # noqa: E402 - its assertions are rewritten first
from e2e_house import House, house, tables  # noqa: E402
from e2e_observer import Observer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chiplink.demo.broker import OwnBroker


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[OwnBroker]:
    async with mosquitto() as running:
        yield running


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Ch9329Sim]:
    chip = Ch9329Sim()
    yield chip
    chip.close()


@pytest_asyncio.fixture
async def line(sim: Ch9329Sim, tmp_path: Path) -> AsyncIterator[PtyLine]:
    async with PtyLine(sim, link=tmp_path / "kvm") as port:
        yield port


@pytest_asyncio.fixture
async def observer(broker: OwnBroker) -> AsyncIterator[Observer]:
    async with Observer(broker.port) as client:
        yield client


@pytest_asyncio.fixture
async def home(
    sim: Ch9329Sim,
    line: PtyLine,
    observer: Observer,
    broker: OwnBroker,
    request: pytest.FixtureRequest,
) -> AsyncIterator[House]:
    """A running house; `@pytest.mark.parametrize("home", …, indirect=True)` changes its device."""
    changes = getattr(request, "param", {})
    async with house(sim, line, observer, tables(broker.url, line.path, **changes)) as one:
        yield one
