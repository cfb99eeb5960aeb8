"""pymodbus over the chip: its client is told to open its connection there, and knows no more."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from e2e_broker import free_port
from e2e_chips import NEIGHBOUR, ready_chip
from e2e_waiting import until
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chiplink.chips import Ch392Chip

REGISTERS = 200


def device() -> SimDevice:
    """A PLC whose register n holds 3n."""
    values = [3 * number for number in range(REGISTERS)]
    return SimDevice(1, [SimData(0, values=values, datatype=DataType.REGISTERS)])


@asynccontextmanager
async def plc(port: int) -> AsyncIterator[ModbusTcpServer]:
    server = ModbusTcpServer(device(), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield server
    finally:
        await server.shutdown()


@asynccontextmanager
async def connected(chip: Ch392Chip, port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient(NEIGHBOUR, port=port, reconnect_delay=0.05, timeout=10)
    client.ctx.call_create = partial(
        chip.create_connection, client.ctx.handle_new_connection, NEIGHBOUR, port
    )
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def test_registers_are_read_and_written(tmp_path: Path) -> None:
    port = free_port()
    async with (
        ready_chip(tmp_path) as (_lan, chip),
        plc(port),
        connected(chip, port) as client,
    ):
        assert (await client.read_holding_registers(5, count=3)).registers == [15, 18, 21]
        await client.write_registers(5, [1, 65535, 0])
        assert (await client.read_holding_registers(4, count=5)).registers == [12, 1, 65535, 0, 24]
        wrong = await client.read_holding_registers(REGISTERS + 1)
        assert wrong.isError()
        assert wrong.exception_code == 2, "illegal data address"


async def test_a_hundred_requests(tmp_path: Path) -> None:
    """Each answer belongs to its question; the longest question and answer are among them."""
    port = free_port()
    async with (
        ready_chip(tmp_path, sockets=1) as (_lan, chip),
        plc(port),
        connected(chip, port) as client,
    ):
        for number in range(1, 51):
            count = 123 if number == 25 else number
            values = [number * 1000 + offset for offset in range(count)]
            assert not (await client.write_registers(number, values)).isError()
            answer = await client.read_holding_registers(number, count=min(count + 2, 125))
            assert answer.registers[:count] == values
        assert chip._device.counters()["replies_lost"] == 0


async def test_the_server_goes_away_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    async with (
        ready_chip(tmp_path) as (_lan, chip),
        plc(port) as first,
        connected(chip, port) as client,
    ):
        assert (await client.read_holding_registers(1)).registers == [3]
        await first.shutdown()
        await until(lambda: not client.connected, "pymodbus did not notice")
        async with plc(port):
            await until(lambda: client.connected, "pymodbus did not connect again")
            await client.write_register(1, 7)
            assert (await client.read_holding_registers(1)).registers == [7]


async def test_the_cable_is_pulled_out_and_put_in(tmp_path: Path) -> None:
    port = free_port()
    async with (
        ready_chip(tmp_path) as (lan, chip),
        plc(port),
        connected(chip, port) as client,
    ):
        assert (await client.read_holding_registers(1)).registers == [3]
        lan.sim.unplug_cable()
        await until(lambda: not client.connected, "pymodbus did not notice")
        lan.sim.plug_cable()
        await until(lambda: client.connected, "pymodbus did not connect again")
        assert (await client.read_holding_registers(2)).registers == [6]
