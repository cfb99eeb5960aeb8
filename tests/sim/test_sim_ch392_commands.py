"""The CH392's commands that need no network, byte by byte after the document."""

import random

import pytest
from sim_ch392 import Board, board

from chiplink.sim import Ch392Sim, Ch392Times, Lease, events
from chiplink.sim.ch392_commands import COMMAND_LABELS, COMMANDS
from chiplink.sim.ch392_events import (
    BaudChanged,
    ChipStarted,
    CommandIgnored,
    CommandTaken,
    StatusReady,
)
from chiplink.sim.log import JsonLog

# Code and bytes of arguments as the tables of the document and its supplement state them.
DOCUMENT = {
    0x01: 0,
    0x02: 3,
    0x05: 0,
    0x06: 1,
    0x21: 6,
    0x22: 4,
    0x23: 4,
    0x24: 4,
    0x26: 0,
    0x27: 0,
    0x28: 0,
    0x29: 0,
    0x2C: 0,
    0x2D: 1,
    0x2E: 1,
    0x2F: 1,
    0x30: 1,
    0x31: 5,
    0x32: 3,
    0x33: 3,
    0x34: 2,
    0x35: 1,
    0x36: 1,
    0x37: 1,
    0x38: 1,
    0x39: 3,
    0x3B: 1,
    0x3C: 3,
    0x3D: 1,
    0x3E: 2,
    0x40: 0,
    0x41: 1,
    0x42: 0,
    0x43: 0,
    0x51: 2,
    0x52: 3,
    0x53: 3,
    0x55: 4,
    0x56: 4,
    0x57: 4,
    0x58: 1,
    0x59: 2,
}
OPTIONAL = {0x03: 0, 0x19: 0, 0x2A: 1, 0x2B: 2, 0x3F: 1, 0x50: 2}


def test_the_table() -> None:
    assert {code: row.size for code, row in COMMANDS.items()} == DOCUMENT | OPTIONAL
    assert [code for code, row in COMMANDS.items() if row.stream] == [0x39]
    assert [code for code, row in COMMANDS.items() if row.work] == [
        *(0x27, 0x35, 0x36, 0x37, 0x38, 0x3D, 0x41)
    ]
    assert all((row.run is None) != (row.work is None) for row in COMMANDS.values())
    assert len(COMMAND_LABELS) == 3 * len(COMMANDS)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("01", "01"),
        ("06 57", "A8"),
        ("06 AA", "55"),
        ("06 00", "FF"),
        ("26", "01"),
        ("28", "00 00 00 00 00 00 00 00"),
        ("29", "00"),
        ("19", "00 00"),
        ("2C", "00"),
        ("2D 00", "00 00 00 00 00 00"),
        ("2E 00", ""),
        ("2F 00", "00 00"),
        ("30 03", "00"),
        ("3B 00", "00 00"),
        ("3C 00 04 00", "00 00 00 00"),
        ("3C 00 00 00", ""),
        ("39 00 00 00", ""),
        ("39 00 02 00 57 AB", ""),
        ("40", "84 C2 E4 00 03 92"),
        ("42", "01"),
        ("43", "00 00 00 00 00 00 00 00 FF FF FF 00 00 00 00 00 00 00 00 00"),
        ("03", ""),
        ("3F 00", ""),
        ("50 B4 05", ""),
        ("2A 05", ""),
        ("2B F4 01", ""),
        ("02 34 12 00", "5F"),
        ("99", ""),
        # A socket that is none: zeros of the answer's length.
        ("2D 04", "00 00 00 00 00 00"),
        ("2F 04", "00 00"),
        ("30 FF", "00"),
        ("3B 04", "00 00"),
    ],
)
async def test_answers_after_a_reset(command: str, answer: str) -> None:
    async with board(ready=False) as host:
        assert host.ask(command) == answer
        # Neither too many nor too few bytes were taken for arguments.
        assert host.ask("06 57") == "A8"


async def test_a_read_is_never_longer_than_a_stream() -> None:
    async with board(ready=False) as host:
        host.say("3C 00 FF FF")
        assert host.heard == bytes(4096)


