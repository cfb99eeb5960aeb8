"""`chiplink monitor` on a real broker: a snapshot, lines, a picture; and hostile publishers."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from chiplink.cli import main, monitor_command
from chiplink.cli.monitor_command import picture, snapshot
from chiplink.cli.monitor_tree import MAX_DEVICES, MAX_LINKS, MAX_NODES, MAX_VALUES, Tree
from chiplink.cli.printable import printable
from chiplink.demo.broker import OwnBroker
from chiplink.demo.watcher import Watcher
from chiplink.mqtt.message import Incoming
from chiplink.mqtt.url import parse_broker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE = 30

DESCRIPTOR = {
    "schema": 1,
    "node": "cellar",
    "version": "0.1.0",
    "devices": [
        {
            "id": "kvm",
            "name": "Desk",
            "model": "CH9329",
            "rows": [{"key": "usb", "kind": "state"}, {"key": "type", "kind": "command"}],
        }
    ],
}
TREE = {
    "status": "online",
    "descriptor": json.dumps(DESCRIPTOR),
    "kvm/availability": "online",
    "kvm/usb": "ON",
    "kvm/gone": "stale",
    "kvm/link/plc/state": "open",
    "kvm/link/plc/info": '{"dropped": 0}',
}
SNAPSHOT = [
    "cellar: online, chiplink 0.1.0",
    "  kvm: online, CH9329",
    "    usb            ON",
    '    link plc       open {"dropped": 0}',
]


def message(topic: str, payload: str | bytes) -> Incoming:
    data = payload.encode() if isinstance(payload, str) else payload
    return Incoming(topic, data, True, 0.0)


def tree_of(topics: dict[str, str], node: str = "cellar") -> Tree:
    tree = Tree()
    for topic, payload in topics.items():
        tree.take(message(f"chiplink/{node}/{topic}", payload))
    return tree


def painted(tree: Tree, trouble: str = "") -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(picture(tree, trouble))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# What is known


def test_a_snapshot_in_any_order_of_arrival() -> None:
    assert snapshot(tree_of(TREE)) == SNAPSHOT
    assert snapshot(tree_of(dict(reversed(TREE.items())))) == SNAPSHOT


def test_before_its_descriptor_everything_of_a_device_is_shown() -> None:
    assert snapshot(tree_of({"kvm/usb": "OFF"})) == [
        "cellar: unknown",
        "  kvm: unknown",
        "    usb            OFF",
    ]


def test_what_is_cleared_goes() -> None:
    tree = tree_of(TREE)
    tree.take(message("chiplink/cellar/kvm/usb", ""))
    assert "    usb            ON" not in snapshot(tree)
    tree.take(message("chiplink/cellar/descriptor", json.dumps({**DESCRIPTOR, "devices": []})))
    assert snapshot(tree) == ["cellar: online, chiplink 0.1.0"]
    tree.take(message("chiplink/cellar/status", ""))
    assert snapshot(tree) == []


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"key": "type", "phase": "done", "ms": 12}, "type done in 12 ms"),
        ({"key": "type", "phase": "accepted"}, "type accepted"),
        (
            {"key": "keys", "phase": "failed", "error": "disarmed", "detail": "arm it first"},
            "keys failed disarmed: arm it first",
        ),
        ({"key": "x", "phase": "failed", "error": "y", "detail": "\x1b[2J"}, "x failed y: �[2J"),
        (["no", "result"], "a result that cannot be read"),
        ({"key": 5}, "a result that cannot be read"),
    ],
)
def test_the_last_result(result: object, words: str) -> None:
    tree = Tree()
    line = tree.take(message("chiplink/cellar/kvm/result", json.dumps(result)))
    assert line == f"cellar/kvm: {words}"
    assert f"    last result    {words}" in snapshot(tree)


# Hostile publishers

EVIL = "[red]x[/red] [/] \x1b]0;owned\x07\x1b[2J\r\u202e\n"


def test_nothing_controls_the_terminal_or_is_markup() -> None:
    descriptor = {"version": EVIL, "devices": [{"id": "kvm", "name": EVIL, "model": EVIL}]}
    tree = tree_of(
        {
            "status": EVIL,
            "descriptor": json.dumps(descriptor),
            "kvm/availability": EVIL,
            "kvm/link/plc/state": EVIL,
            "kvm/link/plc/info": EVIL,
            "kvm/result": json.dumps({"key": EVIL, "phase": EVIL, "error": EVIL, "detail": EVIL}),
        }
    )
    tree.nodes["cellar"].devices["kvm"].known = None
    tree.take(message("chiplink/cellar/kvm/usb", EVIL))
    for shown in ("\n".join(snapshot(tree)), painted(tree, printable(EVIL))):
        assert shown.count("[red]x[/red] [/]") >= 6
        assert all(letter.isprintable() or letter == "\n" for letter in shown)


@pytest.mark.parametrize(
    "topic",
    [
        "chiplink/Cellar/status",
        "chiplink/\x1b[2J/status",
        "chiplink/cellar/\x1b[2J/usb",
        "chiplink/set/status",
        "chiplink//status",
        "other/cellar/status",
    ],
)
def test_names_that_are_none_are_counted_and_not_shown(topic: str) -> None:
    tree = Tree()
    assert tree.take(message(topic, "online")) == ""
    assert tree.ignored == 1
    assert all("\x1b" not in line for line in snapshot(tree))


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{", b"\xff\xfe", b"[]", b'{"devices": 5}', b"[" * 50_000, b"9" * 60_000),
        *(b'{"version": "\xff"}', b'{"devices": [{"id": "kvm", "name": "\xff"}]}'),
    ],
)
def test_descriptors_that_are_none(payload: bytes) -> None:
    tree = tree_of({"status": "online"})
    tree.take(message("chiplink/cellar/descriptor", payload))
    assert snapshot(tree)[0] == "cellar: online"


@given(st.sampled_from(["descriptor", "kvm/result", "kvm/usb", "status"]), st.binary(max_size=60))
@example("kvm/result", b'{"key": "\xff"}')
@example("kvm/result", b'{"detail": ' + b"[" * 50_000)
@example("descriptor", b'{"version": "\xff"}')
def test_any_payload_is_taken(topic: str, payload: bytes) -> None:
    tree = tree_of(TREE)
    tree.take(message(f"chiplink/cellar/{topic}", payload))
    assert all(line.isprintable() for line in snapshot(tree))


def test_what_is_too_large_is_not_looked_at() -> None:
    tree = Tree()
    tree.take(message("chiplink/cellar/kvm/usb", "x" * 65_537))
    assert (tree.nodes, tree.ignored) == ({}, 1)


def test_memory_is_bounded_and_the_rest_counted() -> None:
    tree = Tree()
    for number in range(MAX_NODES + 3):
        tree.take(message(f"chiplink/n{number}/status", "online"))
    assert (len(tree.nodes), tree.ignored) == (MAX_NODES, 3)
    for number in range(MAX_DEVICES + 4):
        tree.take(message(f"chiplink/n0/d{number}/availability", "online"))
    assert (len(tree.nodes["n0"].devices), tree.ignored) == (MAX_DEVICES, 7)
    for number in range(MAX_VALUES + 5):
        tree.take(message(f"chiplink/n0/d0/k{number}", "x" * 60_000))
    device = tree.nodes["n0"].devices["d0"]
    assert (len(device.values), tree.ignored) == (MAX_VALUES, 12)
    assert max(map(len, device.values.values())) <= 80
    for number in range(MAX_LINKS + 6):
        tree.take(message(f"chiplink/n0/d0/link/l{number}/state", "open"))
    assert (len(device.links), tree.ignored) == (MAX_LINKS, 18)
    assert "18 messages beyond what is shown were ignored" in snapshot(tree)
    assert "18 messages beyond what is shown were ignored" in painted(tree)


def test_one_line_of_bounded_length() -> None:
    assert printable("a\nb\tc\x00") == "a⏎b�c�"
    assert printable("x" * 11, 10) == "x" * 9 + "…"
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("grüße ✓") == "grüße ✓"


# On a broker


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[OwnBroker]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with OwnBroker(port) as running:
        yield running


@asynccontextmanager
async def bridge(broker: OwnBroker) -> AsyncIterator[Watcher]:
    """Somebody who publishes as a bridge does, all of TREE retained already."""
    async with Watcher(parse_broker(broker.url), "cellar") as publisher:
        for topic, payload in TREE.items():
            publisher.publish(topic, payload, retain=True)
        async with asyncio.timeout(DEADLINE):
            for topic, payload in TREE.items():
                await publisher.until(f"chiplink/cellar/{topic}", payload)
        yield publisher


async def once(url: str) -> int:
    return await asyncio.to_thread(main, ["monitor", "--once", "--broker", url])


async def test_once(broker: OwnBroker, capsys: pytest.CaptureFixture[str]) -> None:
    async with bridge(broker):
        assert await once(broker.url) == 0
    assert capsys.readouterr().out.splitlines() == SNAPSHOT


async def test_once_without_a_bridge(
    broker: OwnBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_command, "FIND_DEADLINE", 0.3)
    assert await once(broker.url) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"chiplink: no bridge on the broker 127.0.0.1:{broker.port}\n"


async def test_without_a_broker(broker: OwnBroker, capsys: pytest.CaptureFixture[str]) -> None:
    await broker.stop()
    assert await once(broker.url) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is it running?" in line


@pytest.mark.parametrize("url", ["localhost", "http://x", "mqtt://", "mqtt://x:0"])
def test_an_address_that_is_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--broker", url]) == 2
    assert capsys.readouterr().err.startswith("chiplink: ")


@asynccontextmanager
async def monitor(url: str, out: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chiplink", "monitor", "--broker", url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_line_a_change_where_there_is_no_terminal(broker: OwnBroker) -> None:
    async with bridge(broker) as publisher, monitor(broker.url, asyncio.subprocess.PIPE) as process:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            # What the broker sent before the first snapshot is part of it, the rest comes by line.
            heard = await process.stdout.readline()
            while heard not in {b"cellar/kvm: usb ON\n", b"    usb            ON\n"}:
                heard = await process.stdout.readline()
            publisher.publish("kvm/usb", "OFF")
            while await process.stdout.readline() != b"cellar/kvm: usb OFF\n":
                pass
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0


async def test_a_picture_on_a_terminal(broker: OwnBroker) -> None:
    master, slave = os.openpty()
    heard = bytearray()
    changed = asyncio.Event()

    def read() -> None:
        heard.extend(os.read(master, 4096))
        changed.set()

    async def until(words: bytes) -> None:
        async with asyncio.timeout(DEADLINE):
            while words not in heard:
                await changed.wait()
                changed.clear()

    asyncio.get_running_loop().add_reader(master, read)
    try:
        async with bridge(broker) as publisher, monitor(broker.url, slave) as process:
            await until(b"CH9329")
            publisher.publish("kvm/result", '{"key": "type", "phase": "done", "ms": 5}')
            await until(b"type done in 5 ms")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                assert await process.wait() == 0
            # The terminal is given back as it was: the alternate screen is left.
            await until(b"\x1b[?1049l")
    finally:
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)
