"""The faults of the simulated CH392: its own, and those of the line."""

import pytest
from sim_ch392 import (
    PEER_HEX,
    accepted,
    board,
    connected,
    le,
    port_of,
    tcp_server,
)

from chiplink.sim import CH392_FAULTS, faults_of
from chiplink.sim.ch392_events import (
    BaudChanged,
    CableChanged,
    ChipStarted,
    CommandTaken,
    DhcpChanged,
    IntChanged,
    InterruptRaised,
)
from chiplink.sim.events import FaultSwitched, Replied
from chiplink.sim.faults import LINE_FAULTS

OWN = {
    "no-answer",
    "busy-forever",
    "spi-echo",
    "int-lost",
    "int-spurious",
    "int-stuck-low",
    "open-after-close-20h",
    "phy-garbage",
    "recv-length-garbage",
    "dhcp-none",
    "dhcp-change",
    "cable",
    "silent-reset",
    "stray-status",
}


def test_the_table() -> None:
    assert set(CH392_FAULTS) == OWN | set(LINE_FAULTS)
    texts = [row.describe for row in CH392_FAULTS.values()]
    assert all(texts)
    assert len(set(texts)) == len(texts)
    assert faults_of("ch392") == CH392_FAULTS
    assert "overrun" in faults_of("ch9329")
    with pytest.raises(ValueError, match="'ch392'"):
        faults_of("ch39")


async def test_no_answer_neither_answers_nor_does() -> None:
    async with board(ready=False) as host:
        host.sim.faults.switch_on("no-answer=set_ip")
        host.say("22 C0 A8 01 02")
        host.sim.faults.switch_on("no-answer=check,2")
        assert [host.ask("06 57") for _ in range(3)] == ["", "", "A8"]
        assert await host.status("27") == "00"
        assert host.ask("43")[:11] == "00 00 00 00"
        host.sim.faults.switch_on("no-answer")
        assert host.ask("01") == ""
        assert host.of(CommandTaken)[-1] == CommandTaken(1, "CMD_GET_IC_VER", b"", "no-answer")


async def test_busy_until_a_reset() -> None:
    async with board(ready=False) as host:
        host.sim.faults.switch_on("busy-forever=init")
        host.say("27")
        assert host.ask("2C") == "10"
        host.sim.faults.clear()
        host.say("27", "05")
        await host.until(lambda: host.of(ChipStarted))
        assert host.ask("2C") == "00"
        assert host.ask("26") == "01"


async def test_busy_forever_of_another_command() -> None:
    async with board() as host:
        host.sim.faults.switch_on("busy-forever=0x35")
        assert await host.status("41 01") == "00"


async def test_a_lost_edge_leaves_the_level_low() -> None:
    async with board() as host:
        host.levels.clear()
        host.sim.faults.switch_on("int-lost=1")
        host.sim.conflict_ip()
        assert host.levels == []
        assert host.sim.int_low
        assert host.of(IntChanged)[-1] == IntChanged(True, lost=True)
        assert host.ask("29") == "02"
        host.sim.conflict_ip()
        assert host.levels == [1, 0]


async def test_a_spurious_interrupt() -> None:
    async with board() as host:
        host.sim.faults.switch_on("int-spurious=1")
        assert host.ask("06 57") == "A8"
        assert host.sim.int_low
        assert host.ask("29") == "00"
        assert not host.sim.int_low
        assert host.ask("06 57") == "A8"
        assert not host.sim.int_low


async def test_int_stuck_low() -> None:
    async with board() as host:
        host.levels.clear()
        host.sim.faults.switch_on("int-stuck-low")
        assert host.sim.int_low
        assert host.ask("29") == "00"
        assert host.sim.int_low
        host.sim.faults.switch_off("int-stuck-low")
        assert not host.sim.int_low
        assert host.levels == [0, 1]


async def test_open_after_close_answers_20h() -> None:
    async with board(ports=(1000,)) as host:
        host.sim.faults.switch_on("open-after-close-20h=60s")
        host.say("34 00 02", f"31 00 {PEER_HEX}", "33 00 E8 03")
        # Never closed, it opens at once.
        assert await host.status("35 00") == "00"
        assert await host.status("3D 00") == "00"
        assert await host.status("35 00") == "20"
        assert host.ask("2F 00") == "00 00"
        # Once the pause is over it opens.
        host.sim.faults.switch_on("open-after-close-20h=0s")
        assert await host.status("35 00") == "00"


