"""Frames built and replies parsed, beside plain Python and beside other programs."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING

from chiplink import layouts
from chiplink.framing import Ch9329Framer, type_text

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = ("The quick brown fox jumps over 13 lazy dogs! " * 23)[:1000]
REPLY = bytes.fromhex("57 AB 00 82 01 00 85")
CHUNK = REPLY * 256
ROUNDS = 40


def run() -> bool:
    """Print the time of each way and the ratios."""
    strokes = _strokes()
    ours = _least(lambda: type_text(layouts.load("us").table, TEXT))
    count = len(type_text(layouts.load("us").table, TEXT)[0]) // 14
    print(f"frames: {len(TEXT)} characters as {count} frames, the least of {ROUNDS}")
    print(f"  one call of the C core: {ours:.0f} µs")
    others = {"plain Python": lambda: _plain_build(strokes)} | _other_builders(strokes)
    _compare(ours, others)
    framer = Ch9329Framer()
    parsed = _least(lambda: framer.feed(CHUNK))
    print(f"replies: a chunk of {len(CHUNK) // len(REPLY)}, the least of {ROUNDS}")
    print(f"  one call of the C core: {parsed:.0f} µs, {parsed * 1000 / 256:.0f} ns a frame")
    _compare(parsed, {"plain Python": lambda: _plain_parse(CHUNK)} | _other_parsers())
    return True


def _strokes() -> list[tuple[int, int]]:
    """Every stroke of the text with what the layout says, and the release where one is due."""
    layout = layouts.load("us")
    states: list[tuple[int, int]] = []
    last = (0, 0)
    for character in TEXT:
        usage, modifiers = layout.strokes(character)[0]
        if usage == last[0] or (last[1] and last[1] != modifiers):
            states.append((0, 0))
        last = (usage, modifiers)
        states.append(last)
    return [*states, (0, 0)]


def _plain_build(states: list[tuple[int, int]]) -> list[bytes]:
    frames = []
    for usage, modifiers in states:
        frame = bytes((0x57, 0xAB, 0, 2, 8, modifiers, 0, usage, 0, 0, 0, 0, 0))
        frames.append(frame + bytes((sum(frame) & 0xFF,)))
    return frames


def _plain_parse(data: bytes) -> list[tuple[int, bytes]]:
    frames, at = [], 0
    while at + 6 <= len(data):
        if data[at] != 0x57 or data[at + 1] != 0xAB:
            at += 1
            continue
        end = at + 5 + data[at + 4]
        if sum(data[at:end]) & 0xFF == data[end]:
            frames.append((data[at + 3], data[at + 5 : end]))
        at = end + 1
    return frames


def _other_builders(states: list[tuple[int, int]]) -> dict[str, Callable[[], object]]:
    if importlib.util.find_spec("serial_hid_kvm") is None:
        print("  serial-hid-kvm: not installed, not measured")
        return {}
    from serial_hid_kvm.hid_protocol import build_keyboard_packet

    def build() -> object:
        return [build_keyboard_packet(modifiers, usage) for usage, modifiers in states]

    return {"serial-hid-kvm": build}


def _other_parsers() -> dict[str, Callable[[], object]]:
    if importlib.util.find_spec("pych9329_hid") is None:
        print("  pych9329-hid: not installed, not measured")
        return {}
    from pych9329_hid.ch9329 import CH9329

    chip = CH9329.__new__(CH9329)

    def parse() -> object:
        verify = chip._decode_and_verify
        return [verify(CHUNK[at : at + 7], 0x02) for at in range(0, len(CHUNK), 7)]

    return {"pych9329-hid": parse}


def _least(action: Callable[[], object]) -> float:
    """The shortest of many runs, in microseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        action()
        times.append(time.perf_counter_ns() - begin)
    return min(times) / 1000


def _compare(ours: float, others: dict[str, Callable[[], object]]) -> None:
    for name, action in others.items():
        least = _least(action)
        print(f"  {name}: {least:.0f} µs, {least / ours:.1f} times as long")