async def test_byte_by_byte_and_all_in_one() -> None:
    async with board(ready=False) as host:
        frames = bytes.fromhex("57 AB 06 57 57 AB 39 00 02 00 57 AB 57 AB 06 0F")
        for byte in frames:
            host.sim.receive(bytes([byte]))
        assert host.answer() == "A8 F0"
        host.sim.receive(frames + frames)
        assert host.answer() == "A8 F0 A8 F0"


async def test_garbage_before_a_sync_code() -> None:
    async with board(ready=False) as host:
        host.sim.receive(bytes.fromhex("00 FF AB 57 00 57 57 57 AB 06 57"))
        assert host.answer() == "A8"
        dropped = b"".join(event.data for event in host.of(events.BytesDropped))
        assert dropped == bytes.fromhex("00 FF AB 57 00 57 57")


@pytest.mark.parametrize("begun", ["57", "57 AB"])
async def test_forty_milliseconds_of_silence_drop_a_begun_sync_code(begun: str) -> None:
    async with board(ready=False, times=Ch392Times(sync_guard=0.001)) as host:
        host.sim.receive(bytes.fromhex(begun))
        await host.until(lambda: host.of(events.BytesDropped))
        host.sim.receive(bytes.fromhex("AB 06 57"))
        assert host.answer() == ""
        assert host.ask("06 57") == "A8"


async def test_arguments_may_take_their_time() -> None:
    async with board(ready=False, times=Ch392Times(sync_guard=0.001)) as host:
        host.sim.receive(bytes.fromhex("57 AB 06"))
        host.sim.receive(bytes.fromhex("57"))
        # The guard of the next sync code runs out; this one's argument had no guard.
        host.sim.receive(bytes.fromhex("57 AB 39 00 01"))
        host.sim.receive(bytes.fromhex("57"))
        assert host.of(events.BytesDropped) == []
        assert host.answer() == "A8"


async def test_the_guard_is_the_documents() -> None:
    assert Ch392Times().sync_guard == 0.040
    assert Ch392Times.instant().sync_guard == 0.040


async def test_a_byte_lost_inside_a_write_eats_the_next_command() -> None:
    async with board(ready=False) as host:
        # Five bytes are announced, four come; the next sync code's 57 is the fifth.
        host.say("39 00 05 00 01 02 03 04")
        assert host.ask("06 57") == ""
        assert host.ask("06 57") == "A8"


async def test_a_long_write_is_padded_out() -> None:
    async with board(ready=False) as host:
        host.say("39 00 30 04" + "00" * 1000)
        for _ in range(17):
            assert host.ask("06 57") == ""
        # 1072 announced, 1000 + 17 * 4 came: four more, then all is well again.
        host.sim.receive(bytes(4))
        assert host.ask("06 57") == "A8"


async def test_init_as_the_document_says() -> None:
    async with board(ready=False, times=Ch392Times(init=0.001, link_up=0.001)) as host:
        host.say("22 C0 A8 01 02", "23 C0 A8 01 01", "24 FF FF 00 00")
        # Nothing of it counts before INIT.
        assert host.ask("43")[:11] == "00 00 00 00"
        assert host.ask("27") == ""
        assert host.ask("2C") == "10"
        await host.until(lambda: host.of(StatusReady))
        assert host.ask("2C") == "00"
        assert host.ask("43") == ("C0 A8 01 02 C0 A8 01 01 FF FF 00 00 00 00 00 00 00 00 00 00")
        assert host.ask("26") == "01"
        await host.until(lambda: host.sim.int_low)
        assert host.ask("29") == "04"
        assert host.ask("26") == "02"
        assert host.levels == [0, 1]


async def test_a_busy_chip_ignores_a_second_command_with_a_status() -> None:
    async with board(ready=False) as host:
        host.say("27", "41 01")
        assert [event.name for event in host.of(CommandIgnored)] == ["CMD_DHCP_ENABLE"]
        await host.until(lambda: host.ask("2C") == "00")
        assert not host.sim.chip.dhcp.enabled
        # What only asks is answered meanwhile.
        host.say("27")
        assert host.ask("06 57") == "A8"


@pytest.mark.parametrize("command", ["35 00", "36 00", "37 00", "38 00", "3D 00", "41 01"])
async def test_nothing_works_before_init(command: str) -> None:
    async with board(ready=False) as host:
        assert await host.status(command) == "1C"


