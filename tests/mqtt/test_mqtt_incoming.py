from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.exceptions import Code, CommandError
from chiplink.mqtt.incoming import Origin, read_command
from chiplink.mqtt.message import Incoming
from chiplink.mqtt.topics import DeviceCommand, Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.model import CommandRequest, Scalar

NOW = 500.0
TYPE_X = DeviceCommand("kvm", "type", "x")
TOPICS = Topics("cellar")


def row(key: str, kind: Kind, **fields: Any) -> Row:
    return Row(key=key, kind=kind, platform="notify", type=ValueType.TEXT, name=key, **fields)


@dataclass
class FakeDevice:
    id: str = "kvm"
    title: str = "kvm"
    chip: Chip = CHIPS["ch9329"]
    rows: Mapping[str, Row] = field(
        default_factory=lambda: {
            "type": row("type", Kind.COMMAND, max=10, expiry=30),
            "note": row("note", Kind.BOTH),
            "firmware": row("firmware", Kind.STATE),
            "hid_in": row("hid_in", Kind.EVENT),
        }
    )

    def counters(self) -> Mapping[str, int]:
        return {}


class FakeNode:
    def __init__(self) -> None:
        self.devices = {"kvm": FakeDevice()}
        self.states: dict[tuple[str, str], Scalar] = {}
        self.available: dict[str, bool] = {}

    def submit(self, request: CommandRequest) -> None: ...
    def unattended(self) -> None: ...
    def waiting(self) -> Mapping[str, int]:
        return {}


def read(
    payload: bytes = b"hi",
    command: DeviceCommand = TYPE_X,
    *,
    secure: bool = False,
    **fields: Any,
) -> tuple[CommandRequest, CommandError | None]:
    given_fields: dict[str, Any] = {"retain": False, "received": NOW} | fields
    incoming = Incoming(topic="t", payload=payload, **given_fields)
    return read_command(FakeNode(), TOPICS, command, incoming, secure=secure)


def refused(payload: bytes = b"hi", *command: str, **fields: Any) -> Code | None:
    request, error = read(payload, DeviceCommand(*(command or ("kvm", "type", "x"))), **fields)
    assert request.value is None or error is None
    return None if error is None else error.code


def test_a_good_one() -> None:
    request, error = read(b"hi there", secure=True)
    assert error is None
    assert (request.device, request.key, request.value, request.id) == (
        "kvm",
        "type",
        "hi there",
        "x",
    )
    assert (request.received, request.secure, request.origin) == (NOW, True, None)


def test_a_connection_that_is_not_secure_is_told() -> None:
    assert read(secure=False)[0].secure is False


@pytest.mark.parametrize(
    ("key", "sent", "expires_at"),
    [
        ("type", None, NOW + 30),
        ("type", 5, NOW + 5),
        ("type", 31, NOW + 30),
        ("note", None, None),
        ("note", 3600, NOW + 3600),
    ],
)
def test_the_shorter_time_to_wait_counts(
    key: str, sent: int | None, expires_at: float | None
) -> None:
    request, error = read(command=DeviceCommand("kvm", key), expiry=sent)
    assert error is None
    assert request.expires_at == expires_at


def test_what_expired_on_the_way_is_refused() -> None:
    assert refused(expiry=0) is Code.EXPIRED
    assert refused(b"hi", "kvm", "note", expiry=0) is Code.EXPIRED


@pytest.mark.parametrize(
    "command",
    [("lan", "type"), ("kvm", "nothing"), ("kvm", "firmware"), ("kvm", "hid_in"), ("", "")],
)
def test_what_nobody_takes_is_unknown(command: tuple[str, str]) -> None:
    assert refused(b"hi", *command) is Code.UNKNOWN_KEY


def test_a_retained_one_is_refused_whatever_it_holds() -> None:
    assert refused(retain=True) is Code.RETAINED
    assert refused(b"\xff", retain=True) is Code.RETAINED
    assert refused(retain=True, expiry=0) is Code.RETAINED


def test_too_much_is_refused() -> None:
    assert refused(b"a" * 41) is Code.TOO_LARGE


def test_what_is_not_utf_8_is_refused() -> None:
    assert refused(b"\xff") is Code.BAD_PAYLOAD


def test_a_refusal_knows_whom_to_answer() -> None:
    request, error = read(
        b"\xff", response_topic="chiplink/cellar/response/me", correlation=b"\x01"
    )
    assert error is not None
    assert (request.id, request.device, request.key) == ("x", "kvm", "type")
    assert request.origin == Origin("chiplink/cellar/response/me", b"\x01")
    assert request.received == NOW


def test_answers_go_where_they_were_asked_for() -> None:
    topic = "chiplink/cellar/response/me"
    assert read(response_topic=topic, correlation=b"\x01")[0].origin == Origin(topic, b"\x01")
    assert read(response_topic=topic)[0].origin == Origin(topic, None)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "me",
        "chiplink/cellar/kvm/type/set",
        "chiplink/cellar/status",
        "chiplink/attic/response/me",
        "homeassistant/status",
        "chiplink/cellar/response/#",
        "chiplink/cellar/response/+",
    ],
)
def test_answers_go_only_below_response(topic: str) -> None:
    request, error = read(response_topic=topic, correlation=b"\x01")
    assert error is None
    assert request.origin is None


@given(
    st.binary(max_size=60),
    st.booleans(),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.text(max_size=40),
    st.none() | st.binary(max_size=20),
)
def test_whatever_comes_is_a_request_or_refused(
    payload: bytes,
    retain: bool,  # noqa: FBT001
    expiry: int | None,
    response_topic: str | None,
    correlation: bytes | None,
) -> None:
    request, error = read(
        payload,
        retain=retain,
        expiry=expiry,
        response_topic=response_topic,
        correlation=correlation,
    )
    assert request.origin is None
    if error is None:
        assert isinstance(request.value, str)
        assert request.expires_at is not None
        assert NOW < request.expires_at <= NOW + 30
    else:
        assert error.code in (Code.RETAINED, Code.EXPIRED, Code.TOO_LARGE, Code.BAD_PAYLOAD)
