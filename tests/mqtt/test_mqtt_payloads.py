from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.catalog import Kind, Row, ValueType
from chiplink.exceptions import BadPayloadError, TooLargeError
from chiplink.model import DeviceEvent, Scalar
from chiplink.mqtt.events import encode_event
from chiplink.mqtt.payloads import decode_command, encode_state


def row(kind: ValueType, **fields: Any) -> Row:
    return Row(key="a", kind=Kind.COMMAND, platform="notify", type=kind, name="a", **fields)


TEXT = row(ValueType.TEXT, min=1, max=10)
BOOL = row(ValueType.BOOL)
ENUM = row(ValueType.ENUM, options=("us", "de", "fr_bepo"))
BUTTON = row(ValueType.ENUM, options=("PRESS",))
BESIDE = row(ValueType.ENUM, options=("asking", "bound"), button="New lease")
INT = row(ValueType.INT, min=-5, max=300)
FLOAT = row(ValueType.FLOAT, min=-0.5, max=100)
BYTES = row(ValueType.BYTES, min=1, max=64)
JSON = row(ValueType.JSON)
EVERY = [TEXT, BOOL, ENUM, BUTTON, INT, FLOAT, BYTES, JSON]
FREE = [row(kind) for kind in (ValueType.INT, ValueType.FLOAT, ValueType.TEXT, ValueType.BYTES)]


# Out


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        (True, b"ON"),
        (False, b"OFF"),
        (0, b"0"),
        (-70, b"-70"),
        (1.5, b"1.5"),
        ("", b""),
        ("Zürich", b"Z\xc3\xbcrich"),
        ("…", b"\xe2\x80\xa6"),
    ],
)
def test_states(value: Scalar, payload: bytes) -> None:
    assert encode_state(value) == payload


def test_an_event_is_json_with_its_type() -> None:
    event = DeviceEvent("kvm", "hid_in", "report", {"data": "01ff", "count": 2})
    assert json.loads(encode_event(event)) == {"event_type": "report", "data": "01ff", "count": 2}


def test_an_event_s_data_never_changes_its_type() -> None:
    event = DeviceEvent("kvm", "urc", "urc", {"event_type": "something else"})
    assert json.loads(encode_event(event))["event_type"] == "urc"


# In: text


@pytest.mark.parametrize("text", ["a", "Grüße", "a\nb\tc", "  ", "\0", "😀" * 10, "0123456789"])
def test_text(text: str) -> None:
    assert decode_command(TEXT, text.encode()) == text


@pytest.mark.parametrize("payload", [b"\xff", b"a\x80", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_is_utf_8(payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(TEXT, payload)


def test_the_place_of_a_wrong_byte_is_named() -> None:
    with pytest.raises(BadPayloadError, match="byte 3"):
        decode_command(TEXT, b"abc\xff")


def test_text_in_bytes_is_bounded_before_it_is_looked_at() -> None:
    with pytest.raises(TooLargeError):
        decode_command(TEXT, b"\xff" * 41)


def test_text_without_a_bound_of_its_own_is_bounded() -> None:
    with pytest.raises(TooLargeError):
        decode_command(row(ValueType.TEXT), b"a" * (4 * 64 * 1024 + 1))


def test_what_was_typed_is_not_in_the_error() -> None:
    with pytest.raises(BadPayloadError) as raised:
        decode_command(TEXT, b"hunter\xff")
    assert "hunter" not in str(raised.value)


# Truth values


@pytest.mark.parametrize(("payload", "value"), [(b"ON", True), (b"OFF", False)])
def test_truth(*, payload: bytes, value: bool) -> None:
    assert decode_command(BOOL, payload) is value


@pytest.mark.parametrize(
    "payload", [b"on", b"On", b"ON ", b"ON\n", b"1", b"true", b"", b"OFFON", b"\xff", b"O" * 9999]
)
def test_only_on_and_off_are_truth(payload: bytes) -> None:
    with pytest.raises(BadPayloadError, match="ON or OFF"):
        decode_command(BOOL, payload)


# Choices


def test_choices() -> None:
    assert decode_command(ENUM, b"de") == "de"
    assert decode_command(BUTTON, b"PRESS") is None


@pytest.mark.parametrize(
    ("payload", "hint"), [(b"fr_bep", "fr_bepo"), (b"Us", "us"), (b"zzzz", "us, de, fr_bepo")]
)
def test_a_wrong_choice_names_the_right_ones(payload: bytes, hint: str) -> None:
    with pytest.raises(BadPayloadError, match=hint):
        decode_command(ENUM, payload)


@pytest.mark.parametrize("payload", [b"press", b"", b"PRESS ", b"\xff", b"PRESS" + b"x" * 70000])
@pytest.mark.parametrize("form", [BUTTON, BESIDE])
def test_a_button_is_only_pressed(form: Row, payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(form, payload)


def test_a_button_beside_a_state_takes_no_state() -> None:
    assert decode_command(BESIDE, b"PRESS") is None
    with pytest.raises(BadPayloadError, match="one of PRESS"):
        decode_command(BESIDE, b"bound")


# Numbers


@pytest.mark.parametrize(
    ("payload", "value"), [(b"0", 0), (b"-5", -5), (b"300", 300), (b"+7", 7), (b"007", 7)]
)
def test_whole_numbers(payload: bytes, value: int) -> None:
    assert decode_command(INT, payload) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"", b" ", b"1.0", b"1e2", b"0x10", b"one", b"--1", b"1 2", b"-6", b"301", b"\xff",
        "٣".encode(), b"1_0", b"0" * 32 + b"999", b"9" * 5000, b"NaN",
    ],
)  # fmt: skip
def test_what_is_no_whole_number(payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(INT, payload)


@pytest.mark.parametrize(
    ("payload", "value"), [(b"0", 0.0), (b"-0.5", -0.5), (b"1e2", 100.0), (b".5", 0.5)]
)
def test_numbers(payload: bytes, value: float) -> None:
    assert decode_command(FLOAT, payload) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"x", b"1,5", b"-0.6", b"100.1", b"nan", b"inf", b"-inf", b"1e999", b"0x1", b"\xff",
        b"1_0", b"0" * 64 + b"999",
    ],
)  # fmt: skip
def test_what_is_no_number(payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(FLOAT, payload)


@pytest.mark.parametrize("payload", [b"nan", b"inf", b"-inf", b"infinity", b"1e999"])
def test_a_number_without_bounds_is_still_finite(payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(row(ValueType.FLOAT), payload)


# Bytes


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"01ff2a", b"\x01\xff\x2a"), (b"01FF", b"\x01\xff"), (b"01 ff", b"\x01\xff")],
)
def test_bytes(payload: bytes, value: bytes) -> None:
    assert decode_command(BYTES, payload) == value


