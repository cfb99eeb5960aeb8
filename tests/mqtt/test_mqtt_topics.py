from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.mqtt.topics import (
    MAX_REMEMBERED,
    RESERVED,
    DeviceCommand,
    LinkCommand,
    Topics,
    is_name,
)

TOPICS = Topics("cellar")

WORDS = {
    "status", "descriptor", "health", "homeassistant", "response", "availability", "result",
    "link", "set", "tx", "rx",
}  # fmt: skip

NAMES = st.text("abz09_", min_size=1, max_size=32).filter(lambda name: name not in WORDS)
IDS = st.text("AZaz09_-", min_size=1, max_size=36)


def test_topics_of_the_node() -> None:
    assert TOPICS.status == "chiplink/cellar/status"
    assert TOPICS.descriptor == "chiplink/cellar/descriptor"
    assert TOPICS.health == "chiplink/cellar/health"
    assert TOPICS.claim == "chiplink/cellar/homeassistant"
    assert TOPICS.everything == "chiplink/cellar/#"
    assert TOPICS.commands == (
        "chiplink/cellar/+/+/set",
        "chiplink/cellar/+/+/set/+",
        "chiplink/cellar/+/link/+/set",
        "chiplink/cellar/+/link/+/set/+",
        "chiplink/cellar/+/link/+/tx",
        "chiplink/cellar/+/link/+/tx/+",
        "chiplink/cellar/+/link/+/tx/+/+",
    )


def test_topics_of_a_device() -> None:
    assert TOPICS.availability("kvm") == "chiplink/cellar/kvm/availability"
    assert TOPICS.key("kvm", "caps_lock") == "chiplink/cellar/kvm/caps_lock"
    assert TOPICS.result("kvm") == "chiplink/cellar/kvm/result"


def test_topics_of_a_link() -> None:
    assert TOPICS.link_state("lan", "plc") == "chiplink/cellar/lan/link/plc/state"
    assert TOPICS.link_info("lan", "plc") == "chiplink/cellar/lan/link/plc/info"
    assert TOPICS.link_set("lan", "plc") == "chiplink/cellar/lan/link/plc/set"
    assert TOPICS.link_data("lan", "plc") == "chiplink/cellar/lan/link/plc/rx"
    from_peer = TOPICS.link_data("lan", "srv", "192.0.2.7:80")
    assert from_peer == "chiplink/cellar/lan/link/srv/rx/192.0.2.7:80"


def test_the_marker_is_a_response_topic_of_its_own() -> None:
    assert TOPICS.sync("a1") == "chiplink/cellar/response/sync-a1"
    assert TOPICS.is_response(TOPICS.sync("a1"))


def test_reserved_words() -> None:
    assert RESERVED == WORDS
    assert [word for word in sorted(WORDS) if is_name(word)] == []


