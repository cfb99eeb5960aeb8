from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.framing import (
    AT_LINE,
    AT_PAYLOAD,
    AT_SEND,
    AtFrame,
    AtFramer,
    AtKind,
    at_data,
)
from reference import at as reference

VECTORS = json.loads((Path(__file__).parent / "vectors" / "at.json").read_text("utf-8"))
EVERY_VECTOR = pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
Seen = list[tuple[str, bytes]]


def stream_of(vector: dict[str, Any]) -> bytes:
    return bytes(vector["stream"], "latin-1")


def told(vector: dict[str, Any]) -> Seen:
    return [(kind, text.encode("latin-1")) for kind, text in vector["frames"]]


def framer_for(vector: dict[str, Any]) -> AtFramer:
    framer = AtFramer()
    framer.expect(prompt=vector.get("prompt", False), read=vector.get("read", False))
    return framer


def joined(frames: list[AtFrame]) -> Seen:
    """Return kinds and bytes; the pieces of junk are one."""
    return squeezed([(AtKind(kind).name, data) for kind, data in frames])


def squeezed(frames: Seen) -> Seen:
    seen: Seen = []
    for kind, data in frames:
        if kind == "JUNK" and seen and seen[-1][0] == "JUNK":
            seen[-1] = (kind, seen[-1][1] + data)
        else:
            seen.append((kind, data))
    return seen


def fed(framer: AtFramer, stream: bytes, size: int) -> list[AtFrame]:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    return [frame for piece in pieces for frame in framer.feed(piece)]


@EVERY_VECTOR
def test_whole(vector: dict[str, Any]) -> None:
    frames = framer_for(vector).feed(stream_of(vector))
    assert joined(frames) == told(vector)


@EVERY_VECTOR
@pytest.mark.parametrize("size", [1, 2, 7])
def test_in_pieces(vector: dict[str, Any], size: int) -> None:
    assert joined(fed(framer_for(vector), stream_of(vector), size)) == told(vector)


@EVERY_VECTOR
def test_doubled(vector: dict[str, Any]) -> None:
    framer = framer_for(vector)
    stream = stream_of(vector)
    first = framer.feed(stream)
    framer.expect(prompt=vector.get("prompt", False), read=vector.get("read", False))
    assert joined(first) == joined(framer.feed(stream)) == told(vector)


@EVERY_VECTOR
@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x01\x02", b"lost \x00", b"lost\r\n"])
def test_after_garbage(vector: dict[str, Any], noise: bytes) -> None:
    frames = joined(framer_for(vector).feed(noise + stream_of(vector)))
    kind, text = frames[0]
    if kind == "JUNK" and told(vector)[0][0] == "JUNK":
        assert text == noise + told(vector)[0][1]
        assert frames[1:] == told(vector)[1:]
    else:
        assert kind in ("JUNK", "LINE")
        assert frames[1:] == told(vector)


@EVERY_VECTOR
def test_truncated(vector: dict[str, Any]) -> None:
    stream = stream_of(vector)
    for size in range(len(stream)):
        framer = framer_for(vector)
        frames = framer.feed(stream[:size])
        pending = framer.pending
        rest = framer.flush()
        assert framer.pending == 0
        assert len(rest) == (pending > 0)
        assert all(kind in (AtKind.BROKEN, AtKind.TORN) for kind, _ in rest)
        whole = [(AtKind(kind).name, data) for kind, data in frames if kind != AtKind.JUNK]
        assert whole == [each for each in told(vector) if each[0] != "JUNK"][: len(whole)]
        assert joined(framer.feed(b"\r\nOK\r\n")) == [("FINAL", b"OK")]


def test_all_vectors_in_a_row() -> None:
    vectors = [v for v in VECTORS if not v.get("prompt")]
    framer = AtFramer()
    framer.expect(read=True)
    stream = b"".join(map(stream_of, vectors))
    assert joined(framer.feed(stream)) == [each for v in vectors for each in told(v)]


def test_the_vectors_agree_with_the_reference() -> None:
    for vector in VECTORS:
        expected = {key: vector[key] for key in ("read", "prompt") if key in vector}
        frames = reference.frames(stream_of(vector), **expected)
        assert squeezed(frames) == told(vector), vector["name"]


def test_a_payload_given_up_comes_with_what_there_is() -> None:
    framer = AtFramer()
    framer.feed(b"+IPD,9:ab")
    framer.feed(b"cd")
    assert framer.pending == 5
    assert framer.flush() == [(AtKind.TORN, b"abcd")]
    assert framer.flush() == []
    assert joined(framer.feed(b"+IPD,2:ef")) == [("HEAD", b"+IPD,2:"), ("PAYLOAD", b"ef")]


def test_a_header_that_counts_nothing_has_a_payload_of_nothing() -> None:
    assert joined(AtFramer().feed(b"+IPD,0:\r\nOK\r\n")) == [
        ("HEAD", b"+IPD,0:"),
        ("PAYLOAD", b""),
        ("FINAL", b"OK"),
    ]


