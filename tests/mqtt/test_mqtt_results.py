from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.exceptions import Code
from chiplink.model import Phase, Result
from chiplink.mqtt.results import Answer, ResultLimit, decode_result, encode_result


def encoded(**fields: Any) -> dict[str, Any]:
    result = Result(**({"device": "kvm", "key": "type", "phase": Phase.DONE} | fields))
    value: dict[str, Any] = json.loads(encode_result(result))
    return value


def test_what_was_encoded_is_read_again() -> None:
    result = Result("kvm", "type", Phase.FAILED, id="x", error=Code.OFFLINE, detail="gone")
    assert decode_result(encode_result(result)) == Answer("x", "failed", "offline", "gone")


@given(st.binary(max_size=100))
@example(b'{"id": "\xff"}')
@example(b'{"value": ' + b"[" * 100_000)
@example(b'{"expect_ms": ' + b"9" * 5000 + b"}")
def test_what_is_no_result_is_none(payload: bytes) -> None:
    assert isinstance(decode_result(payload), Answer | None)


def test_the_smallest() -> None:
    assert encoded() == {"key": "type", "phase": "done"}


def test_a_success() -> None:
    assert encoded(id="x", value={"level": "acked", "bytes": 5}, ms=12, detail="fine") == {
        "id": "x",
        "key": "type",
        "phase": "done",
        "value": {"level": "acked", "bytes": 5},
        "detail": "fine",
        "ms": 12,
    }


def test_a_failure() -> None:
    fields = {"phase": Phase.FAILED, "error": Code.QUEUE_FULL, "detail": "32 wait", "ms": 0}
    assert encoded(**fields) == {
        "key": "type",
        "phase": "failed",
        "error": "queue_full",
        "detail": "32 wait",
        "ms": 0,
    }


def test_an_announcement() -> None:
    assert encoded(id="x", phase=Phase.ACCEPTED, expect_ms=1500, ms=3) == {
        "id": "x",
        "key": "type",
        "phase": "accepted",
        "expect_ms": 1500,
        "ms": 3,
    }


@pytest.mark.parametrize("value", [False, 0, "", [], {}])
def test_a_value_that_is_empty_is_a_value(value: Any) -> None:
    assert encoded(value=value)["value"] == value


def test_what_is_the_bridge_s_own_does_not_go_out() -> None:
    assert set(encoded(public="words", origin=object())) == {"key", "phase"}


def test_a_detail_has_500_characters_at_most() -> None:
    assert encoded(detail="ä" * 500)["detail"] == "ä" * 500
    assert encoded(detail="ä" * 501)["detail"] == "ä" * 500


def test_a_burst_of_64_and_no_more() -> None:
    limit = ResultLimit()
    assert [limit.allows("kvm", 7.0) for _ in range(70)] == [True] * 64 + [False] * 6


def test_after_a_burst_20_a_second() -> None:
    limit = ResultLimit()
    for _ in range(100):
        limit.allows("kvm", 7.0)
    assert [limit.allows("kvm", 8.0) for _ in range(25)] == [True] * 20 + [False] * 5


def test_a_burst_is_saved_up_again_and_not_beyond() -> None:
    limit = ResultLimit()
    for _ in range(100):
        limit.allows("kvm", 7.0)
    assert [limit.allows("kvm", 1000.0) for _ in range(70)] == [True] * 64 + [False] * 6


def test_devices_are_counted_apart() -> None:
    limit = ResultLimit()
    for _ in range(65):
        limit.allows("kvm", 7.0)
    assert limit.allows("lan", 7.0)
    assert not limit.allows("kvm", 7.0)
