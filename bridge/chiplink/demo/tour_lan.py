"""The tour's steps with the network chip: links over MQTT, real sockets at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from chiplink.demo.stage import NODE
from chiplink.demo.tour_checks import SETTLE, expect, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chiplink.demo.stage import Stage
    from chiplink.demo.tour_checks import Step
    from chiplink.mqtt.message import Incoming

BULK = 1024 * 1024
PIECE = 16 * 1024
AHEAD = 4
"""Bytes sent each way, in messages of this size, this many on the way at once."""

BULK_DEADLINE = 120.0
CLIENTS = 3
PATIENCE = 15.0
"""Seconds for what takes the chip itself a while."""


class Heard:
    """What came on a link's `rx`, in order, by peer."""

    def __init__(self, stage: Stage, device: str, link: str) -> None:
        self._root = f"chiplink/{NODE}/{device}/link/{link}/rx"
        self._stage = stage
        self.by_peer: dict[str, bytearray] = {}

    def take(self, message: Incoming) -> None:
        """Note a message, if it is one of this link's."""
        if message.topic == self._root or message.topic.startswith(f"{self._root}/"):
            peer = message.topic[len(self._root) + 1 :]
            self.by_peer.setdefault(peer, bytearray()).extend(message.payload)

    async def has(self, data: bytes, peer: str = "", deadline: float = SETTLE) -> None:
        """Wait for as many bytes, and see that they are these."""
        async with asyncio.timeout(deadline):
            await until(lambda: len(self.by_peer.get(peer, b"")) >= len(data))
        same = bytes(self.by_peer[peer]) == data
        expect("what came back is what was sent", same, expected=True)


@contextlib.contextmanager
def _hearing(stage: Stage, device: str, link: str) -> Iterator[Heard]:
    heard = Heard(stage, device, link)
    with stage.watcher.listening(heard.take):
        yield heard


async def _send(stage: Stage, key: str, data: bytes, device: str = "lan") -> dict[str, Any]:
    result = await stage.watcher.send(device, key, data)
    expect(f"the phase of {key}", (result["phase"], result.get("detail", "")), ("done", ""))
    expect("bytes", result["value"]["bytes"], len(data))
    value: dict[str, Any] = result["value"]
    return value


async def _becomes(stage: Stage, topic: str, payload: str, deadline: float = PATIENCE) -> None:
    async with asyncio.timeout(deadline):
        await stage.watcher.until(f"chiplink/{NODE}/{topic}", payload)


async def _address(stage: Stage) -> str:
    await _becomes(stage, "lan/cable", "ON")
    await _becomes(stage, "lan/dhcp", "bound")
    values = stage.watcher.values
    for key, expected in (("phy", "full_duplex"), ("ip", "192.168.1.50")):
        await _becomes(stage, f"lan/{key}", expected)
    return f"the cable is in, DHCP gave {values[f'chiplink/{NODE}/lan/ip']}"


