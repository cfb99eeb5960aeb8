from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink import _core
from chiplink.framing import (
    CH392_OPTIONAL,
    CH392_REPLIES,
    CH392_STREAM,
    CH392F,
    CH392T,
    Ch392Frame,
    Ch392Framer,
    Ch392Segment,
    FrameStatus,
    ch392_commands,
    ch392_encode,
    ch392_reply_length,
    ch392_segments,
)
from chiplink.protocol.ch392 import Command
from reference import ch392 as reference

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ch392.json").read_text("utf-8"))
PACKETS = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
REPLIES = [bytes.fromhex(vector["reply"]) for vector in VECTORS]
ANSWERED = [(p, r) for p, r in zip(PACKETS, REPLIES, strict=True) if r]
NAMES = [v["name"] for v in VECTORS]
EVERY_COMMAND = pytest.mark.parametrize(
    ("packet", "reply"), list(zip(PACKETS, REPLIES, strict=True)), ids=NAMES
)
EVERY_REPLY = pytest.mark.parametrize(
    ("packet", "reply"), ANSWERED, ids=[v["name"] for v in VECTORS if v["reply"]]
)
OK, GARBAGE, BAD_LENGTH = FrameStatus.OK, FrameStatus.GARBAGE, FrameStatus.BAD_LENGTH

# The table of section 5, in its order.
DOCUMENT = """
    01 GET_IC_VER, 02 SET_BAUDRATE, 05 RESET_ALL, 06 CHECK_EXIST, 21 SET_MAC_ADDR, 22 SET_IP_ADDR,
    23 SET_GWIP_ADDR, 24 SET_MASK_ADDR, 26 GET_PHY_STATUS, 27 INIT_CH392, 29 GET_GLOB_INT_STATUS,
    2C GET_CMD_STATUS, 2D GET_REMOT_IPP_SN, 2E CLEAR_RECV_BUF_SN, 2F GET_SOCKET_STATUS_SN,
    30 GET_INT_STATUS_SN, 31 SET_IP_ADDR_SN, 32 SET_DEST_PORT_SN, 33 SET_SOUR_PORT_SN,
    34 SET_PROTO_TYPE_SN, 35 OPEN_SOCKET_SN, 36 TCP_LISTEN_SN, 37 TCP_CONNECT_SN,
    38 TCP_DISCONNECT_SN, 39 WRITE_SEND_BUF_SN, 3B GET_RECV_LEN_SN, 3C READ_RECV_BUF_SN,
    3D CLOSE_SOCKET_SN, 3E SET_IPRAW_PRO_SN, 40 GET_MAC_ADDR, 41 DHCP_ENABLE, 42 GET_DHCP_STATUS,
    43 GET_IP_INF, 51 SET_TTL, 52 SET_RECV_BUF, 53 SET_SEND_BUF, 56 SET_KEEP_LIVE_IDLE,
    57 SET_KEEP_LIVE_INTVL, 58 SET_KEEP_LIVE_CNT, 59 SET_KEEP_LIVE_SN
"""
OTHERS = """
    28 GET_UNREACH_IPPORT, 55 SET_FUN_PARA, 03 ENTER_SLEEP, 19 GET_GLOB_INT_STATUS_ALL,
    2A SET_RETRAN_COUNT, 2B SET_RETRAN_PERIOD, 3F PING_ENABLE, 50 SET_TCP_MSS
"""


def listed(text: str) -> dict[int, str]:
    pairs = [entry.split() for entry in text.split(",")]
    return {int(code, 16): name for code, name in pairs}


def ok(code: int, payload: bytes) -> Ch392Frame:
    return Ch392Frame(code, payload, OK)


def garbage(data: bytes) -> Ch392Frame:
    return Ch392Frame(-1, data, GARBAGE)


def expecting(*packets: bytes) -> Ch392Framer:
    framer = Ch392Framer()
    for packet in packets:
        framer.expect(packet[2], ch392_reply_length(packet[2:]))
    return framer


def decoded(expected: list[tuple[int, int]], *pieces: bytes) -> list[Ch392Frame]:
    framer = Ch392Framer()
    for code, length in expected:
        framer.expect(code, length)
    frames: list[Ch392Frame] = []
    for frame in [frame for piece in pieces for frame in framer.feed(piece)] + framer.flush():
        if frames and frame.status is frames[-1].status is GARBAGE:
            frames[-1] = garbage(frames[-1].payload + frame.payload)
        else:
            frames.append(frame)
    assert framer.pending == 0
    return frames


# The table


def test_the_table_is_the_documents_and_the_others() -> None:
    document, others = listed(DOCUMENT), listed(OTHERS)
    assert len(document) == 40
    assert document.keys().isdisjoint(others)
    assert {int(command): command.name for command in Command} == document | others
    assert set(ch392_commands()) == set(document | others)
    assert [code for code, row in ch392_commands().items() if code != row.code] == []