def test_the_longest_payload_in_any_pieces() -> None:
    data = bytes(range(256)) * (AT_PAYLOAD // 256)
    for size in (1, 63, 256, 5000):
        frames = fed(AtFramer(), b"+RECEIVE,0,%d:\r\n" % len(data) + data, size)
        assert [payload for _, payload in frames[1:]] == [data]
    header = b"+IPD,%d:\r\n" % (AT_PAYLOAD + 1)
    assert joined(AtFramer().feed(header)) == [("LINE", header[:-2])]


@pytest.mark.parametrize("size", [1, 100, 1023, 1024, 1025, 5000])
def test_a_line_that_is_too_long(size: int) -> None:
    framer = AtFramer()
    frames = fed(framer, b"x" * (AT_LINE + 900) + b"\r\nOK\r\n", size)
    assert [data for kind, data in frames if kind == AtKind.FINAL] == [b"OK"]
    broken = [data for kind, data in frames if kind == AtKind.BROKEN]
    assert b"".join(broken).rstrip(b"\r") == b"x" * (AT_LINE + 900)
    assert joined(framer.feed(b"x" * (AT_LINE - 2) + b"\r\n")) == [("LINE", b"x" * (AT_LINE - 2))]


def test_more_frames_than_one_call_reports() -> None:
    assert joined(AtFramer().feed(b"OK\r\n" * 300)) == [("FINAL", b"OK")] * 300


def test_transparent_mode() -> None:
    framer = AtFramer()
    framer.expect(raw=True)
    data = b"\r\nOK\r\n+IPD,5:\x00\xff"
    assert joined(framer.feed(data)) == [("PAYLOAD", data)]
    framer.expect()
    assert joined(framer.feed(b"\r\nCLOSED\r\n")) == [("URC", b"CLOSED")]


def test_an_unexpected_prompt_is_a_line() -> None:
    framer = AtFramer()
    assert framer.feed(b"\r\n> ") == []
    assert framer.pending == 2
    assert joined(framer.feed(b"\r\nERROR\r\n")) == [("LINE", b"> "), ("FINAL", b"ERROR")]


# What is sent behind a prompt


def test_data_with_escapes() -> None:
    assert at_data(b"a\x1a\x1b\x03\x00", escapes=True) == b"a\x03\x1a\x03\x1b\x03\x03\x00\x1a"
    assert at_data(b"\x1a" * AT_SEND, escapes=True) == b"\x03\x1a" * AT_SEND + b"\x1a"


@pytest.mark.parametrize("data", [b"\x1a", b"abc\x1b", b"", bytes(AT_SEND + 1)])
def test_data_that_cannot_be_carried(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^a (length|value)"):
        at_data(data, escapes=False)


@given(st.binary(min_size=1, max_size=AT_SEND))
@example(b"\x03\x03\x1a\x1a\x1b")
def test_escapes_come_back(data: bytes) -> None:
    sent = at_data(data, escapes=True)
    assert sent[-1] == 0x1A
    back, escaped = bytearray(), False
    for byte in sent[:-1]:
        if not escaped and byte == 0x03:
            escaped = True
            continue
        assert escaped or byte not in (0x1A, 0x1B)
        back.append(byte)
        escaped = False
    assert bytes(back) == data


# The reference

PIECES = st.one_of(
    st.sampled_from([bytes(v["stream"], "latin-1") for v in VECTORS]),
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b">",
            b"> ",
            b"AT",
            b"AT\r",
            b"OK\r\n",
            b"+IPD",
            b",",
            b":",
            b" ",
            b"+RECEIVE,",
            b"+CIPRXGET: 2,",
            b"+CIPRXGET:3,1,",
            b"+CIPRCV:",
            b"0",
            b"3",
            b"12345",
            b"\x00",
            b"\xff",
            b"\t",
            b"CLOSED\r\n",
            b"1, ",
            b"TCP",
            b"RECV FROM:",
            b"9,",
            b"\x1a",
        ]
    ),
    st.binary(max_size=6),
)


@given(
    pieces=st.lists(PIECES, max_size=12),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    prompt=st.booleans(),
    read=st.booleans(),
)
@example(pieces=[b"AT\rX", b"A\rB\r\nOK\r\n"], cuts=[2, 3, 5], prompt=True, read=True)
@example(pieces=[b"+IPD,5\r", b"\nabcde\r\n"], cuts=[7], prompt=False, read=False)
def test_like_the_reference_however_it_is_cut(
    pieces: list[bytes], cuts: list[int], *, prompt: bool, read: bool
) -> None:
    stream = b"".join(pieces)
    right = squeezed(reference.frames(stream, prompt=prompt, read=read))
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for parts in (
        [stream],
        [stream[a:b] for a, b in pairwise(bounds)],
        [bytes([byte]) for byte in stream],
    ):
        framer = AtFramer()
        framer.expect(prompt=prompt, read=read)
        assert joined([frame for part in parts for frame in framer.feed(part)]) == right
