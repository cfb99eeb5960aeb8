"""A modem in a Python program: asyncio's own calls over its links; what probing finds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from driver_modem import DEADLINE, EVERY, PEER, SIMULATORS
from test_modem_sockets import EVERY_BYTE, serving

from chiplink import chips
from chiplink.driver import modem_probe
from chiplink.exceptions import UsageError
from chiplink.sim import Ether, ModemTimes
from chiplink.transport.memory import MemoryPort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chiplink.sim.modem import ModemSim

OPEN = {"sim800": chips.sim800, "sim7028": chips.sim7028, "gseries": chips.gseries}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def modems(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModemSim]]:
    """The simulated modems behind ports of programs, as they are opened."""
    made: list[ModemSim] = []

    def make(_url: Any, chip: str, text: str) -> MemoryPort:
        ether = Ether(address_map={PEER: "127.0.0.1"})
        made.append(SIMULATORS[chip](ether=ether, times=ModemTimes.instant()))
        return MemoryPort(made[-1], text)

    monkeypatch.setattr(chips, "make_port", make)
    yield made
    for sim in made:
        sim.close()


@pytest.mark.parametrize("name", EVERY)
async def test_a_connection(name: str, modems: list[ModemSim]) -> None:
    async with (
        serving() as server,
        asyncio.timeout(DEADLINE),
        OPEN[name]("/dev/ttyUSB0", apn="internet") as chip,
    ):
        reader, writer = await chip.open_connection(PEER, server.port)
        caller = await server.accept()
        writer.write(b"hello")
        assert await caller.read(5) == b"hello"
        await caller.write(EVERY_BYTE)
        assert await reader.readexactly(256) == EVERY_BYTE
        assert chip.states["sim"] == "ready"
        assert await chip.command("at", "AT+CSQ") == [
            "+CSQ: 20,99" if name == "gseries" else "+CSQ: 20,0",
            "OK",
        ]
        writer.close()
        await writer.wait_closed()
    assert len(modems) == 1


async def test_a_pin_is_known_to_the_next_program(modems: list[ModemSim], state: Path) -> None:
    lines: list[str] = []
    for _program in range(2):
        chip = chips.sim800("/dev/ttyUSB0", apn="internet", pin="9999")
        modems[-1].card.lock()
        modems[-1].observe(lambda event: lines.append(str(getattr(event, "text", ""))))
        async with asyncio.timeout(DEADLINE), chip:
            with pytest.raises(TimeoutError, match="PIN"):
                await chip.ready(0.5)
    assert [each for each in lines if each.startswith("AT+CPIN=")] == ['AT+CPIN="9999"']
    assert "9999" not in (state / "python.json").read_text()


@pytest.mark.parametrize(
    "options",
    [{}, {"apn": 'a"b'}, {"apn": "x", "pin": "12"}, {"apn": "x", "mode": "poll"}],
)
def test_wrong_usage(options: Any) -> None:
    with pytest.raises(UsageError):
        chips.sim800("/dev/ttyUSB0", **options)


@pytest.mark.parametrize("name", EVERY)
async def test_probing_changes_nothing(name: str) -> None:
    sim = SIMULATORS[name](times=ModemTimes.instant())
    try:
        async with asyncio.timeout(DEADLINE):
            found = await modem_probe.find(MemoryPort(sim, name))
        assert found.chip == name
        assert found.baud == 115200
        assert sim.port.echo
    finally:
        sim.close()