@pytest.mark.parametrize(
    ("settings", "command", "status"),
    [
        ([], "35 00", "1A"),
        (["34 00 01"], "35 00", "1A"),
        (["34 00 03"], "35 04", "1A"),
        ([], "36 00", "17"),
        ([], "37 00", "17"),
        ([], "38 00", "17"),
        ([], "3D 00", "00"),
    ],
)
async def test_statuses_of_a_closed_socket(settings: list[str], command: str, status: str) -> None:
    async with board() as host:
        host.say(*settings)
        assert await host.status(command) == status
        assert host.ask("2F 00") == "00 00"


async def test_statuses_of_an_open_socket() -> None:
    async with board(ports=(1000, 1001)) as host:
        host.say("34 00 03", "33 00 E8 03", "34 01 03", "33 01 E8 03")
        assert await host.status("35 00") == "00"
        assert host.ask("2F 00") == "05 00"
        assert await host.status("35 00") == "20"
        assert await host.status("35 01") == "1B"
        assert await host.status("38 00") == "18"
        assert await host.status("36 00") == "00"
        assert host.ask("2F 00") == "05 01"
        assert await host.status("36 00") == "1D"
        assert await host.status("37 00") == "1D"
        assert await host.status("3D 00") == "00"
        assert host.ask("2F 00") == "00 00"
        # The settings outlive it.
        assert await host.status("35 00") == "00"


@pytest.mark.parametrize("command", ["36 00", "37 00", "38 00"])
async def test_udp_knows_no_connections(command: str) -> None:
    async with board(ports=(1000,)) as host:
        host.say("34 00 02", "31 00 CB 00 71 05", "32 00 01 00", "33 00 E8 03")
        assert await host.status("35 00") == "00"
        assert await host.status(command) == "1A"


async def test_mac_is_kept_over_a_reset() -> None:
    async with board(ready=False) as host:
        host.say("21 02 00 00 00 00 07")
        # The chip writes its EEPROM and hears nothing.
        assert host.ask("40") == ""
        await host.until(lambda: not host.sim.chip.deaf)
        host.say("05")
        assert host.ask("40") == ""
        await host.until(lambda: host.of(ChipStarted))
        assert host.ask("40") == "02 00 00 00 00 07"


async def test_reset_forgets_everything_else() -> None:
    async with board(ports=(1000,)) as host:
        host.say("34 00 03", "33 00 E8 03")
        assert await host.status("35 00") == "00"
        host.sim.conflict_ip()
        assert host.sim.int_low
        host.say("05")
        assert not host.sim.int_low
        await host.until(lambda: host.of(ChipStarted))
        assert host.of(ChipStarted) == [ChipStarted("RESET_ALL", 9600)]
        for command, answer in [("26", "01"), ("29", "00"), ("2F 00", "00 00"), ("30 00", "00")]:
            assert host.ask(command) == answer
        assert host.ask("43")[:11] == "00 00 00 00"
        assert await host.status("35 00") == "1C"


async def test_power_up() -> None:
    async with board() as host:
        host.sim.restart()
        assert not host.sim.running
        assert host.ask("06 57") == ""
        await host.until(lambda: host.sim.running)
        assert host.ask("06 57") == "A8"


@pytest.mark.parametrize(
    ("arguments", "baud"),
    [
        ("C0 12 00", 4800),
        ("00 4B 00", 19200),
        ("00 96 00", 38400),
        ("00 E1 00", 57600),
        ("00 2C 01", 76800),
        ("00 C2 01", 115200),
        ("00 08 07", 460800),
        ("00 10 0E", 921600),
    ],
)
async def test_the_baud_rate_changes_before_its_answer(arguments: str, baud: int) -> None:
    async with board(ready=False) as host:
        rates: list[tuple[bytes, int]] = []
        host.sim.attach(lambda data: rates.append((data, host.sim.baud)))
        assert host.sim.baud == 9600
        host.say("02" + arguments)
        assert host.sim.baud == 9600
        await host.until(lambda: rates)
        assert rates == [(b"\0", baud)]
        host.say("05")
        await host.until(lambda: host.of(ChipStarted))
        assert host.of(BaudChanged) == [BaudChanged(baud), BaudChanged(9600)]


