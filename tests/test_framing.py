from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink import _core
from chiplink.framing import (
    Ch9329Framer,
    Frame,
    FrameStatus,
    MouseKind,
    MouseStep,
    encode,
    keyboard,
    mouse,
    type_text,
)
from reference import ch9329 as reference

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ch9329.json").read_text("utf-8"))
FRAMES = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
EVERY_VECTOR = pytest.mark.parametrize("frame", FRAMES, ids=[v["name"] for v in VECTORS])

OK, GARBAGE = FrameStatus.OK, FrameStatus.GARBAGE
LONG_REPLY = bytes.fromhex(  # as read from a CH9329F
    "57 AB 00 88 32 80 80 00 00 00 25 80 08 00 00 03 86 1A 2A E1 00 00 00 01 00 0D"
    + " 00" * 44
    + " 25"
)
HEADLESS_REPLY = bytes.fromhex("AB 00 89 01 00 8C")
UNKNOWN_REPLY = bytes.fromhex("57 AB 00 FE 00")
KEYBOARD_ACK = bytes.fromhex("57 AB 00 82 01 00 85")


def whole(frame: bytes) -> Frame:
    return Frame(frame[3], frame[5:-1], OK, frame[2])


def garbage(data: bytes) -> Frame:
    return Frame(-1, data, GARBAGE, -1)


def merged(frames: list[Frame]) -> list[Frame]:
    result: list[Frame] = []
    for frame in frames:
        if result and frame.status is result[-1].status is GARBAGE:
            result[-1] = garbage(result[-1].payload + frame.payload)
        else:
            result.append(frame)
    return result


def by_reference(stream: bytes) -> list[Frame]:
    frames = []
    while stream:
        size, status, kind, payload = reference.judge(stream)
        code = kind % 256 if kind >= 0 else -1
        frames.append(Frame(code, payload, FrameStatus[status], kind >> 8))
        stream = stream[size:]
    return merged(frames)


def decoded(*pieces: bytes) -> list[Frame]:
    framer = Ch9329Framer()
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    frames += framer.flush()
    assert framer.pending == 0
    return merged(frames)


def test_statuses_are_those_of_the_core() -> None:
    for status in FrameStatus:
        assert getattr(_core.lib, f"CL_FRAME_{status.name}") == status


@EVERY_VECTOR
def test_whole(frame: bytes) -> None:
    framer = Ch9329Framer()
    assert framer.feed(frame) == [whole(frame)]
    assert framer.pending == 0


@EVERY_VECTOR
def test_byte_by_byte(frame: bytes) -> None:
    framer = Ch9329Framer()
    for i in range(len(frame) - 1):
        assert framer.feed(frame[i : i + 1]) == []
        assert framer.pending == i + 1
    assert framer.feed(frame[-1:]) == [whole(frame)]


@EVERY_VECTOR
def test_doubled(frame: bytes) -> None:
    assert Ch9329Framer().feed(frame + frame) == [whole(frame), whole(frame)]


@EVERY_VECTOR
@pytest.mark.parametrize("noise", [b"\x00", b"\x57", b"\x57\x57", b"\xab\xab", b"\xab\x00\xc2\x02"])
def test_after_garbage(frame: bytes, noise: bytes) -> None:
    assert decoded(noise + frame) == [garbage(noise), whole(frame)]


@EVERY_VECTOR
def test_truncated(frame: bytes) -> None:
    for size in range(1, len(frame)):
        framer = Ch9329Framer()
        assert framer.feed(frame[:size]) == []
        given_up = framer.flush()
        if size < 5:
            assert given_up == [garbage(frame[:size])]
        else:
            torn = Frame(frame[3], frame[5:size], FrameStatus.BAD_LENGTH, frame[2])
            assert given_up == [torn, garbage(frame[2:size])]
        assert framer.pending == 0
        assert framer.feed(frame) == [whole(frame)]


@EVERY_VECTOR
def test_encoded(frame: bytes) -> None:
    assert encode(frame[2], frame[3], frame[5:-1]) == frame


def test_wrong_sum() -> None:
    assert decoded(b"\x57\xab\x00\x82\x01\x00\x86" + KEYBOARD_ACK) == [
        Frame(0x82, b"\x00", FrameStatus.BAD_SUM, 0),
        garbage(b"\x00\x82\x01\x00\x86"),
        whole(KEYBOARD_ACK),
    ]


def test_good_frame_inside_a_torn_one() -> None:
    torn = b"\x57\xab\x00\x87\x08"
    assert decoded(torn + KEYBOARD_ACK + b"\x11\x22") == [
        Frame(0x87, KEYBOARD_ACK + b"\x11", FrameStatus.BAD_SUM, 0),
        garbage(b"\x00\x87\x08"),
        whole(KEYBOARD_ACK),
        garbage(b"\x11\x22"),
    ]


