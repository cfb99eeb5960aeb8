"""The simulated CH392 on a pseudo-terminal, opened with pyserial, and run as the command does."""

import asyncio
import json
from pathlib import Path

import pytest
import serial
from sim_ch392 import Board, accepted, board, connected, port_of, tcp_server

from chiplink.sim import Ch392Sim, PtyLine, run_sim
from chiplink.sim.ch392_events import BaudChanged
from chiplink.sim.events import Event
from chiplink.sim.runner import SIMULATORS

CHECK = bytes.fromhex("57 AB 06 57")


def ask(port: str, data: bytes, size: int, baud: int = 9600) -> bytes:
    with serial.Serial(port, baud, timeout=20) as line:
        line.write(data)
        return line.read(size)


def adjust(port: serial.Serial, event: Event) -> None:
    if isinstance(event, BaudChanged):
        port.baudrate = event.baud


@pytest.mark.parametrize("pace", [False, True])
async def test_the_baud_rate_changes_on_the_port(*, pace: bool) -> None:
    async with board(ready=False) as host, PtyLine(host.sim, pace=pace) as line:
        with serial.Serial(line.path, 9600, timeout=20) as port:
            await asyncio.to_thread(port.write, CHECK)
            assert await asyncio.to_thread(port.read, 1) == b"\xa8"
            # A host that adjusts its rate in time hears the answer at the new one.
            host.sim.observe(lambda event: adjust(port, event))
            await asyncio.to_thread(port.write, bytes.fromhex("57 AB 02 00 C2 01"))
            assert await asyncio.to_thread(port.read, 1) == b"\0"
            assert line.garbled == 0
            await asyncio.to_thread(port.write, CHECK)
            assert await asyncio.to_thread(port.read, 1) == b"\xa8"


async def test_a_speed_changed_before_the_port_is_read() -> None:
    async with board(ready=False) as host, PtyLine(host.sim) as line:
        with serial.Serial(line.path, 9600, timeout=20) as port:
            await asyncio.to_thread(port.write, CHECK)
            assert await asyncio.to_thread(port.read, 1) == b"\xa8"
            # A busy machine: the program is at its new speed before the simulator has read this.
            port.write(bytes.fromhex("57 AB 02 00 C2 01"))
            port.baudrate = 115200
            assert await asyncio.to_thread(port.read, 1) == b"\0"
            await asyncio.to_thread(port.write, CHECK)
            assert await asyncio.to_thread(port.read, 1) == b"\xa8"
            assert line.garbled == 0


async def test_the_old_rate_is_not_understood_any_more() -> None:
    async with board(ready=False) as host, PtyLine(host.sim) as line:
        host.say("02 00 C2 01")
        await host.until(lambda: host.sim.baud == 115200)
        assert await asyncio.to_thread(ask, line.path, CHECK, 1, 115200) == b"\xa8"
        with serial.Serial(line.path, 9600, timeout=20) as port:
            received, garbled = line.received, line.garbled
            await asyncio.to_thread(port.write, CHECK)
            await host.until(lambda: line.received == received + len(CHECK))
            assert line.garbled == garbled + len(CHECK)
            port.baudrate = 115200
            await asyncio.to_thread(port.write, CHECK)
            assert await asyncio.to_thread(port.read, 1) == b"\xa8"


async def test_a_whole_stream_over_the_port() -> None:
    async with board(ready=False) as host, PtyLine(host.sim) as line:
        read = bytes.fromhex("57 AB 3C 00 00 10")
        assert await asyncio.to_thread(ask, line.path, read, 4096) == bytes(4096)
        assert line.dropped == 0


async def test_every_byte_value_through_the_port_to_the_network() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer, PtyLine(host.sim) as line:
                write = bytes.fromhex("57 AB 39 00 00 01") + bytes(range(256)) + CHECK
                assert await asyncio.to_thread(ask, line.path, write, 1) == b"\xa8"
                assert await peer.receive(256) == bytes(range(256))


async def test_int_needs_no_line() -> None:
    sim = Ch392Sim()
    try:
        host = Board(sim)
        sim.chip.initialised = True
        sim.conflict_ip()
        assert host.levels == [0]
    finally:
        sim.close()


async def test_run_until_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "lan"
    lines: list[str] = []
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_sim(
            "ch392",
            link=path,
            faults=["no-answer=version"],
            log=lines.append,
            on_ready=ready.set_result,
        )
    )
    async with asyncio.timeout(20):
        assert await ready == f"ready {path}"
        asked = bytes.fromhex("57 AB 01") + CHECK
        assert await asyncio.to_thread(ask, str(path), asked, 1) == b"\xa8"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = [json.loads(line) for line in lines]
    assert [line["event"] for line in seen] == ["fault", "command", "command", "reply"]
    assert [line.get("fault") for line in seen[1:3]] == ["no-answer", ""]


async def test_a_fault_of_another_chip_is_unknown() -> None:
    with pytest.raises(ValueError, match="no fault is called 'overrun'"):
        await run_sim("ch392", faults=["overrun"])


def test_both_chips_have_a_row() -> None:
    assert {"ch392", "ch9329"} <= set(SIMULATORS)
