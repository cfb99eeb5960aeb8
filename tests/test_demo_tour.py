"""The demonstration: its tour holds, says so when it does not, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from chiplink.cli import demo_command
from chiplink.demo import screen, tour
from chiplink.demo.broker import OwnBroker
from chiplink.demo.neighbours import Echo, UdpNeighbour, free_port
from chiplink.demo.stage import NODE, Stage
from chiplink.demo.tour_checks import SETTLE, StepError, expect, settle
from chiplink.exceptions import BrokerError

if TYPE_CHECKING:
    from types import TracebackType

DEADLINE = 20


async def test_every_step_holds(capsys: pytest.CaptureFixture[str]) -> None:
    async with Stage() as stage:
        folder, port = Path(stage.line.path).parent, stage.broker.port
        assert await tour.run_tour(stage), capsys.readouterr().out
        assert all(f"-p {port} " in line or stage.url in line for line in screen.invitation(stage))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("ok  ")] == [
        f"{len(tour.STEPS)} of {len(tour.STEPS)} steps held"
    ]
    assert len(lines) == len(tour.STEPS) + 1
    assert not folder.exists()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_each_step_has_a_name_of_its_own() -> None:
    """Its first word is the device that it shows."""
    names = [name for name, _step in tour.STEPS]
    assert len(set(names)) == len(names)
    assert {name.split()[0] for name in names} >= {"kvm", "lan", "nbiot", "gprs", "cell"}


async def test_what_does_not_hold_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps after it are played all the same."""

    async def good(_stage: Stage) -> str:
        return "as it should be"

    async def bad(_stage: Stage) -> str:
        expect("the light", seen=False, expected=True)
        return "unreachable"

    async def late(_stage: Stage) -> str:
        raise TimeoutError

    steps = (("one", good), ("two", bad), ("three", late), ("four", good))
    monkeypatch.setattr(tour, "STEPS", steps)
    stage: Any = None
    assert not await tour.run_tour(stage)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "ok  one: as it should be",
        "FAILED  two: the light is False, expected True",
        "FAILED  three: not in time",
        "ok  four: as it should be",
        "2 of 4 steps held",
    ]


async def test_what_shows_late(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter((1, 2, 3, 3))
    await settle("the number", lambda: next(seen), 3)
    monkeypatch.setattr("chiplink.demo.tour_checks.SETTLE", 0.0)
    with pytest.raises(StepError, match="the number is 4, expected 3"):
        await settle("the number", lambda: 4, 3)
    assert SETTLE > 0


@pytest.mark.parametrize("held", [False, True])
async def test_the_exit_code(monkeypatch: pytest.MonkeyPatch, *, held: bool) -> None:
    class Empty:
        """A stage with nothing on it."""

        def __init__(self, url: str | None) -> None:
            self.url = url

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(
            self,
            _kind: type[BaseException] | None,
            _error: BaseException | None,
            _trace: TracebackType | None,
        ) -> None:
            left.append(self.url)

    async def run_tour(_stage: Empty) -> bool:
        return held

    left: list[str | None] = []
    monkeypatch.setattr(demo_command, "Stage", Empty)
    monkeypatch.setattr(demo_command, "run_tour", run_tour)
    assert await demo_command._play(once=True, url="mqtt://localhost") == (0 if held else 1)
    assert left == ["mqtt://localhost"]


async def test_somebody_s_broker(capsys: pytest.CaptureFixture[str]) -> None:
    """It is used, and goes on; every simulated chip is there when the stage is."""
    async with OwnBroker() as broker:
        async with Stage(broker.url) as stage:
            values = stage.watcher.values
            for device in ("kvm", "lan", "lan_server"):
                assert values[f"chiplink/{NODE}/{device}/availability"] == "online"
        with socket.create_connection(("127.0.0.1", broker.port)):
            pass
    assert capsys.readouterr().out == ""


async def test_ctrl_c_does_not_end_the_broker_first() -> None:
    async with OwnBroker() as broker:
        assert broker._process is not None
        assert os.getpgid(broker._process.pid) == broker._process.pid


async def test_a_broker_that_is_not_there() -> None:
    port = free_port(socket.SOCK_STREAM)
    with pytest.raises(BrokerError):
        async with Stage(f"mqtt://127.0.0.1:{port}"):
            raise AssertionError("it was entered")
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Who else is on the network


async def test_an_echo() -> None:
    async with Echo() as echo, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
    async with asyncio.timeout(DEADLINE):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_neighbour_with_datagrams() -> None:
    async with UdpNeighbour() as one, UdpNeighbour() as other, asyncio.timeout(DEADLINE):
        one.send(b"hello", other.port)
        data, (host, port) = await other.heard.get()
        assert (data, host, port) == (b"hello", "127.0.0.1", one.port)
        room = other.heard.maxsize
        for number in range(room + 10):
            other.datagram_received(b"%d" % number, ("127.0.0.1", 1))
        assert other.heard.qsize() == room


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_free_port(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", free_port(kind)))
