"""The tour's steps with the network chip: links over MQTT, real sockets at the other end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from chiplink.demo.stage import NODE
from chiplink.demo.tour_checks import SETTLE, expect, until
from chiplink.demo.tour_links import PATIENCE, becomes, bulk, echoed, hearing, send

if TYPE_CHECKING:
    from chiplink.demo.stage import Stage
    from chiplink.demo.tour_checks import Step

BULK = 1024 * 1024
PIECE = 16 * 1024
"""Bytes sent each way, in messages of this size."""

CLIENTS = 3
READ_REGISTERS = b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x02"


async def _address(stage: Stage) -> str:
    await becomes(stage, "lan/cable", "ON")
    await becomes(stage, "lan/dhcp", "bound")
    values = stage.watcher.values
    for key, expected in (("phy", "full_duplex"), ("ip", "192.168.1.50")):
        await becomes(stage, f"lan/{key}", expected)
    return f"the cable is in, DHCP gave {values[f'chiplink/{NODE}/lan/ip']}"


async def _client(stage: Stage) -> str:
    level = await echoed(stage, "lan", "plc", READ_REGISTERS)
    return f"{len(READ_REGISTERS)} bytes to an echo server and back, known to be {level}"


async def _bulk(stage: Stage) -> str:
    await bulk(stage, "lan", "plc", BULK, PIECE)
    return "1 MB each way at once, not a byte wrong"


async def _server(stage: Stage) -> str:
    await becomes(stage, "lan_server/link/desk/state", "listening")
    with hearing(stage, "lan_server", "desk") as heard:
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
                await send(stage, "lan_server", f"link/desk/tx/{peer}", answer)
                async with asyncio.timeout(SETTLE):
                    expect("the answer", await reader.readexactly(len(answer)), answer)
            info = json.loads(stage.watcher.values[f"chiplink/{NODE}/lan_server/link/desk/info"])
            expect("peers", len(info["peers"]), CLIENTS)
        finally:
            for _reader, writer in clients:
                writer.close()
    await becomes(stage, "lan_server/link/desk/state", "listening")
    return "three clients at once, each gets its own answer"


async def _udp(stage: Stage) -> str:
    await becomes(stage, "lan/link/lamp/state", "open")
    await becomes(stage, "lan/link/inbox/state", "open")
    with hearing(stage, "lan", "lamp") as lamp, hearing(stage, "lan", "inbox") as inbox:
        await send(stage, "lan", "link/lamp/tx", b"on")
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
        await send(stage, "lan", f"link/inbox/tx/{peer}", b"thanks")
        async with asyncio.timeout(SETTLE):
            data, _address = await stage.neighbour.heard.get()
        expect("the answer", data, b"thanks")
    return "a datagram and its answer, as client and as server"


async def _cable(stage: Stage) -> str:
    stage.lan.unplug_cable()
    await becomes(stage, "lan/cable", "OFF")
    await becomes(stage, "lan/link/plc/state", "backoff")
    result = await stage.watcher.send("lan", "link/plc/tx", b"lost?")
    expect("the error", result.error, "closed")
    stage.lan.plug_cable()
    await becomes(stage, "lan/link/plc/state", "open")
    with hearing(stage, "lan", "plc") as heard:
        await send(stage, "lan", "link/plc/tx", b"back")
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
        expect(f"the error of {key}", result.error, code)
    return "each says why, nothing is sent"


async def _reset(stage: Stage) -> str:
    result = await stage.watcher.command("lan", "reset", "PRESS")
    expect("the result's phase", result.phase, "done")
    await becomes(stage, "lan/link/plc/state", "open")
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
