"""INT#: a simulator's socket, and a GPIO line by a gpiod that is made by hand."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.exceptions import PortError
from chiplink.sim import Ch392Sim, Ch392Times, SpiWire
from chiplink.transport.interrupt import GpioLine, IntLine, SocketLine, interrupt_at

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE = 20


async def readable(line: IntLine) -> None:
    """Wait until the descriptor is readable, as a driver does."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(line.fd, lambda: ready.done() or ready.set_result(None))
    try:
        async with asyncio.timeout(DEADLINE):
            await ready
    finally:
        loop.remove_reader(line.fd)


async def changed(line: IntLine) -> int | None:
    await readable(line)
    line.acknowledge()
    return line.level()


def read_up(line: IntLine) -> None:
    """Take all that can have come, and the end."""
    for _ in range(3):
        line.acknowledge()


async def test_a_simulators_int(tmp_path: Path) -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    async with SpiWire(sim, tmp_path / "wire") as wire:
        line = await interrupt_at(wire.path + ".int").open()
        assert await changed(line) == 1
        sim.chip.interrupts.raise_bits(0x04)
        while await changed(line) != 0:
            pass
        sim.chip.interrupts.read()
        while await changed(line) != 1:
            pass
        line.close()
        line.close()
    sim.close()


async def test_an_edge_that_got_lost(tmp_path: Path) -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    async with SpiWire(sim, tmp_path / "wire") as wire:
        line = await interrupt_at(wire.path + ".int").open()
        await readable(line)
        line.acknowledge()
        sim.faults.switch_on("int-lost")
        sim.chip.interrupts.raise_bits(0x04)
        assert line.level() == 1
        while await changed(line) != 0:
            pass
        line.close()
    sim.close()


async def test_the_simulator_ends(tmp_path: Path) -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    async with SpiWire(sim, tmp_path / "wire") as wire:
        line = await interrupt_at(wire.path + ".int").open()
        assert await changed(line) == 1
    await readable(line)
    with pytest.raises(PortError, match="the simulator is gone"):
        read_up(line)
    with pytest.raises(PortError, match="the simulator is gone"):
        line.level()
    line.close()
    sim.close()


def test_levels_of_a_socket_in_hand() -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    line = SocketLine(near, "pin")
    line.acknowledge()
    assert line.level() is None
    assert far.recv(8) == b"?"
    far.send(b"\x00\x01\x00")
    assert line.level() == 0
    far.send(b"1")
    with pytest.raises(PortError, match="pin: 31 is no level"):
        line.acknowledge()
    line.close()
    far.close()


async def test_no_simulator(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="no simulator's INT# there"):
        await interrupt_at(str(tmp_path / "none")).open()


# gpiod 2, as far as it is used.


class Value(Enum):
    INACTIVE = 0
    ACTIVE = 1


class Request:
    """A requested line: its descriptor is a pipe of edges."""

    def __init__(self) -> None:
        self.fd, self.edges = os.pipe()
        self.value = Value.ACTIVE
        self.reads: list[int] = []
        self.live = True

    def __bool__(self) -> bool:
        return self.live

    def get_value(self, offset: int) -> Value:
        if offset != 25:
            raise OSError(errno.EINVAL, "no")
        return self.value

    def read_edge_events(self, count: int) -> list[int]:
        self.reads.append(count)
        return list(os.read(self.fd, count))

    def release(self) -> None:
        self.live = False
        os.close(self.fd)
        os.close(self.edges)


class Gpiod(ModuleType):
    """The module."""

    def __init__(self) -> None:
        super().__init__("gpiod")
        self.line = SimpleNamespace(
            Direction=SimpleNamespace(INPUT="input"),
            Edge=SimpleNamespace(FALLING="falling"),
            Bias=SimpleNamespace(PULL_UP="up", AS_IS="as is"),
            Value=Value,
        )
        self.LineSettings = SimpleNamespace
        self.asked: list[tuple[Any, ...]] = []
        self.fails: list[int] = []

    def request_lines(self, path: str, *, consumer: str, config: dict[int, Any]) -> Request:
        ((offset, settings),) = config.items()
        self.asked.append((path, consumer, offset, settings.direction, settings.edge_detection))
        self.asked[-1] += (settings.bias,)
        if self.fails:
            raise OSError(self.fails.pop(0), "no")
        return Request()


@pytest.fixture
def gpiod(monkeypatch: pytest.MonkeyPatch) -> Gpiod:
    module = Gpiod()
    monkeypatch.setitem(sys.modules, "gpiod", module)
    return module


async def test_a_gpio_line(gpiod: Gpiod) -> None:
    line = await interrupt_at("gpiochip0:25").open()
    assert isinstance(line, GpioLine)
    assert gpiod.asked == [("/dev/gpiochip0", "chiplink", 25, "input", "falling", "up")]
    request = line._request
    assert line.level() == 1
    request.value = Value.INACTIVE
    assert line.level() == 0
    line.acknowledge()
    assert request.reads == []
    os.write(request.edges, bytes(20))
    await readable(line)
    line.acknowledge()
    assert request.reads == [16, 16]
    line.close()
    line.close()
    assert not request.live


async def test_a_chip_that_cannot_pull(gpiod: Gpiod) -> None:
    gpiod.fails = [errno.EOPNOTSUPP]
    line = await interrupt_at("gpiochip0:25").open()
    assert [asked[-1] for asked in gpiod.asked] == ["up", "as is"]
    line.close()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "no such GPIO chip"),
        (errno.EACCES, "sudo usermod -aG gpio"),
        (errno.EBUSY, "gpioinfo says which"),
        (errno.EINVAL, "no such line"),
        (errno.ENOMEM, "Cannot allocate memory"),
    ],
)
async def test_gpio_is_refused(gpiod: Gpiod, number: int, words: str) -> None:
    gpiod.fails = [number, number]
    with pytest.raises(PortError, match=f"gpiochip0:25: .*{words}"):
        await interrupt_at("gpiochip0:25").open()


async def test_gpio_is_lost(gpiod: Gpiod) -> None:
    line = await interrupt_at("gpiochip0:26").open()
    with pytest.raises(PortError, match="gpiochip0:26"):
        line.level()
    line.close()


async def test_gpiod_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(PortError, match=r"pip --python \S+ install 'gpiod>=2\.1'"):
        await interrupt_at("gpiochip0:25").open()


async def test_gpiod_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", ModuleType("gpiod"))
    with pytest.raises(PortError, match=r"gpiod 2\.1 or later"):
        await interrupt_at("gpiochip0:25").open()
