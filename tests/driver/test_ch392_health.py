"""A CH392 that hangs, talks nonsense or resets itself, and how it comes back by itself."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from chiplink.exceptions import ChipError, Code, UsageError
from chiplink.model import Phase
from chiplink.sim.ch392 import SERVER
from chiplink.sim.ch392_events import ChipStarted, CommandTaken
from driver.ch392_bench import CLIENT, STATIC, UDP, Ch392Bench, PaperBench
from driver.ch392_paper import CONNECT, ESTABLISHED, RECV
from driver.virtual_clock import virtual


def _resets(bench: Ch392Bench) -> int:
    return sum(isinstance(event, ChipStarted) for event in bench.seen)


async def _works(bench: Ch392Bench) -> None:
    """Both directions of a new connection."""
    service = bench.network.services["192.0.2.1:502"]
    while service.waiting:
        stream = service.accept_now()
    assert (await bench.send("plc", b"to you")).phase is Phase.DONE
    assert stream is not None
    assert await stream.read_exactly(6) == b"to you"
    before = len(bench.said.received("plc"))
    await stream.send(b"to me")
    await bench.until(lambda: bench.said.received("plc")[before:] == b"to me")


@pytest.mark.parametrize("command", ["init", "open", "connect", "dhcp"])
@virtual
async def test_busy_for_ever_while_it_begins(command: str) -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    bench.sim.faults.switch_on(f"busy-forever={command}")
    bench.start()
    await bench.until(lambda: "stays busy with it" in str(bench.value("last_error")))
    assert bench.counters["stuck"] == 1
    resets = _resets(bench)
    bench.sim.faults.clear()
    await bench.opened("plc")
    assert _resets(bench) > resets
    await _works(bench)
    await bench.stop()
    bench.sim.close()


@virtual
async def test_busy_for_five_seconds_is_enough() -> None:
    bench = PaperBench(CLIENT)
    asked = []
    bench.paper.on_command = lambda code, _arguments: asked.append((code, _now()))
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        bench.paper.busy = 1_000_000
        bench.paper.connect(0)
        await bench.opened("plc")
        bench.submit("link/plc/set", "CLOSE")
        begun = _now()
        await bench.until(lambda: not bench.online)
        assert 5 <= _now() - begun < 6
        polls = [at for code, at in asked if code == 0x2C and at > begun]
        assert all(later - earlier > 0.0019 for earlier, later in pairwise(polls))
        bench.paper.busy = 1


def _now() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_an_unknown_status_counts_as_busy() -> None:
    bench = PaperBench(CLIENT)
    bench.paper.status[0x35] = 0xFA  # the CH395 says so when it does not know
    bench.start()
    await bench.until(
        lambda: "OPEN_SOCKET_SN: the chip stays busy" in str(bench.value("last_error"))
    )
    del bench.paper.status[0x35]
    await bench.until(lambda: bench.online and bench.paper.of(0x37))
    await bench.stop()


@pytest.mark.parametrize("times", [4, 5])
@virtual
async def test_the_phy_may_tell_nonsense_four_times(times: int) -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        resets = _resets(bench)
        bench.sim.faults.switch_on(f"phy-garbage={times}")
        await asyncio.sleep(30)
        assert bench.counters["phy_nonsense"] == times
        assert _resets(bench) - resets == (times == 5)
        await _works(bench)


@pytest.mark.parametrize("value", [0x00, 0x03, 0x06, 0x08, 0x12, 0xFF])
@virtual
async def test_what_is_no_phy(value: int) -> None:
    bench = PaperBench()
    async with bench.running():
        bench.paper.phy = value
        await bench.until(lambda: "PHY tells nonsense" in str(bench.value("last_error")))
        bench.paper.phy = 0x04
        await bench.until(lambda: bench.online)
        await bench.until(lambda: bench.value("phy") == "half_duplex")


@virtual
async def test_a_length_beyond_the_buffer_resets_the_chip() -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        bench.sim.faults.switch_on("recv-length-garbage=1")
        await bench.send("plc", b"x")
        await bench.until(lambda: not bench.online)
        assert "wait in a smaller buffer" in str(bench.value("last_error"))
        await bench.until(lambda: bench.online)
        await bench.opened("plc")
        await _works(bench)


@virtual
async def test_data_announced_four_times_and_never_there() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        await asyncio.sleep(0.1)
        bench.paper.connect(0)
        await bench.opened("plc")
        for _time in range(3):
            bench.paper.tell(0, RECV)
            await asyncio.sleep(0.1)
        bench.paper.tell(0, RECV, b"here")  # and then there is some
        await bench.until(lambda: bench.said.received("plc") == b"here")
        for _time in range(3):
            bench.paper.tell(0, RECV)
            await asyncio.sleep(0.1)
        assert bench.online
        bench.paper.tell(0, RECV)
        await bench.until(lambda: not bench.online)
        assert "announces data again and again" in str(bench.value("last_error"))


@pytest.mark.parametrize("baud", [9600, 115200])
@pytest.mark.parametrize("settings", [{}, STATIC], ids=["dhcp", "static"])
@virtual
async def test_a_silent_reset_is_found(settings: dict[str, object], baud: int) -> None:
    bench = Ch392Bench(CLIENT, baud=baud, **settings)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        bench.sim.faults.switch_on("silent-reset")
        await bench.until(lambda: not bench.online, within=10)
        await bench.until(lambda: bench.online, within=10)
        await bench.opened("plc")
        await _works(bench)


@pytest.mark.parametrize("way", [{"baud": 9600}, {"spi": True}], ids=["UART", "SPI"])
@pytest.mark.parametrize("cable", [True, False])
@virtual
async def test_a_silent_reset_before_there_is_an_address(
    cable: bool,  # noqa: FBT001
    way: dict[str, object],
) -> None:
    bench = Ch392Bench(CLIENT, lease=None, **way)
    bench.listen()
    if not cable:
        bench.sim.unplug_cable()
    async with bench.running():
        await asyncio.sleep(20)
        bench.sim.faults.switch_on("silent-reset")
        await asyncio.sleep(20)
        bench.sim.plug_cable()
        bench.sim.set_dhcp_server(SERVER)
        await bench.opened("plc")
        assert bench.online
        assert False not in bench.said.online[1:]
        await _works(bench)


@virtual
async def test_without_a_cable_it_is_initialised_now_and_then() -> None:
    bench = Ch392Bench(CLIENT)
    bench.sim.unplug_cable()
    async with bench.running():
        await asyncio.sleep(600)
        assert 8 <= len(bench.commands(0x27)) <= 11
        assert bench.said.online == [True]
        states = [state.value for state in bench.said.states if state.key == "cable"]
        assert states == [False]


@virtual
async def test_a_silent_reset_in_the_middle_of_a_message() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        number = bench.submit("link/plc/tx", bytes(20_000))
        await stream.read_exactly(5_000)
        bench.sim.faults.switch_on("silent-reset")
        result = await bench.ending(number)
        assert (result.phase, result.error) == (Phase.FAILED, Code.UNKNOWN)
        await bench.opened("plc", "backoff")
        await bench.opened("plc")
        await _works(bench)


@pytest.mark.parametrize("command", ["init", "dhcp"])
@virtual
async def test_a_lost_command_is_seen_by_its_missing_busy(command: str) -> None:
    # Without the repetition the old command's status, 00, would stand for this one's.
    bench = Ch392Bench(CLIENT)
    bench.listen()
    bench.sim.faults.switch_on(f"no-answer={command},1")
    async with bench.running():
        await bench.opened("plc")
        assert bench.counters["commands_lost"] == 1
        assert bench.online


@pytest.mark.parametrize("command", ["open", "connect", "disconnect", "close", "listen"])
@virtual
async def test_other_lost_commands_are_made_up_for(command: str) -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        bench.sim.faults.switch_on(f"no-answer={command},1")
        await bench.set("plc", "CLOSE")
        await bench.set("plc", "OPEN")
        await bench.opened("plc")
        await _works(bench)


@virtual
async def test_reset_by_command() -> None:
    bench = Ch392Bench(CLIENT, UDP)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        await bench.opened("udp")
        resets = _resets(bench)
        result = await bench.do("reset")
        assert result.phase is Phase.DONE
        assert _resets(bench) == resets + 1
        assert bench.online
        assert bench.value("last_error") == ""
        await bench.opened("plc")
        await bench.opened("udp")
        await _works(bench)


@virtual
async def test_a_reset_that_is_not_heard() -> None:
    bench = Ch392Bench()
    async with bench.running():
        bench.sim.faults.switch_on("no-answer")
        result = await bench.do("reset")
        assert (result.phase, result.error) == (Phase.FAILED, Code.TIMEOUT)
        assert "not back after 15 s" in result.detail
        assert (await bench.do("reset")).error is Code.OFFLINE
        bench.sim.faults.clear()
        await bench.until(lambda: bench.online)
        assert (await bench.do("reset")).phase is Phase.DONE


@virtual
async def test_the_mac_address_is_written_only_when_forced() -> None:
    bench = Ch392Bench()
    mac = bytes.fromhex("02 00 00 12 34 56")
    async with bench.running():
        with pytest.raises(UsageError, match="needs force"):
            await bench.device.write_mac(mac)
        assert bench.commands(0x21) == []
        await bench.device.write_mac(mac, force=True)
        assert bench.commands(0x21) == [b"\x21" + mac]  # the EEPROM is written once
        assert bench.value("mac") == "02:00:00:12:34:56"
        assert bench.counters.get("replies_lost", 0) == 0
        bench.sim.faults.switch_on("no-answer=set_mac")
        with pytest.raises(ChipError, match="still has the MAC address 02:00:00:12:34:56"):
            await bench.device.write_mac(bytes.fromhex("02 00 00 00 00 01"), force=True)


@virtual
async def test_the_chip_answers_init_with_an_error() -> None:
    bench = PaperBench()
    bench.paper.status[0x27] = 0x1C
    bench.start()
    await bench.until(lambda: bench.value("last_error"))
    assert bench.value("last_error") == "INIT_CH392: an error of the network interface (1C)"
    del bench.paper.status[0x27]
    await bench.until(lambda: bench.online)
    await bench.stop()


@virtual
async def test_connected_says_nothing_before_the_interrupt() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        await asyncio.sleep(5)
        assert bench.phase("plc") == "connecting"
        assert bench.paper.of(0x39) == []
        bench.paper.tell(0, CONNECT, state=ESTABLISHED)
        await bench.opened("plc")


@virtual
async def test_what_is_sent_while_everything_is_looked_at_harms_nothing() -> None:
    bench = PaperBench(CLIENT)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        await asyncio.sleep(0.1)
        bench.paper.connect(0)
        await bench.opened("plc")
        await asyncio.sleep(1)
        sent: list[str] = []

        def send(code: int, _arguments: bytes) -> None:
            if code == 0x2F and not sent:
                sent.append(bench.submit("link/plc/tx", b"hello"))

        bench.paper.on_command = send
        await bench.until(lambda: sent)
        assert (await bench.ending(sent[0])).phase is Phase.DONE
        await asyncio.sleep(1)
        assert bench.phase("plc") == "open"


@virtual
async def test_nothing_is_asked_while_the_mac_address_is_written() -> None:
    bench = Ch392Bench(wired=False)
    taken: list[tuple[float, int]] = []

    def note(event: object) -> None:
        if isinstance(event, CommandTaken):
            taken.append((asyncio.get_running_loop().time(), event.code))

    async with bench.running():
        bench.sim.observe(note)
        await bench.device.write_mac(bytes.fromhex("02 00 00 12 34 56"), force=True)
        at = next(number for number, (_time, code) in enumerate(taken) if code == 0x21)
        assert taken[at + 1][0] - taken[at][0] > 0.0999
