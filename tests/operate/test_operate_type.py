"""`chiplink type` and `keys` through a broker: what a bridge answers, or nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from chiplink.cli import remote
from chiplink.mqtt.message import Message
from chiplink.mqtt.url import parse_broker
from chiplink.mqtt.visit import Visit
from e2e.e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from operate_support import Desk

    from chiplink.demo.broker import OwnBroker


SILENT = "chiplink: cellar/kvm gives no result; is its bridge running?"


@contextlib.asynccontextmanager
async def answering(
    broker: OwnBroker, *payloads: bytes, after: float = 0.0, every: float = 0.0
) -> AsyncIterator[None]:
    """Answer each command of cellar/kvm with these; ID stands for its id."""
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.subscribe(["chiplink/cellar/kvm/type/set/+"])

        async def answer() -> None:
            await until(lambda: client.messages)
            number = client.messages[0].topic.rpartition("/")[2].encode()
            await asyncio.sleep(after)
            for payload in payloads:
                await asyncio.sleep(every)
                data = payload.replace(b"ID", number)
                await client.publish([Message("chiplink/cellar/kvm/result", data)])

        task = asyncio.create_task(answer())
        yield
        task.cancel()


async def type_at(desk: Desk, broker: OwnBroker) -> tuple[int, str]:
    words = ("type", "hello", "--broker", broker.url, "--device", "cellar/kvm")
    ended = await desk.run(*words)
    return ended.code, ended.complaint if ended.code else ""


async def test_nobody_answers(
    desk: Desk, broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIND_DEADLINE", 0.3)
    assert await type_at(desk, broker) == (1, SILENT)


async def test_a_bridge_that_is_away_answers_nothing(desk: Desk, broker: OwnBroker) -> None:
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.publish([Message("chiplink/cellar/status", b"offline", retain=True)])
    assert await type_at(desk, broker) == (1, "chiplink: the bridge of cellar/kvm is offline")


async def test_a_bridge_that_is_there_has_longer(
    desk: Desk, broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIND_DEADLINE", 0.5)
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.publish([Message("chiplink/cellar/status", b"online", retain=True)])
    async with answering(broker, b'{"id": "ID", "phase": "done"}', after=1.0):
        assert await type_at(desk, broker) == (0, "")


async def test_what_others_are_told_does_not_prolong_the_wait(
    desk: Desk, broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIND_DEADLINE", 0.5)
    monkeypatch.setattr(remote, "RESULT_DEADLINE", 0.5)
    others = [b'{"id": "another", "phase": "done"}'] * 200
    async with asyncio.timeout(8), answering(broker, *others, every=0.1):
        assert await type_at(desk, broker) == (1, SILENT)


async def test_nonsense_is_no_answer(desk: Desk, broker: OwnBroker) -> None:
    nonsense = (
        b"",
        b"[]",
        b"\xff",
        b'{"id": 3}',
        b'{"id": "another", "phase": "failed"}',
        b'{"id": "ID", "phase": "accepted", "expect_ms": "soon"}',
        b'{"id": "\xff"}',
        b'{"id": "ID", "value": ' + b"[" * 50_000,
        b'{"id": "ID", "phase": "accepted", "expect_ms": 100}',
        b'{"id": "ID", "phase": "accepted", "expect_ms": ' + b"9" * 4000 + b"}",
        b'{"id": "ID", "phase": "done"}',
    )
    async with answering(broker, *nonsense):
        assert await type_at(desk, broker) == (0, "")


@pytest.mark.parametrize("error", ["not_armed", "offline"])
async def test_a_refusal_is_told(desk: Desk, broker: OwnBroker, error: str) -> None:
    result = {"id": "ID", "phase": "failed", "error": error, "detail": "for a reason"}
    async with answering(broker, json.dumps(result).encode()):
        assert await type_at(desk, broker) == (1, f"chiplink: {error}: for a reason")


async def test_a_refusal_controls_no_terminal(desk: Desk, broker: OwnBroker) -> None:
    result = {"id": "ID", "phase": "failed", "error": "\x1b[2J", "detail": "\x9b2J"}
    async with answering(broker, json.dumps(result).encode()):
        assert await type_at(desk, broker) == (1, "chiplink: �[2J: �2J")


@pytest.mark.parametrize(
    "payload",
    [
        *(b"{", b"\xff", b"[]", b'{"node": "\xff"}', b"[" * 50_000, b"9" * 5000),
        *(b'{"node": "cellar", "devices": 5}', b'{"node": "cellar", "devices": [5]}'),
        b'{"node": "\\u001b[2J", "devices": [{"id": "kvm", "rows": [{"key": "type"}]}]}',
        b'{"node": "cellar", "devices": [{"id": "#", "rows": [{"key": "type"}]}]}',
        b'{"node": "cellar", "devices": [{"id": 7, "rows": [{"key": "type"}]}]}',
    ],
)
async def test_what_is_no_descriptor_has_no_device(
    desk: Desk, broker: OwnBroker, monkeypatch: pytest.MonkeyPatch, payload: bytes
) -> None:
    monkeypatch.setattr(remote, "FIND_DEADLINE", 0.3)
    async with Visit(parse_broker(broker.url), "test") as client:
        await client.publish([Message("chiplink/evil/descriptor", payload, retain=True)])
    ended = await desk.run("type", "hello", "--broker", broker.url)
    assert (ended.code, ended.complaint) == (
        1,
        "chiplink: no bridge with such a device on this broker",
    )


async def test_a_broker_that_does_not_answer(desk: Desk) -> None:
    ended = await desk.run("type", "x", "--broker", "mqtt://127.0.0.1:9", "--device", "a/b")
    assert ended.code == 1
    assert "127.0.0.1:9" in ended.complaint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("type", ""), "there is nothing to type or to press"),
        (("keys", "", "--port", "sim://"), "there is nothing to type or to press"),
        (("type", "\udcff"), "this is no text in UTF-8"),
        (("type", "x", "--layout", "de"), "--layout goes with --port"),
        (("type", "x", "--layout", "xx", "--port", "sim://"), "unknown layout 'xx'"),
        (("type", "x", "--device", "a/b", "--port", "sim://"), "--device is a bridge's"),
        (("type", "x", "--device", "+/kvm"), "'+/kvm' is no device; write NODE/DEVICE"),
        (("type", "x", "--device", "kvm"), "'kvm' is no device; write NODE/DEVICE"),
    ],
)
async def test_wrong_usage(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    ended = await desk.run(*arguments)
    assert ended.code == 2
    assert words in ended.complaint
