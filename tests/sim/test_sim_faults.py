"""The fault set: its arguments, its chances, and the faults at work on a chip."""

import random

import pytest
from sim_support import Host, until

from chiplink.sim import CH9329_FAULTS, Ch9329Sim, Times, events
from chiplink.sim.ch9329_commands import COMMAND_LABELS
from chiplink.sim.faults import FaultSet
from chiplink.sim.when import When

GET_INFO = "57 AB 00 01 00 03"
INFO = "57 AB 00 81 08 30 01 00 00 00 00 00 00 BC"
KEY_A = "57 AB 00 02 08 00 00 04 00 00 00 00 00 10"
RELEASE = "57 AB 00 02 08 00 00 00 00 00 00 00 00 0C"
KEY_ACK = "57 AB 00 82 01 00 85"


def strikes(argument: str, chances: int) -> list[bool]:
    when = When.parse(argument, COMMAND_LABELS)
    rng = random.Random(1)  # noqa: S311 - repeatable chances
    return [when.hit(rng) for _ in range(chances)]


def test_when() -> None:
    assert strikes("", 3) == [True, True, True]
    assert strikes("2", 4) == [True, True, False, False]
    assert strikes("#3", 4) == [False, False, True, False]
    assert strikes("0.0", 3) == [False, False, False]
    assert strikes("100%", 2) == [True, True]
    assert 0 < sum(strikes("0.5", 1000)) < 1000


def test_when_counts_only_its_command() -> None:
    when = When.parse("cmd_reset,1", COMMAND_LABELS)
    rng = random.Random(1)  # noqa: S311 - repeatable chances
    assert [
        when.hit(rng, labels) for labels in (("keyboard",), ("cmd_reset",), ("cmd_reset",))
    ] == [
        False,
        True,
        False,
    ]


def test_when_reads_times_and_status() -> None:
    assert When.parse("5s,20ms").durations == (5.0, 0.02)
    assert When.parse("e4").status == 0xE4


@pytest.mark.parametrize("argument", ["soon", "E7", "#0", "#x", "200%", "-1", "1.5"])
def test_when_refuses(argument: str) -> None:
    with pytest.raises(ValueError, match="right would be"):
        When.parse(argument, COMMAND_LABELS)


def test_unknown_fault_names_the_nearest() -> None:
    faults = FaultSet(CH9329_FAULTS)
    with pytest.raises(ValueError, match="'unplugged'"):
        faults.switch_on("unplug")
    with pytest.raises(ValueError, match="'no-answer'"):
        faults.switch_off("no-anser")
    assert faults.active() == {}


def test_the_table_describes_every_fault_once() -> None:
    texts = [row.describe for row in CH9329_FAULTS.values()]
    assert all(texts)
    assert len(set(texts)) == len(texts)
    assert all(name == row.name for name, row in CH9329_FAULTS.items())


async def test_no_answer_for_the_next_two(host: Host) -> None:
    host.sim.faults.switch_on("no-answer=2")
    host.send(KEY_A, KEY_A)
    await host.ask(GET_INFO, INFO)
    assert host.sim.pc.text == ""


async def test_no_answer_for_one_command_until_switched_off(host: Host) -> None:
    host.sim.faults.switch_on("no-answer=keyboard")
    assert host.sim.faults.active() == {"no-answer": "keyboard"}
    host.send(KEY_A, GET_INFO, KEY_A, GET_INFO)
    await host.hear(INFO + INFO)
    host.sim.faults.switch_off("no-answer")
    await host.ask(KEY_A, KEY_ACK)
    assert host.of(events.FaultSwitched) == [
        events.FaultSwitched("no-answer", True),
        events.FaultSwitched("no-answer", False),
    ]