IDLE_20000 = "56 20 4E 00 00"
IDLE_15000 = "56 98 3A 00 00"
IDLE_5000 = "56 88 13 00 00"
IDLE_20100 = "56 84 4E 00 00"
INTERVAL_3000 = "57 B8 0B 00 00"
INTERVAL_3001 = "57 B9 0B 00 00"
INTERVAL_20000 = "57 20 4E 00 00"
INTERVAL_0 = "57 00 00 00 00"


@pytest.mark.parametrize(
    ("commands", "idle", "interval"),
    [
        ([], 20000, 15000),
        ([INTERVAL_3000, IDLE_5000], 5000, 3000),
        # The pair must be in order at every moment: the idle time first is one too early.
        ([IDLE_5000, INTERVAL_3000], 20000, 3000),
        ([IDLE_15000], 20000, 15000),
        ([INTERVAL_20000], 20000, 15000),
        ([IDLE_20100], 20000, 15000),
        ([INTERVAL_3001], 20000, 15000),
        ([INTERVAL_0], 20000, 15000),
        ([IDLE_20000], 20000, 15000),
    ],
)
async def test_keep_alive_arguments(commands: list[str], idle: int, interval: int) -> None:
    async with board() as host:
        host.say(*commands, "58 05", "59 02 01")
        assert (host.sim.chip.keep_idle, host.sim.chip.keep_interval) == (idle, interval)
        assert host.sim.chip.keep_count == 5
        assert [s.settings.keep_alive for s in host.sim.sockets] == [False, False, True, False]


async def test_ttl() -> None:
    async with board(ports=(1000,)) as host:
        host.say("51 00 40", "34 00 03", "33 00 E8 03")
        assert host.of(CommandIgnored) == [CommandIgnored("CMD_SET_TTL", "the socket is not open")]
        assert await host.status("35 00") == "00"
        host.say("51 00 40", "51 00 81")
        assert host.sim.sockets[0].settings.ttl == 0x40
        assert host.of(CommandIgnored)[1:] == [CommandIgnored("CMD_SET_TTL", "the largest is 128")]


async def test_the_buffers_after_init() -> None:
    async with board() as host:
        assert [(s.receive.size, s.send.size) for s in host.sim.sockets] == [
            (1072, 1072),
            (1072, 1072),
            (0, 0),
            (0, 0),
        ]
        for index in range(4):
            host.say(f"52 {index:02X} {2 * index:02X} 01", f"53 {index:02X} {2 * index + 1:02X} 01")
        assert {s.receive.size for s in host.sim.sockets} == {536}
        assert {s.send.size for s in host.sim.sockets} == {536}
        assert await host.status("27") == "00"
        assert host.sim.sockets[2].receive.size == 0


async def test_dhcp_as_the_document_says() -> None:
    async with board(ready=False) as host:
        host.sim.set_dhcp_server(
            Lease("198.51.100.7", "198.51.100.1", "255.255.255.0", "198.51.100.2", "192.0.2.53")
        )
        assert await host.status("27") == "00"
        await host.wait_global(0x04)
        assert await host.status("41 01") == "00"
        await host.wait_global(0x08)
        assert host.ask("42") == "00"
        assert host.ask("43") == "C6 33 64 07 C6 33 64 01 FF FF FF 00 C6 33 64 02 C0 00 02 35"


async def test_dhcp_without_a_server_asks_again() -> None:
    async with board() as host:
        host.sim.set_dhcp_server(None)
        assert await host.status("41 01") == "00"
        for _ in range(2):
            await host.wait_global(0x08)
            assert host.ask("42") == "01"
        assert host.ask("43")[:11] == "C0 A8 01 02"
        host.sim.set_dhcp_server(Lease("198.51.100.7"))
        await host.until(lambda: host.ask("42") == "00")
        # What the server does not give is 0.
        assert host.ask("43") == "C6 33 64 07 00 00 00 00 FF FF FF 00 00 00 00 00 00 00 00 00"
        await host.wait_global(0x08)
        # No interrupt without a change, another address is one.
        host.sim.set_dhcp_server(Lease("198.51.100.7"))
        assert not host.sim.int_low
        host.sim.set_dhcp_server(Lease("198.51.100.8"))
        await host.wait_global(0x08)
        assert host.ask("43")[:11] == "C6 33 64 08"
        # Stopped, it keeps the address and hears no server; started again it renews.
        assert await host.status("41 00") == "00"
        host.sim.set_dhcp_server(Lease("198.51.100.9"))
        assert host.ask("43")[:11] == "C6 33 64 08"
        assert await host.status("41 01") == "00"
        await host.wait_global(0x08)
        assert host.ask("43")[:11] == "C6 33 64 09"


