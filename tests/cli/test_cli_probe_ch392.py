"""`chiplink probe` and a CH392: found at every rate, and left as it is."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cli_support import run_program

from chiplink.devices import bus_port
from chiplink.driver import ch392_uart_bus, ch9329_setup
from chiplink.driver.ch392_probe import Found392, find
from chiplink.exceptions import PortError, ProbeError
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.sim import Ch392Sim, Ch392Times, PtyLine
from chiplink.sim.ch392_events import BaudChanged, ChipStarted, CommandTaken, PhyChanged
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from chiplink.driver.ch392_bus import BusPort
    from chiplink.sim.events import Event

DEADLINE = 20
RATES = (4800, 9600, 19200, 38400, 57600, 115200, 460800, 921600)

LOOKS = {0x01, 0x06, 0x26, 0x40, 0x43}
"""GET_IC_VER, CHECK_EXIST, GET_PHY_STATUS, GET_MAC_ADDR, GET_IP_INF: the table of section 5."""

ESTABLISHED = 0x04
"""A TCP state (section 5.15)."""


class Board:
    """A chip on a port, and what it did."""

    def __init__(self, sim: Ch392Sim, line: PtyLine) -> None:
        self.sim = sim
        self.line = line
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        sim.observe(self._note)

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    def say(self, *commands: str) -> None:
        for command in commands:
            self.sim.receive(bytes.fromhex("57 AB" + command))

    async def run_at(self, baud: int) -> None:
        """SET_BAUDRATE (5.2): three bytes, low first."""
        if baud != self.sim.baud:
            self.say("02" + baud.to_bytes(3, "little").hex())
            await self.until(lambda: self.of(BaudChanged))

    async def initialise(self) -> None:
        """Be 192.168.1.60 with the cable in."""
        self.say("22 C0 A8 01 3C", "24 FF FF FF 00", "27")
        await self.until(lambda: self.of(PhyChanged))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def port(self) -> BusPort:
        """The port without a rate."""
        return bus_port(parse_port(self.line.path), self.line.path, DEFAULT)

    def left_as_it_was(self, baud: int) -> None:
        taken = {event.code for event in self.events if isinstance(event, CommandTaken)}
        assert taken <= LOOKS
        assert self.of(ChipStarted) == []
        assert self.sim.baud == baud


@asynccontextmanager
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    chip = Ch392Sim(times=Ch392Times.instant())
    try:
        async with PtyLine(chip, link=tmp_path / "lan") as line:
            yield Board(chip, line)
    finally:
        chip.close()


@pytest.mark.parametrize("baud", RATES)
async def test_it_is_found_at_every_rate_and_left_as_it_is(baud: int, tmp_path: Path) -> None:
    async with board(tmp_path) as it:
        await it.run_at(baud)
        await it.initialise()
        it.events.clear()
        found = await find(it.port)
        it.left_as_it_was(baud)
    assert found == Found392(baud, "01h", "84:c2:e4:00:03:92", "full_duplex", "192.168.1.60")


async def test_no_rate_needs_to_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found where a CH9329 was looked for in vain."""
    monkeypatch.setattr(ch9329_setup, "SEARCH", (9600, 115200))
    async with board(tmp_path) as it:
        await it.run_at(460800)
        await it.initialise()
        it.events.clear()
        ended = await run_program(capsys, "probe", it.line.path)
        it.left_as_it_was(460800)
    assert ended.code == 0, ended
    assert [line.split() for line in ended.out.splitlines()] == [
        [f"{it.line.path}:", "CH392"],
        ["baud", "460800"],
        ["firmware", "01h"],
        ["MAC", "84:c2:e4:00:03:92"],
        ["cable", "full_duplex"],
        ["IP", "192.168.1.60"],
    ]
    assert ended.err == ""


async def test_as_json_although_the_rate_told_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with board(tmp_path) as it:
        await it.run_at(115200)
        it.events.clear()
        port = f"serial://{it.line.path}?baud=921600"
        ended = await run_program(capsys, "probe", port, "--json")
        it.left_as_it_was(115200)
    assert ended.code == 0, ended
    assert json.loads(ended.out) == {
        "port": port,
        "chip": "ch392",
        "baud": 115200,
        "firmware": "01h",
        "mac": "84:c2:e4:00:03:92",
        "phy": "disconnected",
        "ip": "0.0.0.0",  # noqa: S104 - of a chip that has none
    }


async def test_a_connection_of_the_chip_lives_on(tmp_path: Path) -> None:
    """Somebody else's program has just left it, and it goes on by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        async with board(tmp_path) as it:
            await it.initialise()
            port = server.getsockname()[1]
            it.say("34 00 03", "31 00 7F 00 00 01", f"32 00 {port.to_bytes(2, 'little').hex()}")
            it.say("33 00 E8 03", "35 00")
            await it.until(lambda: it.sim.sockets[0].session)
            it.say("37 00")
            async with asyncio.timeout(DEADLINE):
                peer, _address = await asyncio.get_running_loop().sock_accept(server)
            with peer:
                await it.until(lambda: it.sim.sockets[0].tcp_state == ESTABLISHED)
                await find(it.port)
                assert it.sim.sockets[0].tcp_state == ESTABLISHED
                assert it.sim.sockets[0].interrupts, "what it has to tell was read away"


@pytest.mark.parametrize("as_json", [False, True])
async def test_nothing_answers(
    as_json: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line, with what was tried; as JSON too."""
    monkeypatch.setattr(ch392_uart_bus, "RATES", (9600,))
    monkeypatch.setattr(ch392_uart_bus, "LONGEST_WRITE", 8)
    async with board(tmp_path) as it:
        it.sim.faults.switch_on("no-answer")
        port = f"{it.line.path}?baud=9600"
        ended = await run_program(capsys, "probe", port, *(["--json"] if as_json else []))
    assert ended.code == 1
    assert "nothing answers; tried: no CH9329 answers at 9600 baud" in ended.complaint
    assert "; no CH392 answers at 9600 baud; is it powered" in ended.complaint
    if as_json:
        told = json.loads(ended.out)
        assert told["chip"] is None
        assert len(told["tried"]) == 3
    else:
        assert ended.out == ""


async def test_one_that_falls_silent_half_way(tmp_path: Path) -> None:
    """It is told as it is: nothing was reset."""
    async with board(tmp_path) as it:
        it.sim.faults.switch_on("no-answer=CMD_GET_PHY_STATUS")
        with pytest.raises(ProbeError) as caught:
            await find(it.port)
        assert str(caught.value).startswith(f"{it.line.path}: 3 times over, a reply")
        assert it.of(ChipStarted) == []


async def test_a_nonsensical_phy(tmp_path: Path) -> None:
    async with board(tmp_path) as it:
        it.sim.faults.switch_on("phy-garbage")
        assert (await find(it.port)).phy == "unknown"


async def test_an_adapter_pulled_out_meanwhile(tmp_path: Path) -> None:
    async with board(tmp_path) as it:
        looking = asyncio.create_task(find(it.port))
        await it.until(lambda: it.of(CommandTaken))
        it.line.hang_up()
        with pytest.raises(PortError, match="plug it in again"):
            await looking