def test_length_that_the_code_never_has() -> None:
    assert Ch9329Framer().feed(b"\x57\xab\x00\x81\x40" + KEYBOARD_ACK) == [
        Frame(0x81, b"", FrameStatus.BAD_LENGTH, 0),
        garbage(b"\x00\x81\x40"),
        whole(KEYBOARD_ACK),
    ]


def test_answer_without_a_sum() -> None:
    assert Ch9329Framer().feed(UNKNOWN_REPLY + KEYBOARD_ACK) == [
        Frame(0xFE, b"", FrameStatus.UNKNOWN_COMMAND, 0),
        whole(KEYBOARD_ACK),
    ]


def test_lost_first_byte() -> None:
    assert Ch9329Framer().feed(HEADLESS_REPLY + KEYBOARD_ACK) == [
        Frame(0x89, b"\x00", FrameStatus.HEADLESS, 0),
        whole(KEYBOARD_ACK),
    ]


def test_long_parameters() -> None:
    assert len(LONG_REPLY) == 71
    expected = Frame(0x88, LONG_REPLY[5:55], FrameStatus.LONG, 0)
    framer = Ch9329Framer()
    assert framer.feed(LONG_REPLY[:70]) == []
    assert framer.feed(LONG_REPLY[70:] + KEYBOARD_ACK) == [expected, whole(KEYBOARD_ACK)]


def test_custom_hid_of_every_length() -> None:
    for size in range(65):
        data = bytes(range(256 - size, 256))
        frame = encode(0x12, 0x06, data)
        assert frame == b"\x57\xab\x12\x06" + bytes([size]) + data + bytes([sum(frame[:-1]) % 256])
        assert Ch9329Framer().feed(frame) == [Frame(0x06, data, OK, 0x12)]


def test_more_frames_than_one_call_reports() -> None:
    assert Ch9329Framer().feed(KEYBOARD_ACK * 2000) == [whole(KEYBOARD_ACK)] * 2000
    heads = b"\x57\xab" * 5000
    assert decoded(heads) == by_reference(heads)


def test_payloads_outlive_the_framer() -> None:
    framer = Ch9329Framer()
    (first,) = framer.feed(KEYBOARD_ACK)
    framer.feed(b"\xff" * 4096)
    del framer
    assert first == whole(KEYBOARD_ACK)


PARTS = st.one_of(
    st.sampled_from([*FRAMES, LONG_REPLY, HEADLESS_REPLY, UNKNOWN_REPLY]),
    st.builds(encode, st.integers(0, 255), st.sampled_from([0x06, 0x87]), st.binary(max_size=64)),
    st.binary(max_size=8),
    st.lists(st.sampled_from(b"\x57\xab\x00\x01\x82\x88\x32\xfe"), max_size=12).map(bytes),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    parts = []
    for part in draw(st.lists(PARTS, max_size=12)):
        damage = draw(st.sampled_from(["none", "none", "torn", "flipped"]))
        if part and damage == "torn":
            start, end = sorted(draw(st.tuples(*[st.integers(0, len(part))] * 2)))
            parts.append(part[start:end])
        elif part and damage == "flipped":
            at = draw(st.integers(0, len(part) - 1))
            flipped = part[at] ^ draw(st.integers(1, 255))
            parts.append(part[:at] + bytes([flipped]) + part[at + 1 :])
        else:
            parts.append(part)
    return b"".join(parts)


@given(stream=streams(), cuts=st.lists(st.integers(0, 900), max_size=8))
@example(stream=LONG_REPLY[:60] + KEYBOARD_ACK, cuts=[])
@example(stream=LONG_REPLY[:70] + b"\x26" + KEYBOARD_ACK, cuts=[56])
def test_like_the_reference_however_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(bounds)]
    expected = by_reference(stream)
    assert decoded(stream) == expected
    assert decoded(*pieces) == expected
    assert decoded(*(bytes([byte]) for byte in stream)) == expected


SHIFT = 0x02


def row(character: str, *strokes: tuple[int, int], letter: bool = False) -> bytes:
    usages = bytes(usage for usage, _ in strokes).ljust(3, b"\x00")
    modifiers = bytes(held for _, held in strokes).ljust(3, b"\x00")
    return pack("<IB3s3sB", ord(character), len(strokes), usages, modifiers, letter)


TABLE = b"".join(
    [
        row("A", (0x04, SHIFT), letter=True),
        row("a", (0x04, 0), letter=True),
        row("b", (0x05, 0), letter=True),
        row("ê", (0x35, 0), (0x08, 0), letter=True),
        row("😀", (0x06, 0x40)),
    ]
)


