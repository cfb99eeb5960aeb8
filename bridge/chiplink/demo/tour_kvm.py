"""The tour's steps with the keyboard: over MQTT, and checked on the simulated PC."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from chiplink.demo.stage import NODE, SECRET
from chiplink.demo.tour_checks import SETTLE, expect, settle, until

if TYPE_CHECKING:
    from chiplink.demo.stage import Stage
    from chiplink.demo.tour_checks import Step

WELL_ON_ITS_WAY = 20
"""Characters after which the typing is cancelled."""


async def _states(stage: Stage) -> str:
    values = stage.watcher.values
    root = f"chiplink/{NODE}"
    expect("status", values.get(f"{root}/status"), "online")
    for key, expected in (("usb", "ON"), ("caps_lock", "OFF"), ("armed", "ON"), ("layout", "us")):
        await settle(key, partial(values.get, f"{root}/kvm/{key}"), expected)
    return "the chip is found, its states are retained topics"


async def _type(stage: Stage) -> str:
    text = "Hello from MQTT!\n"
    result = await stage.watcher.command("kvm", "type", text)
    expect("the result's phase", result.phase, "done")
    await settle("the text on the PC", lambda: stage.pc.text, text)
    expect("anything pressed", stage.pc.anything_pressed, expected=False)
    return f"the PC reads {stage.pc.text.strip()!r}"


async def _keys(stage: Stage) -> str:
    seen: list[tuple[int, frozenset[int]]] = []
    stop = stage.chip.observe(lambda _event: seen.append((stage.pc.modifiers, stage.pc.keys_down)))
    try:
        result = await stage.watcher.command("kvm", "keys", "ctrl+alt+delete")
    finally:
        stop()
    expect("the result's phase", result.phase, "done")
    expect("ctrl+alt+delete was down", (0x05, frozenset({0x4C})) in seen, expected=True)
    await settle("anything pressed", lambda: stage.pc.anything_pressed, expected=False)
    return "three keys down at once, and all up again"


async def _caps(stage: Stage) -> str:
    topic = f"chiplink/{NODE}/kvm/caps_lock"
    stage.pc.keyboard.clear_text()
    for payload in ("ON", "OFF"):
        result = await stage.watcher.command("kvm", "keys", "caps_lock")
        expect("the result's phase", result.phase, "done")
        async with asyncio.timeout(SETTLE):
            await stage.watcher.until(topic, payload)
        if payload == "ON":
            await stage.watcher.command("kvm", "type", "Caps or not")
    await settle("the text on the PC", lambda: stage.pc.text, "Caps or not")
    return "the light follows, and text comes out right while it is lit"


async def _secret(stage: Stage) -> str:
    stage.pc.keyboard.clear_text()
    result = await stage.watcher.command("kvm", "type_secret", "demo_password")
    expect("the result's phase", result.phase, "done")
    await settle("the text on the PC", lambda: stage.pc.text, SECRET)
    leaks = [topic for topic, payload in stage.watcher.values.items() if SECRET in payload]
    expect("topics that hold it", leaks, [])
    stage.pc.keyboard.clear_text()
    return "a password is typed by its name and never crosses the broker"


async def _mouse(stage: Stage) -> str:
    pc = stage.pc
    path = '[{"to":[100,200]},{"move":[300,-50]},{"click":"left"},{"scroll":-3}]'
    clicks, wheel = len(pc.clicks), pc.wheel
    result = await stage.watcher.command("kvm", "mouse", path)
    expect("the result's phase", result.phase, "done")
    await settle("the pointer", lambda: pc.pointer, (400, 150))
    await settle("clicks", lambda: len(pc.clicks) - clicks, 1)
    await settle("the wheel", lambda: pc.wheel - wheel, -3)
    expect("buttons down", pc.buttons_down, frozenset())
    return "moved to the pixel, moved on, clicked, scrolled"


async def _media(stage: Stage) -> str:
    pc = stage.pc
    pressed = len(pc.media_pressed), len(pc.acpi_pressed)
    for key, name in (("media", "volume_up"), ("power", "sleep")):
        result = await stage.watcher.command("kvm", key, name)
        expect(f"the phase of {key}", result.phase, "done")
    await settle(
        "presses",
        lambda: (len(pc.media_pressed) - pressed[0], len(pc.acpi_pressed) - pressed[1]),
        (1, 1),
    )
    expect("anything pressed", pc.anything_pressed, expected=False)
    return "volume up and sleep, each once, both released"


async def _custom_hid(stage: Stage) -> str:
    result = await stage.watcher.command("kvm", "hid_out", "01ff2a")
    expect("the result's phase", result.phase, "done")
    await settle("what the PC got", lambda: stage.pc.hid_received[-1:], [b"\x01\xff\x2a"])
    stage.pc.send_hid(b"\x55\xaa")
    topic = f"chiplink/{NODE}/kvm/hid_in"
    async with asyncio.timeout(SETTLE):
        await stage.watcher.until(topic, '{"event_type":"report","data":"55aa"}')
    return "a report each way"


async def _refusals(stage: Stage) -> str:
    before = stage.pc.text
    cases = (
        ("type", "nä", "unsupported_characters"),
        ("keys", "ctrl+alt+delte", "bad_payload"),
        ("typ", "x", "unknown_key"),
        ("type", "x" * 10_001, "too_large"),
    )
    for key, payload, code in cases:
        result = await stage.watcher.command("kvm", key, payload)
        expect(f"the error of {key}", result.error, code)
    expect("the text on the PC", stage.pc.text, before)
    return "each says why, nothing is typed"


async def _disarmed(stage: Stage) -> str:
    before = stage.pc.text
    await stage.watcher.command("kvm", "armed", "OFF")
    result = await stage.watcher.command("kvm", "type", "secret")
    expect("the error", result.error, "disarmed")
    await stage.watcher.command("kvm", "armed", "ON")
    expect("the text on the PC", stage.pc.text, before)
    return "nothing is typed until it is armed again"


async def _cancel(stage: Stage) -> str:
    stage.pc.keyboard.clear_text()
    text = "all work and no play makes jack a dull boy\n" * 20
    typing = asyncio.create_task(stage.watcher.command("kvm", "type", text))
    async with asyncio.timeout(SETTLE):
        await until(lambda: len(stage.pc.text) >= WELL_ON_ITS_WAY)
    await stage.watcher.command("kvm", "cancel", "PRESS")
    result = await typing
    expect("the error", result.error, "cancelled")
    await settle("anything pressed", lambda: stage.pc.anything_pressed, expected=False)
    expect("the text is a beginning", text.startswith(stage.pc.text), expected=True)
    return f"stopped after {len(stage.pc.text)} of {len(text)} characters, nothing pressed"


async def _unplugged(stage: Stage) -> str:
    topic = f"chiplink/{NODE}/kvm/availability"
    stage.line.hang_up()
    async with asyncio.timeout(SETTLE):
        await stage.watcher.until(topic, "offline")
    result = await stage.watcher.command("kvm", "type", "x")
    expect("the error", result.error, "offline")
    stage.line.reopen()
    async with asyncio.timeout(SETTLE * 3):
        await stage.watcher.until(topic, "online")
    stage.pc.keyboard.clear_text()
    await stage.watcher.command("kvm", "type", "back")
    await settle("the text on the PC", lambda: stage.pc.text, "back")
    return "offline at once, and back by itself"


STEPS: tuple[Step, ...] = (
    ("kvm states", _states),
    ("kvm type", _type),
    ("kvm keys", _keys),
    ("kvm caps lock", _caps),
    ("kvm secret", _secret),
    ("kvm mouse", _mouse),
    ("kvm media and power keys", _media),
    ("kvm custom HID", _custom_hid),
    ("kvm bad commands", _refusals),
    ("kvm disarmed", _disarmed),
    ("kvm cancel", _cancel),
    ("kvm adapter pulled out and put back", _unplugged),
)