def test_who_has_a_command() -> None:
    for code, row in ch392_commands().items():
        documented = code in listed(DOCUMENT) or code in (0x28, 0x55)
        public = CH392T if code in (0x03, 0x19) else 0
        assert row.chips == (CH392F | CH392T if documented else CH392_OPTIONAL | public), hex(code)


def test_every_row_has_the_lengths_of_the_reference() -> None:
    assert set(reference.ROWS) == set(ch392_commands())
    for code, row in ch392_commands().items():
        assert (row.least, row.reply) == reference.ROWS[code]
        assert row.most == row.least + (CH392_STREAM if code == 0x39 else 0)
        assert row.answers == (row.reply > 0 or code == 0x3C)
        assert (row.counts_arguments, row.counts_reply) == (code == 0x39, code == 0x3C)


def test_which_commands_have_a_status_and_which_take_time() -> None:
    rows = ch392_commands().values()
    slow = {0x02: 1000, 0x05: 50000, 0x21: 100000, 0x27: 350000, 0x41: 20000}
    assert {row.code for row in rows if row.has_status} == {
        *range(0x35, 0x39),
        *(0x27, 0x3D, 0x41),
    }
    assert {row.code: row.typical for row in rows if row.typical} == slow
    for row in rows:
        fixed = slow.get(row.code, 0)
        assert row.pause == (2000 if row.has_status or row.code == 0x2C else fixed), hex(row.code)
        assert (row.gap, row.turn) == (2, 2)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        ch392_commands()[0x01] = ch392_commands()[0x02]  # type: ignore[index]
    assert ch392_commands() is ch392_commands()


def test_every_command_has_a_vector() -> None:
    assert {packet[2] for packet in PACKETS} == set(ch392_commands())
    assert len(NAMES) == len(set(NAMES))


# Commands


@EVERY_COMMAND
def test_encoded(packet: bytes, reply: bytes) -> None:
    assert ch392_encode(packet[2:]) == packet
    assert ch392_reply_length(packet[2:]) == len(reply)


def test_encoded_in_one_buffer() -> None:
    assert ch392_encode(*(packet[2:] for packet in PACKETS)) == b"".join(PACKETS)
    assert ch392_encode() == b""


@EVERY_COMMAND
def test_a_byte_more_or_less_is_no_command(packet: bytes, reply: bytes) -> None:
    for wrong in (packet[2:-1], packet[2:] + b"\x00"):
        with pytest.raises(ValueError, match=r"length|argument is missing"):
            ch392_encode(b"\x27", wrong)


