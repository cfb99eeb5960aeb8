"""The command line with the operator's commands, and a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from chiplink import cli
from e2e.e2e_broker import mosquitto

pytest.register_assert_rewrite("operate_support")
from operate_support import Desk  # noqa: E402 - its assertions are rewritten first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chiplink.demo.broker import OwnBroker


@pytest.fixture
def desk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in ("doctor", "forget", "trace"):
        monkeypatch.setitem(cli.COMMANDS, name, name)
    return Desk(capsys)


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[OwnBroker]:
    async with mosquitto() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run on a thread here, where no signal can be waited for."""
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", lambda *_arguments: None)