async def test_dhcp_needs_the_cable() -> None:
    async with board() as host:
        host.sim.unplug_cable()
        await host.wait_global(0x04)
        assert await host.status("41 01") == "00"
        await host.wait_global(0x08)
        assert host.ask("42") == "01"
        host.sim.plug_cable()
        await host.until(lambda: host.ask("42") == "00")


async def test_the_cable() -> None:
    async with board() as host:
        host.sim.unplug_cable()
        assert host.sim.int_low
        assert (host.ask("29"), host.ask("26")) == ("04", "01")
        host.sim.unplug_cable()
        assert not host.sim.int_low
        host.sim.plug_cable()
        await host.until(lambda: host.sim.int_low)
        assert (host.ask("29"), host.ask("26")) == ("04", "02")


async def test_no_link_without_a_cable() -> None:
    async with board(ready=False) as host:
        host.sim.unplug_cable()
        assert await host.status("27") == "00"
        assert (host.ask("26"), host.ask("29")) == ("01", "00")
        host.sim.plug_cable()
        await host.wait_global(0x04)
        assert host.ask("26") == "02"


async def test_ip_conflict_and_unreachable() -> None:
    async with board() as host:
        host.sim.conflict_ip()
        host.sim.report_unreachable(3, 17, "203.0.113.5", 5000)
        assert host.ask("29") == "03"
        assert host.ask("28") == "03 11 88 13 CB 00 71 05"
        assert host.ask("29") == "00"


async def test_a_global_read_clears_all_bits_and_a_sockets_read_its_own() -> None:
    async with board() as host:
        host.sim.sockets[0].raise_bits(0x01)
        host.sim.sockets[0].raise_bits(0x02)
        host.sim.sockets[3].raise_bits(0x04)
        assert host.sim.int_low
        assert host.ask("19") == "90 00"
        assert not host.sim.int_low
        assert host.ask("29") == "00"
        assert (host.ask("30 00"), host.ask("30 00")) == ("03", "00")
        # An event between the two reads leaves a spurious interrupt behind.
        host.sim.sockets[3].raise_bits(0x02)
        assert host.ask("30 03") == "06"
        assert host.ask("29") == "80"
        assert host.ask("30 03") == "00"


async def test_the_log_of_events() -> None:
    async with board(ready=False) as host:
        host.say("06 57", "EE")
        assert host.events == [
            CommandTaken(0x06, "CMD_CHECK_EXIST", b"\x57"),
            events.Replied("CMD_CHECK_EXIST", b"\xa8"),
            CommandTaken(0xEE, "UNKNOWN", b"", "unknown"),
        ]
        line = JsonLog(lambda: 0.0).log_line(host.events[0])
        assert line == (
            '{"t": 0.0, "event": "command", "code": 6, "name": "CMD_CHECK_EXIST", '
            '"arguments": "57", "fault": ""}'
        )


async def test_no_bytes_whatever_break_the_chip() -> None:
    rng = random.Random(392)  # noqa: S311 - repeatable garbage
    codes = [*COMMANDS, 0x00, 0xFF]
    async with board() as host:
        # Nobody answers, so that no packet of garbage leaves this machine.
        host.sim.chip.net = Lease()
        for _ in range(3000):
            body = bytes([rng.choice(codes), rng.randrange(5), *rng.randbytes(rng.randrange(8))])
            host.sim.receive(b"\x57\xab" + body)
        # A WRITE may wait for at most 65535 bytes.
        host.sim.receive(bytes(65535 + 8))
        host.sim.restart()
        await host.until(lambda: host.sim.running)
        host.heard.clear()
        assert host.ask("06 57") == "A8"


async def test_closed_it_does_nothing() -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    host = Board(sim)
    sim.close()
    assert host.ask("06 57") == ""
    assert not sim.running