async def _client(stage: Stage) -> str:
    await _becomes(stage, "lan/link/plc/state", "open")
    with _hearing(stage, "lan", "plc") as heard:
        value = await _send(
            stage, "link/plc/tx", b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x02"
        )
        await heard.has(b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x02")
    return f"12 bytes to an echo server and back, known to be {value['level']}"


async def _bulk(stage: Stage) -> str:
    data = os.urandom(BULK)
    waiting: set[asyncio.Task[dict[str, Any]]] = set()
    with _hearing(stage, "lan", "plc") as heard:
        for at in range(0, BULK, PIECE):
            piece = _send(stage, "link/plc/tx", data[at : at + PIECE])
            waiting.add(asyncio.create_task(piece))
            if len(waiting) >= AHEAD:
                done, waiting = await asyncio.wait(
                    waiting, return_when=asyncio.FIRST_COMPLETED, timeout=BULK_DEADLINE
                )
                for task in done:
                    task.result()
        await asyncio.gather(*waiting)
        await heard.has(data, deadline=BULK_DEADLINE)
    return "1 MB each way at once, not a byte wrong"


async def _server(stage: Stage) -> str:
    await _becomes(stage, "lan_server/link/desk/state", "listening")
    with _hearing(stage, "lan_server", "desk") as heard:
        clients = [
            await asyncio.open_connection("127.0.0.1", stage.server_port) for _ in range(CLIENTS)
        ]
        try:
            for number, (reader, writer) in enumerate(clients):
                question, answer = b"client %d" % number, b"answer %d" % number
                writer.write(question)
                async with asyncio.timeout(PATIENCE):
                    await until(lambda: question in heard.by_peer.values())  # noqa: B023
                peer = next(name for name, data in heard.by_peer.items() if data == question)
                await _send(stage, f"link/desk/tx/{peer}", answer, "lan_server")
                async with asyncio.timeout(SETTLE):
                    expect("the answer", await reader.readexactly(len(answer)), answer)
            info = json.loads(stage.watcher.values[f"chiplink/{NODE}/lan_server/link/desk/info"])
            expect("peers", len(info["peers"]), CLIENTS)
        finally:
            for _reader, writer in clients:
                writer.close()
    await _becomes(stage, "lan_server/link/desk/state", "listening")
    return "three clients at once, each gets its own answer"


async def _udp(stage: Stage) -> str:
    await _becomes(stage, "lan/link/lamp/state", "open")
    await _becomes(stage, "lan/link/inbox/state", "open")
    with _hearing(stage, "lan", "lamp") as lamp, _hearing(stage, "lan", "inbox") as inbox:
        await _send(stage, "link/lamp/tx", b"on")
        async with asyncio.timeout(SETTLE):
            data, (_host, port) = await stage.neighbour.heard.get()
        expect("what the lamp got", data, b"on")
        stage.neighbour.send(b"is on", port)
        await lamp.has(b"is on")
        stage.neighbour.send(b"21.5", stage.inbox_port)
        async with asyncio.timeout(SETTLE):
            await until(lambda: bool(inbox.by_peer))
        ((peer, measured),) = inbox.by_peer.items()
        expect("what the sensor said", bytes(measured), b"21.5")
        await _send(stage, f"link/inbox/tx/{peer}", b"thanks")
        async with asyncio.timeout(SETTLE):
            data, _address = await stage.neighbour.heard.get()
        expect("the answer", data, b"thanks")
    return "a datagram and its answer, as client and as server"


async def _cable(stage: Stage) -> str:
    stage.lan.unplug_cable()
    await _becomes(stage, "lan/cable", "OFF")
    await _becomes(stage, "lan/link/plc/state", "backoff")
    result = await stage.watcher.send("lan", "link/plc/tx", b"lost?")
    expect("the error", result.get("error"), "closed")
    stage.lan.plug_cable()
    await _becomes(stage, "lan/link/plc/state", "open")
    with _hearing(stage, "lan", "plc") as heard:
        await _send(stage, "link/plc/tx", b"back")
        await heard.has(b"back")
    return "closed at once, said so, and open again by itself"


async def _bad_sends(stage: Stage) -> str:
    cases = (
        ("link/lamp/tx", b"x" * 1473, "too_large"),
        ("link/inbox/tx", b"to whom?", "bad_payload"),
        ("link/inbox/tx/0.0.0.0:5", b"x", "bad_payload"),
        ("link/nobody/tx", b"x", "unknown_key"),
        ("link/plc/set", b"MAYBE", "bad_payload"),
    )
    for key, payload, code in cases:
        result = await stage.watcher.send("lan", key, payload)
        expect(f"the error of {key}", result.get("error"), code)
    return "each says why, nothing is sent"


async def _reset(stage: Stage) -> str:
    result = await stage.watcher.command("lan", "reset", "PRESS")
    expect("the result's phase", result["phase"], "done")
    await _becomes(stage, "lan/link/plc/state", "open")
    return "the chip was reset, its links are open again"


STEPS: tuple[Step, ...] = (
    ("lan DHCP", _address),
    ("lan TCP client", _client),
    ("lan TCP server", _server),
    ("lan UDP", _udp),
    ("lan bad commands", _bad_sends),
    ("lan bulk", _bulk),
    ("lan cable out and in", _cable),
    ("lan reset", _reset),
)