@pytest.mark.parametrize(
    "payload", [b"0", b"0g", b"0x01", b"01-02", b"\xff", "\uff10\uff11".encode()]
)
def test_what_is_no_hex(payload: bytes) -> None:
    with pytest.raises(BadPayloadError, match="hex"):
        decode_command(BYTES, payload)


def test_64_bytes_fit() -> None:
    assert decode_command(BYTES, b"ab" * 64) == b"\xab" * 64
    assert decode_command(BYTES, b"ab " * 63 + b"ab") == b"\xab" * 64


@pytest.mark.parametrize("count", [65, 66, 96, 97, 200, 10_000])
def test_more_bytes_are_too_many(count: int) -> None:
    with pytest.raises(TooLargeError):
        decode_command(BYTES, b"ab" * count)


# JSON


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'{"move":[1,-2]}', {"move": [1, -2]}),
        (b'[{"click":"left"}]', [{"click": "left"}]),
        (b" true ", True),
        ('"ü"'.encode(), "ü"),
    ],
)
def test_json(payload: bytes, value: Any) -> None:
    assert decode_command(JSON, payload) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"{'a':1}", b"nan", b"1 2", b"\xff", b'"\xff"', b'{"\xc3":1}', b"[" * 60000,
        b'{"a":' * 10000, b"1e999", b"\xef\xbb\xbf{}",
    ],
    ids=lambda payload: str(payload[:12]),
)  # fmt: skip
def test_what_is_no_json(payload: bytes) -> None:
    with pytest.raises(BadPayloadError):
        decode_command(JSON, payload)


def test_levels_of_json_are_bounded() -> None:
    assert decode_command(JSON, b"[" * 16 + b"]" * 16)
    for deep in (b"[" * 17 + b"]" * 17, b'{"a":' * 17 + b"1" + b"}" * 17, b"[" * 900 + b"]" * 900):
        with pytest.raises(BadPayloadError, match="at most 16 levels"):
            decode_command(JSON, deep)


def test_json_is_bounded() -> None:
    assert decode_command(JSON, b'"' + b"a" * 65534 + b'"') == "a" * 65534
    with pytest.raises(TooLargeError):
        decode_command(JSON, b'"' + b"a" * 65535 + b'"')


# Anything


@given(
    st.sampled_from(EVERY + FREE), st.binary(max_size=300) | st.text(max_size=80).map(str.encode)
)
@example(JSON, b'"\xff"')
@example(BYTES, b"0" * 193)
@example(FREE[1], b"nan")
def test_whatever_comes_is_a_value_or_refused(kind: Row, payload: bytes) -> None:
    try:
        value = decode_command(kind, payload)
    except (BadPayloadError, TooLargeError):
        return
    if kind.type is ValueType.BYTES and kind.max is not None:
        assert isinstance(value, bytes)
        assert len(value) <= kind.max
    if kind.type in (ValueType.INT, ValueType.FLOAT):
        assert isinstance(value, int | float)
        assert math.isfinite(value)
