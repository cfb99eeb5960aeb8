"""A house: Home Assistant, a broker, the bridge and a chip with its computer, all for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

for module in ("programs", "hass", "house"):
    pytest.register_assert_rewrite(f"real_{module}")
from real_house import House  # noqa: E402 - its assertions are rewritten first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with House(tmp_path_factory.mktemp("house")) as one:
        yield one
