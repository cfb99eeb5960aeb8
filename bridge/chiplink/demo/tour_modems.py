"""The tour's steps with the modems: states, AT commands, and links over the mobile network."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from chiplink.demo.stage import NODE
from chiplink.demo.tour_checks import SETTLE, expect, until
from chiplink.demo.tour_links import PATIENCE, becomes, bulk, echoed, hearing, send

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chiplink.demo.stage import Stage
    from chiplink.demo.tour_checks import Step

BULK = 300_000
PIECE = 6_000
"""Bytes sent each way, in messages of this size."""

WEAKER = 9
"""+CSQ: -95 dBm."""

EVERY_BYTE = bytes(range(256))
UNCARRIED = (0x1A, 0x1B)
"""Ctrl-Z and ESC end or cancel a send of the G series."""

LEVELS = {"nbiot": "acked", "gprs": "accepted", "cell": "acked", "cell_push": "acked"}
"""What each model can know of bytes it sent over TCP."""


async def _states(stage: Stage, device: str) -> str:
    chip = stage.modems[device]
    await becomes(stage, f"{device}/link/plc/state", "open")
    model = chip.MODEL
    for key, expected in (
        ("sim", "ready"),
        ("registration", "home"),
        ("operator", chip.radio.operator),
        ("ip", model.address),
        ("imei", model.identity.imei),
        ("restarts", "0"),
        ("last_error", ""),
    ):
        await becomes(stage, f"{device}/{key}", expected)
    signal = int(stage.watcher.values[f"chiplink/{NODE}/{device}/signal"])
    return f"in the network of {chip.radio.operator}, {signal} dBm, address {model.address}"


async def _client(stage: Stage, device: str) -> str:
    level = await echoed(stage, device, "plc", EVERY_BYTE * 4)
    expect("the level", level, LEVELS[device])
    return f"every byte there is to an echo server and back, known to be {level}"


async def _client_without(stage: Stage, device: str) -> str:
    data = bytes(each for each in EVERY_BYTE if each not in UNCARRIED)
    level = await echoed(stage, device, "plc", data * 4)
    expect("the level", level, LEVELS[device])
    for byte in UNCARRIED:
        result = await stage.watcher.send(device, "link/plc/tx", b"a%cb" % byte)
        expect(f"the error of {byte:02X}", result.error, "bad_payload")
        told = f"{byte:02X}H" in result.detail
        expect("the byte is named", told, expected=True)
    return f"all bytes but 1A and 1B and back, known to be {level}; those two are refused"


async def _datagrams(stage: Stage, device: str) -> str:
    await becomes(stage, f"{device}/link/lamp/state", "open")
    with hearing(stage, device, "lamp") as lamp:
        level = await send(stage, device, "link/lamp/tx", EVERY_BYTE)
        async with asyncio.timeout(SETTLE):
            data, (_host, port) = await stage.neighbour.heard.get()
        expect("what the lamp got", data, EVERY_BYTE)
        stage.neighbour.send(b"is on", port)
        await lamp.has(b"is on")
    return f"a datagram and its answer, known to be {level}"


async def _bulk(stage: Stage) -> str:
    devices = ("cell", "cell_push")
    await asyncio.gather(*(bulk(stage, device, "plc", BULK, PIECE) for device in devices))
    return f"{BULK // 1000} KB each way at once, not a byte wrong, fetched and pushed"


async def _at(stage: Stage, device: str) -> str:
    chip = stage.modems[device]
    before = chip.radio.rssi
    chip.set_signal(WEAKER)
    try:
        result = await stage.watcher.command(device, "at", "AT+CSQ")
    finally:
        chip.set_signal(before)
    expect("the result's phase", result.phase, "done")
    line, final = result.value
    expect("the answer", (line.partition(",")[0], final), (f"+CSQ: {WEAKER}", "OK"))
    refused = await stage.watcher.command(device, "at", "AT+CFUN=0")
    expect("the error of AT+CFUN=0", refused.error, "not_allowed")
    expect("the modem's functionality", chip.functionality, 1)
    return f"AT+CSQ says {line!r}; AT+CFUN=0 changes something and is refused"


async def _bad_sends(stage: Stage) -> str:
    cases = (
        ("cell", "link/plc/set", b"MAYBE", "bad_payload"),
        ("cell", "link/nobody/tx", b"x", "unknown_key"),
        ("cell", "at/set", b"AT+CSQ;+CFUN=0", "bad_payload"),
        ("cell_push", "link/lamp/tx", b"x" * 1461, "too_large"),
        ("nbiot", "link/lamp/tx", b"x" * 1401, "too_large"),
    )
    for device, key, payload, code in cases:
        result = await stage.watcher.send(device, key, payload)
        expect(f"the error of {device}/{key}", result.error, code)
    return "each says why, nothing is sent"


async def _event(stage: Stage) -> str:
    text = "UNDER-VOLTAGE WARNNING"
    events: list[bytes] = []
    topic = f"chiplink/{NODE}/cell/urc"
    with stage.watcher.listening(
        lambda message: events.append(message.payload) if message.topic == topic else None
    ):
        stage.modems["cell"].urc(text)
        async with asyncio.timeout(SETTLE):
            await until(lambda: bool(events))
    expect("the event", json.loads(events[0]), {"event_type": "urc", "text": text})
    return f"{text!r} is an event"


async def _restart(stage: Stage, device: str) -> str:
    stage.modems[device].restart("by itself")
    await becomes(stage, f"{device}/restarts", "1")
    await becomes(stage, f"{device}/link/plc/state", "backoff")
    await echoed(stage, device, "plc", b"back")
    return "counted, and its links are open again by themselves"


async def _reset(stage: Stage) -> str:
    result = await stage.watcher.command("cell", "reset", "PRESS")
    expect("the result's phase", result.phase, "done")
    await echoed(stage, "cell", "plc", b"back")
    restarts = stage.watcher.values[f"chiplink/{NODE}/cell/restarts"]
    expect("restarts by itself", restarts, "1")
    return "restarted as asked, which is not counted; its link is open again"


async def _network(stage: Stage) -> str:
    chip = stage.modems["nbiot"]
    chip.lose_network()
    await becomes(stage, "nbiot/link/plc/state", "backoff", PATIENCE)
    await becomes(stage, "nbiot/ip", "")
    result = await stage.watcher.send("nbiot", "link/plc/tx", b"lost?")
    expect("the error", result.error, "closed")
    chip.find_network()
    await becomes(stage, "nbiot/registration", "home")
    await echoed(stage, "nbiot", "plc", b"back")
    return "said so, and back by itself"


def _each(
    name: str, step: Callable[[Stage, str], Awaitable[str]], *devices: str
) -> tuple[Step, ...]:
    """Return the step for each device."""

    def of(device: str) -> Callable[[Stage], Awaitable[str]]:
        return lambda stage: step(stage, device)

    return tuple((f"{device} {name}", of(device)) for device in devices)


STEPS: tuple[Step, ...] = (
    *_each("states", _states, "nbiot", "gprs", "cell", "cell_push"),
    *_each("TCP client", _client, "nbiot", "cell", "cell_push"),
    *_each("TCP client", _client_without, "gprs"),
    *_each("UDP", _datagrams, "nbiot", "cell_push"),
    *_each("AT commands", _at, "nbiot", "gprs", "cell"),
    ("modems' bad commands", _bad_sends),
    ("cell unsolicited message", _event),
    ("cell and cell_push bulk", _bulk),
    *_each("restarts by itself", _restart, "nbiot", "gprs", "cell"),
    ("cell reset", _reset),
    ("nbiot network lost and found", _network),
)