async def test_an_answer_lost_after_the_deed(host: Host) -> None:
    host.sim.faults.switch_on("lost-answer=0x02")
    host.send(KEY_A)
    await host.ask(GET_INFO, INFO)
    assert host.sim.pc.text == "a"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("E1", "57 AB 00 C2 01 E1 A6"),
        ("E3", "57 AB 00 C2 01 E3 A8"),
        ("E5", "57 AB 00 C2 01 E5 AA"),
        ("E6", "57 AB 00 C2 01 E6 AB"),
    ],
)
async def test_error_answers(host: Host, status: str, answer: str) -> None:
    host.sim.faults.switch_on(f"error={status},keyboard,1")
    await host.ask(KEY_A, answer)
    assert host.sim.pc.text == ""
    await host.ask(KEY_A, KEY_ACK)


async def test_lost_bytes(host: Host) -> None:
    host.sim.faults.switch_on("lose-out=#1")
    await host.ask(GET_INFO, INFO[3:])
    host.sim.faults.switch_on("lose-in=#14")
    host.send(RELEASE)
    # Without its sum the frame swallows a byte of the next.
    await host.ask(GET_INFO, "57 AB 00 C2 01 E4 A9")


async def test_flipped_bytes(host: Host) -> None:
    host.sim.faults.switch_on("flip-in=#14")
    await host.ask(KEY_A, "57 AB 00 C2 01 E4 A9")
    host.sim.faults.switch_on("flip-out=#1")
    host.send(GET_INFO)
    await until(host.sim, lambda: host.heard)
    assert (host.heard[0] ^ 0x57).bit_count() == 1
    assert host.heard[1:] == bytes.fromhex(INFO)[1:]


async def test_doubled_bytes(host: Host) -> None:
    host.sim.faults.switch_on("double-out=#1")
    await host.ask(GET_INFO, "57" + INFO)
    host.sim.faults.switch_on("double-in=#1")
    await host.ask(GET_INFO, INFO)


async def test_split_and_delayed_bytes_keep_their_order(host: Host) -> None:
    host.sim.faults.switch_on("split-out=1ms")
    host.sim.faults.switch_on("delay-in=1ms,#1")
    host.send(RELEASE, GET_INFO)
    await host.hear(KEY_ACK + INFO)
    assert [len(piece) for piece in host.pieces] == [1] * 21


async def test_delayed_bytes_are_late(host: Host) -> None:
    host.sim.faults.switch_on("delay-in=1ms")
    host.send(GET_INFO)
    assert host.of(events.FrameReceived) == []
    await host.hear(INFO)


async def test_chances_repeat_with_the_seed() -> None:
    heard = []
    for seed in (7, 7, 8):
        host = Host(Ch9329Sim(times=Times.instant(), seed=seed))
        host.sim.faults.switch_on("flip-out=0.3")
        for _ in range(5):
            host.send(GET_INFO)
        await until(host.sim, lambda host=host: len(host.heard) == 70)
        heard.append(bytes(host.heard))
    assert heard[0] == heard[1] != heard[2]


async def test_restart(host: Host) -> None:
    await host.ask(KEY_A, KEY_ACK)
    host.sim.faults.switch_on("restart=1ms")
    await until(host.sim, lambda: host.of(events.Started) and host.sim.pc.enumerated)
    assert not host.sim.pc.anything_pressed
    assert host.sim.faults.active() == {}


async def test_unplugged_for_a_moment(host: Host) -> None:
    host.sim.faults.switch_on("unplugged=1ms,1ms")
    await until(host.sim, lambda: not host.sim.pc.enumerated)
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.faults.active() == {}


async def test_clear_also_cancels_what_is_to_come(host: Host) -> None:
    host.sim.faults.switch_on("unplugged=1ms")
    host.sim.faults.switch_on("overrun")
    host.sim.faults.clear()
    host.sim.faults.switch_on("delay-in=20ms,1")
    await host.ask(GET_INFO, INFO)
    assert host.sim.pc.enumerated
    assert host.sim.faults.active() == {"delay-in": "20ms,1"}
