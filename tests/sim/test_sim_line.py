"""What a wrong baud rate makes of bytes, the pace of a line, and the log."""

import asyncio
import json

from chiplink.sim import JsonLog, events
from chiplink.sim.line import DelayLine, heard


def test_the_right_speed_changes_nothing() -> None:
    assert heard(b"\x57\xab", 9600, 9600) == b"\x57\xab"
    assert heard(b"", 9600, 115200) == b""


def test_a_receiver_twice_as_fast() -> None:
    # 00 is nine low bits: 18 of the receiver's, of which it takes a start bit and eight data
    # bits, waits for high and finds none before the stop bit.
    assert heard(b"\x00", 9600, 19200)[0] == 0x00
    # FF is one low bit: a start bit, a low data bit, then high.
    assert heard(b"\xff", 9600, 19200) == b"\xfe"


def test_a_receiver_half_as_fast() -> None:
    # 55 sent low first: 0 1 0 1 0 1 0 1 0 1; sampled at 3, 5, 7, 9 it is all ones, then idle.
    assert heard(b"\x55", 19200, 9600) == b"\xff"


def test_ch9329_frames_do_not_survive_a_wrong_speed() -> None:
    frame = bytes.fromhex("57 AB 00 01 00 03")
    for other in (1200, 4800, 19200, 38400, 57600, 115200):
        assert frame not in heard(frame, other, 9600)
        assert frame not in heard(frame, 9600, other)


async def test_delay_line_keeps_the_order() -> None:
    got: list[bytes] = []
    done = asyncio.Event()
    line = DelayLine(lambda data: (got.append(data), data == b"z" and done.set()))
    line.push(b"a")
    line.push(b"b", latency=0.002)
    line.push(b"c")
    line.push(b"z", gap=0.001)
    assert got == [b"a"]
    assert line.pending == 3
    async with asyncio.timeout(20):
        await done.wait()
    assert got == [b"a", b"b", b"c", b"z"]
    assert line.pending == 0


async def test_a_paced_line_hands_bytes_over_piece_by_piece() -> None:
    got: list[bytes] = []
    done = asyncio.Event()
    line = DelayLine(lambda data: (got.append(data), sum(map(len, got)) == 25 and done.set()))
    line.push_paced(bytes(25), 115200)
    assert got == []
    async with asyncio.timeout(20):
        await done.wait()
    assert [len(piece) for piece in got] == [11, 11, 3]


def test_log_lines_are_json() -> None:
    clock = iter([100.0, 100.25, 101.5])
    log = JsonLog(lambda: next(clock))
    assert json.loads(log.log_line(events.Replied("CMD_RESET", b"\x57\xab", "lost-head"))) == {
        "t": 0.25,
        "event": "reply",
        "name": "CMD_RESET",
        "data": "57 ab",
        "fault": "lost-head",
    }
    assert json.loads(log.log_line(events.TextChanged('"', 0, 1)))["t"] == 1.5
