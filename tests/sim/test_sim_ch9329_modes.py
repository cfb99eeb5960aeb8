"""Work modes, serial modes, and what the SET pin does."""

import pytest
from sim_support import Host, until

from chiplink.sim import Ch9329Sim, Times
from chiplink.sim.ch9329_params import FACTORY, Parameters, Stored

KEY = ("57 AB 00 02 08 00 00 04 00 00 00 00 00 10", 0x02)
MEDIA = ("57 AB 00 03 04 02 04 00 00 0F", 0x03)
ABSOLUTE = ("57 AB 00 04 07 02 00 40 01 15 02 00 67", 0x04)
RELATIVE = ("57 AB 00 05 05 01 00 00 05 00 12", 0x05)
HID = ("57 AB 00 06 03 01 02 03 11", 0x06)


def chip(changes: dict[int, int]) -> Host:
    raw = bytearray(FACTORY)
    for at, value in changes.items():
        raw[at] = value
    stored = Stored(Parameters(bytes(raw)))
    return Host(Ch9329Sim(stored=stored, times=Times.instant()))


@pytest.mark.parametrize(
    ("mode", "accepted"),
    [
        (0x00, {0x02, 0x03, 0x04, 0x05, 0x06}),
        (0x81, {0x02}),
        (0x02, {0x02, 0x03, 0x04, 0x05}),
        (0x83, {0x06}),
    ],
)
async def test_work_modes_limit_commands(mode: int, accepted: set[int]) -> None:
    host = chip({0: mode})
    for frame, command in (KEY, MEDIA, ABSOLUTE, RELATIVE, HID):
        raw = [0x57, 0xAB, 0, command | (0x80 if command in accepted else 0xC0), 1]
        raw.append(0x00 if command in accepted else 0xE6)
        await host.ask(frame, bytes([*raw, sum(raw) & 0xFF]).hex())
    assert (host.sim.pc.text == "a") == (0x02 in accepted)
    assert bool(host.sim.pc.hid_received) == (0x06 in accepted)


async def test_ascii_mode_types_bytes() -> None:
    host = chip({1: 0x81})
    host.sim.receive(b"Hello, World!\r")
    host.sim.receive(b"57")
    await until(host.sim, lambda: len(host.sim.pc.text) == 16 and not host.sim.pc.anything_pressed)
    assert host.sim.pc.text == "Hello, World!\n57"
    assert not host.heard


async def test_ascii_mode_types_the_head_of_a_frame() -> None:
    host = chip({1: 0x01})
    host.send("57 AB 00 01 00 03")
    await until(host.sim, lambda: host.sim.pc.text)
    assert host.sim.pc.text == "W"


async def test_ascii_mode_enter_group_and_auto_enter() -> None:
    host = chip({1: 1, 19: 1, 20: 0x0D, 21: 0x0A})
    host.sim.receive(b"a\r")
    host.sim.receive(b"\nb")
    await until(host.sim, lambda: len(host.sim.pc.text) == 4 and not host.sim.pc.anything_pressed)
    assert host.sim.pc.text == "a\nb\n"


async def test_ascii_mode_fast_upload_loses_repeated_letters() -> None:
    host = chip({1: 1, 37: 1})
    host.sim.receive(b"hello")
    await until(host.sim, lambda: host.sim.pc.text == "helo" and not host.sim.pc.anything_pressed)


async def test_transparent_mode_passes_bytes_both_ways() -> None:
    host = chip({0: 3, 1: 2})
    host.sim.receive(bytes(range(70)))
    await until(host.sim, lambda: len(host.sim.pc.hid_received) == 2)
    assert host.sim.pc.hid_received == [bytes(range(64)), bytes(range(64, 70))]
    host.sim.pc.send_hid(b"\x57\xab")
    await host.hear("57 AB")


async def test_a_low_set_pin_means_frames() -> None:
    host = chip({1: 1})
    host.sim.set_pin(low=True)
    await host.ask("57 AB 00 01 00 03", "57 AB 00 81 08 30 01 00 00 00 00 00 00 BC")
    assert host.sim.pc.text == ""


async def test_the_set_pin_leaves_no_key_held() -> None:
    host = chip({1: 1})
    host.sim.receive(b"ab")
    await until(host.sim, lambda: host.sim.pc.anything_pressed)
    host.sim.set_pin(low=True)
    await until(host.sim, lambda: host.sim.pc.text == "ab" and not host.sim.pc.anything_pressed)