@pytest.mark.parametrize("name", ["a", "0", "_", "kvm_2", "a" * 32, "sets", "links"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a-b",
        "a.b",
        "a b",
        "a/b",
        "+",
        "#",
        "ä",
        "\uff41",
        "a" * 33,
        "a\n",
        "\na",
        "a\0",
        "٣",
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("topic", "command"),
    [
        ("chiplink/cellar/kvm/type/set", DeviceCommand("kvm", "type")),
        ("chiplink/cellar/kvm/type/set/x", DeviceCommand("kvm", "type", "x")),
        ("chiplink/cellar/kvm/type/set/A-z_9", DeviceCommand("kvm", "type", "A-z_9")),
        ("chiplink/cellar/kvm/type/set/" + "i" * 36, DeviceCommand("kvm", "type", "i" * 36)),
        ("chiplink/cellar/kvm/type/set/set", DeviceCommand("kvm", "type", "set")),
        ("chiplink/cellar/a/b/set/status", DeviceCommand("a", "b", "status")),
    ],
)
def test_commands(topic: str, command: DeviceCommand) -> None:
    assert TOPICS.parse_command(topic) == command


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "set",
        "set/x",
        "chiplink/cellar",
        "chiplink/cellar/",
        "chiplink/cellar/kvm/type",
        "chiplink/cellar/kvm/set",
        "chiplink/cellar/kvm/set/x",
        "chiplink/cellar/kvm/type/get",
        "chiplink/cellar/kvm/type/set/",
        "chiplink/cellar/kvm/type/set/x/y",
        "chiplink/cellar/kvm/type/set/set/x",
        "chiplink/cellar/kvm/type/set/x y",
        "chiplink/cellar/kvm/type/set/ä",
        "chiplink/cellar/kvm/type/set/x\n",
        "chiplink/cellar/kvm/type/set/" + "i" * 37,
        "chiplink/cellar/kvm/type/SET",
        "chiplink/cellar/KVM/type/set",
        "chiplink/cellar/kvm/type /set",
        "chiplink/cellar//type/set",
        "chiplink/cellar/kvm//set",
        "chiplink/cellar/kvm/+/set",
        "chiplink/cellar/+/+/set",
        "chiplink/cellar/kvm/link/set",
        "chiplink/cellar/kvm/link/set/x",
        "chiplink/cellar/kvm/link/plc",
        "chiplink/cellar/kvm/link/plc/rx",
        "chiplink/cellar/kvm/link/plc/rx/192.0.2.7:80",
        "chiplink/cellar/kvm/link/plc/state",
        "chiplink/cellar/kvm/link/plc/state/set",
        "chiplink/cellar/kvm/link/plc/set/",
        "chiplink/cellar/kvm/link/plc/set/x/y",
        "chiplink/cellar/kvm/link/plc/set/192.0.2.7:80",
        "chiplink/cellar/kvm/link/plc/set/192.0.2.7:80/x",
        "chiplink/cellar/kvm/link/plc/tx/",
        "chiplink/cellar/kvm/link/plc/tx//x",
        "chiplink/cellar/kvm/link/plc/tx/x/y",
        "chiplink/cellar/kvm/link/plc/tx/x/192.0.2.7:80",
        "chiplink/cellar/kvm/link/plc/tx/192.0.2.7:80/",
        "chiplink/cellar/kvm/link/plc/tx/192.0.2.7:80/x/y",
        "chiplink/cellar/kvm/link/plc/tx/192.0.2.7:80/192.0.2.7:80",
        "chiplink/cellar/kvm/link/plc/tx/192.0.2.7/80",
        "chiplink/cellar/kvm/link/plc/tx/192.0.2:80",
        "chiplink/cellar/kvm/link/plc/tx/x y",
        "chiplink/cellar/kvm/link/plc/tx/" + "i" * 37,
        "chiplink/cellar/kvm/link/plc/TX",
        "chiplink/cellar/kvm/link/PLC/tx",
        "chiplink/cellar/kvm/link/tx/tx",
        "chiplink/cellar/kvm/link//tx",
        "chiplink/cellar/kvm/link/+/tx",
        "chiplink/cellar/link/link/plc/tx",
        "chiplink/cellar//link/plc/tx",
        "chiplink/cellar/kvm/x/link/plc/tx",
        "chiplink/attic/kvm/link/plc/tx",
        "x/chiplink/cellar/kvm/link/plc/tx",
        "chiplink/cellar/kvm/result/set",
        "chiplink/cellar/status/type/set",
        "chiplink/cellar/response/type/set",
        "chiplink/cellar/" + "k" * 33 + "/type/set",
        "chiplink/cellars/kvm/type/set",
        "chiplink/attic/kvm/type/set",
        "chiplinks/cellar/kvm/type/set",
        "x/chiplink/cellar/kvm/type/set",
        "/chiplink/cellar/kvm/type/set",
        "$share/a/chiplink/cellar/kvm/type/set",
    ],
)
def test_what_is_no_command(topic: str) -> None:
    assert TOPICS.parse_command(topic) is None


@given(NAMES, NAMES, NAMES, st.none() | IDS)
@example("cellar", "kvm", "type", "set")
def test_every_legal_command_is_read(node: str, device: str, key: str, name: str | None) -> None:
    topic = f"chiplink/{node}/{device}/{key}/set" + ("" if name is None else f"/{name}")
    assert Topics(node).parse_command(topic) == DeviceCommand(device, key, name)


PEER = "192.0.2.7:502"