async def test_phy_garbage() -> None:
    async with board() as host:
        host.sim.faults.switch_on("phy-garbage=5")
        garbage = {host.ask("26") for _ in range(5)}
        assert garbage <= {"00", "03", "06", "08", "FF"}
        assert host.ask("26") == "02"


async def test_receive_length_garbage() -> None:
    async with board() as host:
        host.sim.faults.switch_on("recv-length-garbage=20")
        lengths = [int.from_bytes(bytes.fromhex(host.ask("3B 00")), "little") for _ in range(21)]
        assert min(lengths[:20]) > 1072
        assert lengths[20] == 0


async def test_no_dhcp_server() -> None:
    async with board() as host:
        host.sim.faults.switch_on("dhcp-none")
        assert await host.status("41 01") == "00"
        await host.wait_global(0x08)
        assert host.ask("42") == "01"
        host.sim.faults.switch_off("dhcp-none")
        await host.until(lambda: host.ask("42") == "00")
        assert host.ask("43")[:11] == "C0 A8 01 32"


async def test_another_lease() -> None:
    async with board() as host:
        assert await host.status("41 01") == "00"
        await host.wait_global(0x08)
        host.sim.faults.switch_on("dhcp-change=1ms")
        await host.wait_global(0x08)
        assert host.ask("43")[:11] == "C0 A8 01 33"
        assert host.of(DhcpChanged) == [
            DhcpChanged(0, "192.168.1.50"),
            DhcpChanged(0, "192.168.1.51"),
        ]
        assert host.sim.faults.active() == {}


async def test_the_cable_after_a_while_for_a_while() -> None:
    async with board() as host:
        host.sim.faults.switch_on("cable=1ms,1ms")
        await host.until(lambda: len(host.of(CableChanged)) == 2)
        await host.until(lambda: host.ask("26") == "02")
        assert host.of(CableChanged) == [CableChanged(False), CableChanged(True)]
        assert [e.bits for e in host.of(InterruptRaised)] == [4, 4, 4]  # type: ignore[attr-defined]


async def test_a_silent_reset_forgets_the_rate_and_tells_nobody() -> None:
    async with board() as host:
        host.say("02 00 C2 01")
        await host.until(lambda: host.sim.baud == 115200)
        assert host.answer() == "00"
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.levels.clear()
                host.sim.faults.switch_on("silent-reset")
                await host.until(lambda: host.of(ChipStarted))
                assert (host.answer(), host.levels) == ("", [])
                assert host.of(BaudChanged)[-1] == BaudChanged(9600)
                assert host.ask("2F 00") == "00 00"
                with pytest.raises(ConnectionResetError):
                    await peer.receive(1)
        assert host.sim.faults.active() == {}


async def test_stray_status_bytes() -> None:
    async with board() as host:
        host.sim.conflict_ip()
        assert host.answer() == ""
        assert host.ask("29") == "02"
        host.sim.faults.switch_on("stray-status")
        host.sim.conflict_ip()
        assert host.answer() == "02"
        assert host.ask("29") == "02"
        assert host.of(Replied)[-2] == Replied("", b"\x02", "stray-status")


async def test_line_faults() -> None:
    async with board(ready=False) as host:
        host.sim.faults.switch_on("lose-in=#4")
        assert host.ask("06 57") == ""
        # The next 57 is taken for the argument.
        assert host.ask("06 57") == "A8"
        host.sim.faults.clear()
        host.sim.receive(bytes.fromhex("AB 06 57"))
        host.answer()
        host.sim.faults.switch_on("flip-out=1")
        flipped = int(host.ask("06 57"), 16) ^ 0xA8
        assert flipped.bit_count() == 1
        host.sim.faults.clear()
        host.sim.faults.switch_on("double-out=1")
        assert host.ask("06 57") == "A8 A8"
        host.sim.faults.clear()
        host.sim.faults.switch_on("lose-out=1")
        assert host.ask("06 57") == ""
        assert host.ask("06 57") == "A8"
        assert FaultSwitched("lose-out", True) in host.events


async def test_a_byte_lost_inside_a_write_on_the_line() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.sim.faults.switch_on("lose-in=#8")
                host.say("39 00 04 00 61 62 63 64")
                host.sim.faults.clear()
                # GET_CMD_STATUS is eaten: its 57 completes the data.
                assert host.ask("2C") == ""
                assert await peer.receive(4) == b"acdW"
                assert host.ask("2C") == "00"


def test_ports_are_little_endian() -> None:
    assert le(1000) == "E8 03"
