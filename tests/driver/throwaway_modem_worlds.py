"""A network and a chip on it: a stack in memory, or an AT modem, whichever way it works."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from chiplink.driver.streams import Streams
from chiplink.transport.memory import MemoryPort
from driver.fake_stack import CHIP, FakeStack, Network
from driver.throwaway_modem import ThrowawaySim800
from driver.throwaway_modem_driver import ThrowawayModem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from chiplink.driver.sockets import Stack


class World:
    """A network and a chip on it."""

    def __init__(self, network: Network, stack: Stack, ip: str, lose: Callable[[], None]) -> None:
        self.network = network
        self.streams = Streams(stack)
        self.ip = ip
        self.lose = lose


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[World]:
    network = Network()
    stack = FakeStack(network)
    yield World(network, stack, CHIP, stack.lose)


@contextlib.asynccontextmanager
async def modem(*, pull: bool, several: bool, quick: bool = False) -> AsyncIterator[World]:
    network = Network()
    chip = ThrowawaySim800(network)
    port = MemoryPort(chip)
    driver = ThrowawayModem(port, pull=pull, several=several, quick=quick)
    await driver.start()
    yield World(network, driver, chip.ip, port.lines[0].break_line)
    await driver.stop()
    chip.switch_off()


WORLDS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[World]]] = {
    "fake": fake,
    "pull-several": lambda: modem(pull=True, several=True),
    "pull-one": lambda: modem(pull=True, several=False),
    "push-several": lambda: modem(pull=False, several=True),
    "push-one": lambda: modem(pull=False, several=False),
    "quick": lambda: modem(pull=True, several=True, quick=True),
}