@pytest.mark.parametrize(
    ("topic", "command"),
    [
        ("set", LinkCommand("lan", "plc", "set")),
        ("set/x", LinkCommand("lan", "plc", "set", "", "x")),
        ("set/set", LinkCommand("lan", "plc", "set", "", "set")),
        ("set/tx", LinkCommand("lan", "plc", "set", "", "tx")),
        ("tx", LinkCommand("lan", "plc", "tx")),
        ("tx/x", LinkCommand("lan", "plc", "tx", "", "x")),
        ("tx/tx", LinkCommand("lan", "plc", "tx", "", "tx")),
        ("tx/set", LinkCommand("lan", "plc", "tx", "", "set")),
        (f"tx/{PEER}", LinkCommand("lan", "plc", "tx", PEER)),
        (f"tx/{PEER}/x", LinkCommand("lan", "plc", "tx", PEER, "x")),
        (f"tx/{PEER}/tx", LinkCommand("lan", "plc", "tx", PEER, "tx")),
        ("tx/[2001:DB8:0::1]:7/x", LinkCommand("lan", "plc", "tx", "[2001:db8::1]:7", "x")),
    ],
)
def test_commands_of_links(topic: str, command: LinkCommand) -> None:
    for _ in range(2):
        assert TOPICS.parse_command(f"chiplink/cellar/lan/link/plc/{topic}") == command
    assert command.key == f"link/plc/{command.word}"


@given(NAMES, NAMES, NAMES, st.sampled_from(["set", "tx"]), st.none() | IDS)
@example("cellar", "lan", "plc", "tx", "tx")
@example("cellar", "lan", "plc", "set", "tx")
def test_every_legal_command_of_a_link_is_read(
    node: str, device: str, link: str, word: str, name: str | None
) -> None:
    tail = "" if name is None else f"/{name}"
    topic = f"chiplink/{node}/{device}/link/{link}/{word}{tail}"
    assert Topics(node).parse_command(topic) == LinkCommand(device, link, word, "", name)


LEVELS = st.text(max_size=5) | st.sampled_from(
    ["chiplink", "cellar", "kvm", "type", "set", "+", "link", "plc", "tx", PEER]
)


@given(st.text() | st.lists(LEVELS, max_size=8).map("/".join))
def test_any_topic_is_read_or_not_and_names_are_legal(topic: str) -> None:
    command = TOPICS.parse_command(topic)
    if isinstance(command, LinkCommand):
        assert {command.device, command.link} & WORDS == set()
        assert command.peer in ("", PEER)
        tail = "".join(f"/{part}" for part in (command.peer, command.id) if part)
        assert topic == f"chiplink/cellar/{command.device}/{command.key}{tail}"
    elif command is not None:
        assert re.fullmatch("[a-z0-9_]{1,32}", command.device)
        assert re.fullmatch("[a-z0-9_]{1,32}", command.key)
        assert not {command.device, command.key} & WORDS
        assert command.id is None or re.fullmatch("[A-Za-z0-9_-]{1,36}", command.id)
        tail = "" if command.id is None else f"/{command.id}"
        assert topic == f"chiplink/cellar/{command.device}/{command.key}/set{tail}"


def test_what_is_remembered_of_topics_is_bounded() -> None:
    topics = Topics("cellar")
    for number in range(MAX_REMEMBERED + 10):
        command = topics.parse_command(f"chiplink/cellar/d{number}/type/set")
        assert command == DeviceCommand(f"d{number}", "type")
    assert len(topics._pairs) == MAX_REMEMBERED
    again = topics.parse_command("chiplink/cellar/d0/type/set/x")
    assert again == DeviceCommand("d0", "type", "x")


def test_what_is_remembered_of_links_is_bounded_and_apart() -> None:
    topics = Topics("cellar")
    for number in range(MAX_REMEMBERED + 10):
        peer = f"192.0.{number >> 8}.{number & 255}:5"
        command = topics.parse_command(f"chiplink/cellar/lan/link/srv/tx/{peer}/x")
        assert command == LinkCommand("lan", "srv", "tx", peer, "x")
    assert (len(topics._links), topics._pairs) == (MAX_REMEMBERED, {})


@pytest.mark.parametrize("topic", ["chiplink/cellar/response/x", "chiplink/cellar/response/me/1/2"])
def test_answers_may_be_asked_for_below_response(topic: str) -> None:
    assert TOPICS.is_response(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "chiplink/cellar/response",
        "chiplink/cellar/responses/x",
        "chiplink/attic/response/x",
        "chiplink/cellar/kvm/type/set",
        "chiplink/cellar/status",
        "homeassistant/status",
        "x/chiplink/cellar/response/x",
        "chiplink/cellar/response/+",
        "chiplink/cellar/response/#",
        "chiplink/cellar/response/a+b",
    ],
)
def test_answers_go_nowhere_else(topic: str) -> None:
    assert not TOPICS.is_response(topic)