def typed(text: str, *, caps_lit: bool = False) -> tuple[list[tuple[int, int]], list[int]]:
    data, chars = type_text(TABLE, text, address=3, caps_lit=caps_lit)
    frames = Ch9329Framer().feed(data)
    assert all(frame[:1] == (2,) and frame.address == 3 for frame in frames)
    assert all(frame.payload[1] == 0 and frame.payload[3:] == bytes(5) for frame in frames)
    return [(frame.payload[2], frame.payload[0]) for frame in frames], list(chars)


def test_text_is_one_frame_a_stroke() -> None:
    assert typed("abA") == (
        [(0x04, 0), (0x05, 0), (0x04, SHIFT), (0, 0)],
        [1, 2, 3, 3],
    )


def test_text_releases_before_the_same_key_and_other_modifiers() -> None:
    assert typed("aaA") == (
        [(0x04, 0), (0, 0), (0x04, 0), (0, 0), (0x04, SHIFT), (0, 0)],
        [1, 1, 2, 2, 3, 3],
    )
    assert typed("Ab😀ê") == (
        [(4, SHIFT), (0, 0), (5, 0), (6, 0x40), (0, 0), (0x35, 0), (8, 0), (0, 0)],
        [1, 1, 2, 3, 3, 3, 4, 4],
    )


def test_text_under_caps_lock() -> None:
    assert typed("Ab", caps_lit=True)[0] == [(0x04, 0), (0x05, SHIFT), (0, 0)]


def test_text_of_nothing() -> None:
    data, chars = type_text(TABLE, "", address=0, caps_lit=False)
    assert data == b""
    assert len(chars) == 0


@pytest.mark.parametrize(
    ("table", "text"), [(TABLE, "axb"), (TABLE, "a\ud800"), (TABLE[:-1], "a"), (b"", "a")]
)
def test_text_refused_without_telling_it(table: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z -]+$") as raised:
        type_text(table, text, address=0, caps_lit=False)
    assert not isinstance(raised.value, UnicodeError)


@given(text=st.text(st.sampled_from("Aabê😀"), max_size=40), caps=st.booleans())
def test_text_reads_back(text: str, *, caps: bool) -> None:
    """A plain keyboard sees every stroke go down, in order, and nothing held at the end."""
    strokes = {"A": [4], "a": [4], "b": [5], "ê": [0x35, 8], "😀": [6]}
    reports, chars = typed(text, caps_lit=caps)
    held = 0
    downs = []
    for usage, _ in reports:
        if usage and usage != held:
            downs.append(usage)
        held = usage
    assert downs == [usage for character in text for usage in strokes[character]]
    assert held == 0
    assert chars == sorted(chars)
    assert chars[-1:] == ([len(text)] if text else [])


def test_keyboard() -> None:
    assert keyboard(0, 0x05, b"\x4c") == bytes.fromhex("57AB000208 05004C0000000000 5D")
    assert keyboard(0, 0) == bytes.fromhex("57AB000208 0000000000000000 0C")


def test_mouse() -> None:
    steps = [
        MouseStep(MouseKind.ABSOLUTE, x=100, y=100, width=1280, height=768),
        MouseStep(MouseKind.RELATIVE, buttons=1),
        MouseStep(MouseKind.RELATIVE, x=-3, y=130),
        MouseStep(MouseKind.RELATIVE, wheel=-1),
    ]
    assert [frame.hex(" ").upper() for frame in mouse(steps, address=0)] == [
        "57 AB 00 04 07 02 00 40 01 16 02 00 68",
        "57 AB 00 05 05 01 01 00 00 00 0E",
        "57 AB 00 05 05 01 00 FD 7F 00 89",
        "57 AB 00 05 05 01 00 00 03 00 10",
        "57 AB 00 05 05 01 00 00 00 FF 0C",
    ]
    assert mouse([], address=0) == []


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: encode(0, 0x06, bytes(65)),
        lambda: encode(0, 0x02, bytes(7)),
        lambda: encode(256, 0x01),
        lambda: encode(-1, 0x01),
        lambda: keyboard(0, 0, bytes(7)),
        lambda: keyboard(0, 0, b"\xe0"),
        lambda: keyboard(0, 256),
        lambda: mouse([MouseStep(MouseKind.RELATIVE, x=32768)]),
        lambda: mouse([MouseStep(MouseKind.RELATIVE, x=2**40)]),
        lambda: mouse([MouseStep(MouseKind.ABSOLUTE, x=10, width=10, height=10)]),
    ],
)
def test_misuse_is_told_in_one_line(misuse: object) -> None:
    assert callable(misuse)
    with pytest.raises((ValueError, OverflowError)) as raised:
        misuse()
    assert "\n" not in str(raised.value)
