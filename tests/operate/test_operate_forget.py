"""`chiplink forget` against a real broker."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from chiplink.mqtt import visit
from chiplink.mqtt.message import Message
from chiplink.mqtt.url import parse_broker
from chiplink.mqtt.visit import Visit
from e2e.e2e_broker import free_port, mosquitto

if TYPE_CHECKING:
    from pathlib import Path

    from operate_support import Desk

    from chiplink.demo.broker import OwnBroker

LEFT = {
    "chiplink/cellar/status": b"offline",
    "chiplink/cellar/descriptor": b"{}",
    "chiplink/cellar/kvm/usb": b"ON",
    "chiplink/cellar/kvm/type/set": b"left by accident",
    "homeassistant/device/chiplink-cellar/kvm/config": b"{}",
}
OTHERS = {
    "chiplink/cellar2/status": b"online",
    "homeassistant/device/chiplink-cellar2/kvm/config": b"{}",
    "homeassistant/sensor/cellar/config": b"{}",
}


async def put(broker: OwnBroker, topics: dict[str, bytes]) -> None:
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.publish(Message(topic, text, retain=True) for topic, text in topics.items())


async def left(broker: OwnBroker) -> dict[str, bytes]:
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.subscribe(["#"])
        await client.publish([Message("end", b"")])
        assert await client.hears("end")
        return {one.topic: one.payload for one in client.messages if one.retain}


async def test_it_clears_the_node_and_nothing_else(desk: Desk, broker: OwnBroker) -> None:
    await put(broker, LEFT | OTHERS)
    ended = await desk.run("forget", "cellar", "--broker", broker.url, "--yes")
    assert (ended.code, ended.out) == (0, "cellar: 5 topics cleared\n")
    assert await left(broker) == OTHERS
    again = await desk.run("forget", "cellar", "--broker", broker.url, "--yes")
    assert (again.code, again.out) == (0, "cellar: nothing is retained\n")


async def test_more_topics_than_go_out_at_once(desk: Desk, broker: OwnBroker) -> None:
    await put(broker, {f"chiplink/cellar/kvm/state{n}": b"1" for n in range(500)})
    ended = await desk.run("forget", "cellar", "--broker", broker.url, "--yes")
    assert ended.out == "cellar: 500 topics cleared\n"
    assert await left(broker) == {}


async def test_another_discovery_prefix(desk: Desk, broker: OwnBroker) -> None:
    await put(broker, {"ha/device/chiplink-cellar/kvm/config": b"{}"} | OTHERS)
    await desk.run("forget", "cellar", "--broker", broker.url, "--yes", "--prefix", "ha")
    assert await left(broker) == OTHERS


@pytest.mark.parametrize("options", [("--yes",), ("--yes", "--force")])
async def test_a_node_that_is_online(
    desk: Desk, broker: OwnBroker, options: tuple[str, ...]
) -> None:
    topics = LEFT | {"chiplink/cellar/status": b"online"}
    await put(broker, topics)
    ended = await desk.run("forget", "cellar", "--broker", broker.url, *options)
    if "--force" in options:
        assert ended.code == 0
        assert await left(broker) == {}
        return
    assert ended.code == 1
    assert "cellar is online; stop its bridge first" in ended.complaint
    assert await left(broker) == topics


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1)]
)
async def test_it_asks_on_a_terminal(
    desk: Desk, broker: OwnBroker, answer: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(broker, LEFT)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ended = await desk.run("forget", "cellar", "--broker", broker.url)
    assert ended.code == code
    assert "cellar: clear 5 retained topics? [y/N]" in ended.out
    assert (await left(broker) == {}) is (code == 0)


async def test_nobody_can_be_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ended = await desk.run("forget", "cellar")
    assert ended.code == 2
    assert "--yes" in ended.complaint


@pytest.mark.parametrize("node", ["+", "#", "a/b", "Cellar", "", "status"])
async def test_what_is_no_node(desk: Desk, node: str) -> None:
    ended = await desk.run("forget", node, "--yes")
    assert ended.code == 2
    assert repr(node) in ended.complaint


@pytest.mark.parametrize("prefix", ["", "+", "home/#"])
async def test_what_is_no_prefix(desk: Desk, prefix: str) -> None:
    assert (await desk.run("forget", "cellar", "--yes", "--prefix", prefix)).code == 2


async def test_no_broker(desk: Desk) -> None:
    port = free_port()
    ended = await desk.run("forget", "cellar", "--yes", "--broker", f"mqtt://127.0.0.1:{port}")
    assert ended.code == 1
    assert "refuses connections" in ended.complaint


@pytest.mark.parametrize(
    ("acl", "words"),
    [
        ("topic read chiplink/#\n", "no answer in time; does the broker's ACL"),
        (
            "topic readwrite chiplink/+/response/#\ntopic read chiplink/#\n",
            "3 of 3 topics are still there, chiplink/cellar/a first",
        ),
    ],
)
async def test_an_acl_that_forbids(
    desk: Desk, tmp_path: Path, acl: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "ANSWER_DEADLINE", 0.5)
    folder = tmp_path / "acl"
    folder.write_text("topic readwrite #\n")
    folder.chmod(0o600)
    async with mosquitto(["per_listener_settings false", f"acl_file {folder}"]) as broker:
        await put(broker, {f"chiplink/cellar/{name}": b"1" for name in "abc"})
        folder.write_text(acl)
        reload(broker)
        ended = await desk.run("forget", "cellar", "--broker", broker.url, "--yes")
    assert ended.code == 1
    assert words in ended.complaint


def reload(broker: OwnBroker) -> None:
    """Let mosquitto read its ACL again; connections that come later find the new one."""
    process = broker._process
    assert process is not None
    process.send_signal(1)