@pytest.mark.parametrize("command", [b"", b"\x00", b"\x04", b"\x20", b"\x57\xab\x01", b"\xff"])
def test_what_is_no_command(command: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[a-z ]+$"):
        ch392_encode(command)
    with pytest.raises(ValueError, match=r"^[a-z ]+$"):
        ch392_reply_length(command)


@given(st.one_of(st.binary(max_size=12), st.sampled_from([p[2:] for p in PACKETS])))
@example(b"\x3c\x00\x00\x10")
@example(b"\x3c\x00\x01\x10")
@example(b"\x39\x00\x00\x10" + bytes(4096))
@example(b"\x39\x00\x01\x10" + bytes(4097))
def test_commands_like_the_reference(command: bytes) -> None:
    expected = reference.reply(command)
    if expected is None:
        with pytest.raises(ValueError, match=r"^[a-z ]+$"):
            ch392_reply_length(command)
    else:
        assert ch392_reply_length(command) == expected
        assert ch392_encode(command) == b"\x57\xab" + command
        segments = ch392_segments(command, gap=2, turn=2)
        assert b"".join(segment.sent for segment in segments) == command
        assert sum(segment.read for segment in segments) == expected


def test_segments() -> None:
    assert ch392_segments(b"\x27", gap=2, turn=3) == [Ch392Segment(b"\x27", 0, 0)]
    assert ch392_segments(b"\x2c", gap=2, turn=3) == [
        Ch392Segment(b"\x2c", 0, 3),
        Ch392Segment(b"", 1, 0),
    ]
    assert ch392_segments(b"\x2d\x01", gap=2, turn=3) == [
        Ch392Segment(b"\x2d", 0, 2),
        Ch392Segment(b"\x01", 0, 3),
        Ch392Segment(b"", 6, 0),
    ]
    assert ch392_segments(b"\x39\x00\x02\x00ab", gap=7, turn=3) == [
        Ch392Segment(b"\x39", 0, 7),
        Ch392Segment(b"\x00\x02\x00ab", 0, 0),
    ]


# Replies


@EVERY_REPLY
def test_whole(packet: bytes, reply: bytes) -> None:
    framer = expecting(packet)
    assert framer.pending == len(reply)
    assert framer.feed(reply) == [ok(packet[2], reply)]
    assert framer.pending == 0


@EVERY_REPLY
def test_byte_by_byte(packet: bytes, reply: bytes) -> None:
    framer = expecting(packet)
    for i in range(len(reply) - 1):
        assert framer.feed(reply[i : i + 1]) == []
        assert framer.pending == len(reply) - i - 1
    assert framer.feed(reply[-1:]) == [ok(packet[2], reply)]


@EVERY_REPLY
def test_doubled(packet: bytes, reply: bytes) -> None:
    twice = expecting(packet, packet)
    assert twice.feed(reply + reply) == [ok(packet[2], reply), ok(packet[2], reply)]
    once = expecting(packet)
    assert once.feed(reply + reply) == [ok(packet[2], reply), garbage(reply)]


@EVERY_REPLY
@pytest.mark.parametrize("noise", [b"\x00", b"\x57\xab", b"\x04" * 30])
def test_after_garbage(packet: bytes, reply: bytes, noise: bytes) -> None:
    framer = Ch392Framer()
    assert framer.feed(noise) == [garbage(noise)]
    framer.expect(packet[2], len(reply))
    assert framer.feed(reply + noise) == [ok(packet[2], reply), garbage(noise)]


@EVERY_REPLY
def test_truncated(packet: bytes, reply: bytes) -> None:
    for size in range(len(reply)):
        framer = expecting(packet)
        assert framer.feed(reply[:size]) == []
        assert framer.flush() == [Ch392Frame(packet[2], reply[:size], BAD_LENGTH)]
        assert framer.pending == 0
        assert framer.flush() == []
        framer.expect(packet[2], len(reply))
        assert framer.feed(reply) == [ok(packet[2], reply)]


def test_all_vectors_in_a_row() -> None:
    framer = Ch392Framer()
    stream = b"".join(reply for _, reply in ANSWERED[:CH392_REPLIES])
    for packet in PACKETS[: PACKETS.index(ANSWERED[CH392_REPLIES - 1][0]) + 1]:
        framer.expect(packet[2], ch392_reply_length(packet[2:]))
    assert framer.feed(stream) == [ok(p[2], r) for p, r in ANSWERED[:CH392_REPLIES]]


def test_longest_read_in_pieces() -> None:
    data = bytes(range(256)) * 16
    assert len(data) == CH392_STREAM
    for size in (1, 7, 64, 4095, 4096):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert decoded([(0x3C, 4096)], *pieces) == [ok(0x3C, data)]


def test_a_read_given_up_leaves_nothing_behind() -> None:
    framer = Ch392Framer()
    framer.expect(0x3C, 4)
    framer.expect(0x2C, 1)
    assert framer.feed(b"ab") == []
    assert framer.flush() == [
        Ch392Frame(0x3C, b"ab", BAD_LENGTH),
        Ch392Frame(0x2C, b"", BAD_LENGTH),
    ]
    framer.expect(0x3C, 2)
    assert framer.feed(b"cd") == [ok(0x3C, b"cd")]


def test_more_replies_than_can_be_expected() -> None:
    framer = Ch392Framer()
    assert [framer.expect(0x43, 20) for _ in range(16)] == list(range(1, 17))
    with pytest.raises(ValueError, match="too small"):
        framer.expect(0x2C, 1)
    data = b"".join(bytes([i]) * 20 for i in range(16))
    assert framer.feed(data + b"?") == [
        *(ok(0x43, bytes([i]) * 20) for i in range(16)),
        garbage(b"?"),
    ]


@pytest.mark.parametrize(
    ("code", "length"), [(0x01, 0), (0x01, 2), (0x27, 1), (0x43, 19), (0x3C, 4097), (0x04, 1)]
)
def test_a_length_that_the_reply_never_has(code: int, length: int) -> None:
    framer = Ch392Framer()
    with pytest.raises(ValueError, match=r"length|range"):
        framer.expect(code, length)
    assert framer.pending == 0


def test_payloads_outlive_the_framer() -> None:
    framer = expecting(PACKETS[0])
    (first,) = framer.feed(b"\x41")
    framer.expect(0x43, 20)
    framer.feed(b"\xff" * 21)
    del framer
    assert first == ok(0x01, b"\x41")


def test_the_status_of_a_piece_is_no_frames() -> None:
    assert _core.lib.CL_CH392_PART not in [int(status) for status in FrameStatus]


EXPECTED = st.one_of(
    st.sampled_from([(code, reply) for code, (_, reply) in reference.ROWS.items() if code != 0x3C]),
    st.tuples(st.just(0x3C), st.integers(0, 80)),
)


@given(
    expected=st.lists(EXPECTED, max_size=CH392_REPLIES),
    stream=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
@example(expected=[(0x3C, 3), (0x2F, 2)], stream=b"abc\x05\x04??", cuts=[1, 4])
@example(expected=[(0x2F, 2), (0x3C, 3)], stream=b"\x05\x04ab", cuts=[1, 3])
def test_replies_like_the_reference_however_they_are_cut(
    expected: list[tuple[int, int]], stream: bytes, cuts: list[int]
) -> None:
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    told = [Ch392Frame(c, p, FrameStatus[s]) for c, p, s in reference.frames(expected, stream)]
    assert decoded(expected, stream) == told
    assert decoded(expected, *(stream[a:b] for a, b in pairwise(bounds))) == told
    assert decoded(expected, *(bytes([byte]) for byte in stream)) == told
