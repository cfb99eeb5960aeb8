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
from chiplink.mqtt.topics import DeviceCommand, LinkCommand, Topics
from mqtt.mqtt_support import FakeLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.model import CommandRequest, Json, LinkPhase, Scalar

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
    links: Mapping[str, FakeLink] = field(
        default_factory=lambda: {
            "plc": FakeLink("plc"),
            "srv": FakeLink("srv", "tcp-server", several=True),
        }
    )

    def counters(self) -> Mapping[str, int]:
        return {}


class FakeNode:
    def __init__(self) -> None:
        self.devices = {"kvm": FakeDevice()}
        self.states: dict[tuple[str, str], Scalar] = {}
        self.available: dict[str, bool] = {}
        self.link_states: dict[tuple[str, str], LinkPhase] = {}
        self.link_infos: dict[tuple[str, str], Mapping[str, Json]] = {}

    def submit(self, request: CommandRequest) -> None: ...
    def unattended(self) -> None: ...
    def waiting(self) -> Mapping[str, int]:
        return {}


def read(
    payload: bytes = b"hi",
    command: DeviceCommand | LinkCommand = TYPE_X,
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


# Links

PEER = "192.0.2.7:502"
TX = LinkCommand("kvm", "plc", "tx", "", "x")
SET = LinkCommand("kvm", "plc", "set", "", "x")
MOST = 64 * 1024


def refusal(command: LinkCommand, payload: bytes = b"hi", **fields: Any) -> tuple[Code, str]:
    request, error = read(payload, command, **fields)
    assert error is not None
    assert (request.device, request.key, request.id) == (command.device, command.key, command.id)
    return error.code, str(error)


@pytest.mark.parametrize("payload", [b"\x00", b"\xff\r\n", b"CLOSE", b"a" * MOST])
def test_data_is_taken_as_it_is(payload: bytes) -> None:
    request, error = read(payload, TX, secure=True)
    assert error is None
    assert (request.device, request.key, request.value) == ("kvm", "link/plc/tx", payload)
    assert (request.id, request.peer, request.secure) == ("x", "", True)
    assert (request.received, request.expires_at) == (NOW, None)


def test_data_for_one_of_several() -> None:
    request, error = read(b"hi", LinkCommand("kvm", "srv", "tx", PEER))
    assert error is None
    assert (request.key, request.peer, request.id) == ("link/srv/tx", PEER, None)


@pytest.mark.parametrize("payload", [b"OPEN", b"CLOSE"])
@pytest.mark.parametrize("link", ["plc", "srv"])
def test_links_are_told_to_open_and_to_close(link: str, payload: bytes) -> None:
    request, error = read(payload, LinkCommand("kvm", link, "set"))
    assert error is None
    assert (request.key, request.value) == (f"link/{link}/set", payload.decode())


@pytest.mark.parametrize("payload", [b"open", b"ON", b"OPEN ", b"\xff", b"a" * MOST])
def test_nothing_else_is_told_to_links(payload: bytes) -> None:
    assert refusal(SET, payload)[0] is Code.BAD_PAYLOAD


def test_data_has_64_kib_at_most() -> None:
    code, words = refusal(TX, b"a" * (MOST + 1))
    assert code is Code.TOO_LARGE
    assert words == "65537 bytes; at most 65536 at once"


def test_the_sender_s_time_to_wait_counts() -> None:
    assert read(b"hi", TX, expiry=5)[0].expires_at == NOW + 5
    assert refusal(TX, expiry=0)[0] is Code.EXPIRED


def test_a_retained_one_for_a_link_is_refused() -> None:
    assert refusal(TX, retain=True)[0] is Code.RETAINED
    assert refusal(SET, b"CLOSE", retain=True)[0] is Code.RETAINED


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (LinkCommand("lan", "plc", "tx"), "there is no device 'lan'"),
        (LinkCommand("kvm", "plx", "tx"), "kvm has no link 'plx'; did you mean 'plc'?"),
        (LinkCommand("kvm", "serv", "set"), "kvm has no link 'serv'; did you mean 'srv'?"),
        (LinkCommand("kvm", "other", "tx", PEER), "kvm has no link 'other'"),
    ],
)
def test_links_that_are_not_there(command: LinkCommand, words: str) -> None:
    assert refusal(command) == (Code.UNKNOWN_KEY, words)


def test_a_peer_where_there_is_one_and_none_where_there_are_several() -> None:
    one = refusal(LinkCommand("kvm", "plc", "tx", PEER, "x"))
    assert one == (Code.BAD_PAYLOAD, "this link has one peer only: write tx")
    several = refusal(LinkCommand("kvm", "srv", "tx"))
    assert several == (
        Code.BAD_PAYLOAD,
        "this link may have several peers: write tx/<ip>:<port>",
    )


def test_answers_about_links_go_where_they_were_asked_for() -> None:
    topic = "chiplink/cellar/response/me"
    assert read(b"hi", TX, response_topic=topic)[0].origin == Origin(topic, None)


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
