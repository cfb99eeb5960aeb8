"""The CH9329's habits that its document does not tell, and the quirks that can be switched on."""

import asyncio
import math

import pytest
from sim_support import Host, until

from chiplink.sim import Ch9329Sim, Times, events

GET_INFO = "57 AB 00 01 00 03"
INFO = "57 AB 00 81 08 30 01 00 00 00 00 00 00 BC"
KEY_A = "57 AB 00 02 08 00 00 04 00 00 00 00 00 10"
RELEASE = "57 AB 00 02 08 00 00 00 00 00 00 00 00 0C"
KEY_ACK = "57 AB 00 82 01 00 85"
KEY_E4 = "57 AB 00 C2 01 E4 A9"
INFO_E4 = "57 AB 00 C1 01 E4 A8"


async def test_a_torn_frame_swallows_the_next_command(host: Host) -> None:
    host.send("57 AB 00 02 08 00 00 04")
    await host.ask(KEY_A, KEY_E4)
    assert host.sim.pc.text == ""
    await host.ask(KEY_A, KEY_ACK)
    assert host.sim.pc.text == "a"


async def test_zero_bytes_bring_the_chip_back(host: Host) -> None:
    host.send("57 AB 00 02 08 00 00 04", "00 " * 16, GET_INFO)
    await host.hear(KEY_E4 + INFO)


async def test_sixteen_zero_bytes_do_not_end_a_torn_long_frame(host: Host) -> None:
    host.send("57 AB 00 06 40", "00 " * 16, GET_INFO)
    host.send("00 " * 43, GET_INFO)
    await host.hear("57 AB 00 C6 01 E4 AD" + INFO)


async def test_zero_bytes_may_complete_a_torn_frame_validly(host: Host) -> None:
    host.sim.pc.mouse.position = (100, 100)
    host.send("57 AB 00 05 05 01 00 F3")
    await host.ask("00 00 00", "57 AB 00 85 01 00 88")
    assert host.sim.pc.pointer == (87, 100)


async def test_a_torn_frame_is_given_up_in_the_end() -> None:
    host = Host(Ch9329Sim(times=Times(torn_hold=0.02, speed=math.inf)))
    host.send("57 AB 00 02 08 00 00 04")
    await until(host.sim, lambda: host.of(events.BytesDropped))
    await host.ask(KEY_A, KEY_ACK)


async def test_drop_torn_follows_the_document(host: Host) -> None:
    host.sim.faults.switch_on("drop-torn")
    host.send("57 AB 00 02 08 00 00 04")
    await until(host.sim, lambda: host.of(events.BytesDropped))
    await host.ask(KEY_A, KEY_ACK)


async def test_first_frame_after_power_up(host: Host) -> None:
    host.sim.faults.switch_on("first-e4")
    await host.ask(GET_INFO, INFO_E4)
    await host.ask(GET_INFO, INFO)
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    await host.ask(KEY_A, KEY_E4)
    assert host.sim.pc.text == ""


async def test_first_frame_after_a_reset_is_answered(host: Host) -> None:
    host.sim.faults.switch_on("first-e4")
    await host.ask(GET_INFO, INFO_E4)
    await host.ask("57 AB 00 0F 00 11", "57 AB 00 8F 01 00 92")
    await until(host.sim, lambda: host.sim.running and host.sim.pc.enumerated)
    await host.ask(GET_INFO, INFO)


async def test_unknown_commands(host: Host) -> None:
    await host.ask("57 AB 00 20 00 22", "57 AB 00 E0 01 E3 C6")
    host.sim.faults.switch_on("unknown-fe")
    await host.ask("57 AB 00 20 00 22", "57 AB 00 FE 00")
    host.sim.faults.switch_on("unknown-silent")
    host.send("57 AB 00 20 00 22")
    await host.ask(GET_INFO, INFO)


async def test_long_parameters(host: Host) -> None:
    host.sim.faults.switch_on("long-params")
    body = bytes.fromhex("57 AB 00 88 32 80 80 00 00 00 25 80 08 00 00 03 86 1A 29 E1")
    body += bytes.fromhex("00 00 00 01 00 0D") + bytes(44)
    assert len(body) == 70
    await host.ask("57 AB 00 08 00 0A", body.hex() + "24")


async def test_lost_head(host: Host) -> None:
    host.sim.faults.switch_on("lost-head=1")
    await host.ask("57 AB 00 0C 00 0E", "AB 00 8C 01 00 8F")
    await host.ask(GET_INFO, INFO)


async def test_split_reply(host: Host) -> None:
    host.sim.faults.switch_on("split-reply")
    await host.ask(GET_INFO, INFO)
    assert [len(piece) for piece in host.pieces] == [7, 7]


async def test_a_split_reply_comes_in_its_own_time() -> None:
    host = Host(Ch9329Sim(times=Times(read=0.0, split_gap=1000.0)))
    host.sim.faults.switch_on("split-reply")
    await host.ask(GET_INFO, INFO[:20])
    assert len(host.pieces) == 1
    host.sim.close()


async def test_a_restart_forgets_what_was_under_way(host: Host) -> None:
    host.send(KEY_A, RELEASE, RELEASE)
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    await host.ask(GET_INFO, INFO)


async def test_overrun(host: Host) -> None:
    host.sim.faults.switch_on("overrun")
    host.send(KEY_A, RELEASE, RELEASE)
    await host.hear(KEY_E4 + KEY_E4 + KEY_ACK)
    assert host.sim.pc.keys_down == {0x04}
    await host.ask(RELEASE, KEY_ACK)


async def test_without_overrun_commands_wait_for_each_other(host: Host) -> None:
    host.send(KEY_A, RELEASE, GET_INFO)
    await host.hear(KEY_ACK + KEY_ACK + INFO)


@pytest.mark.parametrize("how", ["replug", "power"])
async def test_baud_fallback(host: Host, how: str) -> None:
    parameters = host.sim.core.stored.parameters.with_baud(57600)
    host.sim.core.stored.parameters = parameters
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.baud == 57600
    host.sim.faults.switch_on("baud-fallback")
    if how == "replug":
        host.sim.pc.unplug()
        host.sim.pc.plug()
    else:
        host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.baud == 9600


async def test_reset_without_its_answer(host: Host) -> None:
    host.sim.faults.switch_on("lost-reset-ack")
    host.send("57 AB 00 0F 00 11")
    await until(host.sim, lambda: host.of(events.Started))
    await host.ask(GET_INFO, "57 AB 00 81 08 30 00 00 00 00 00 00 00 BB")


async def test_the_chip_is_deaf_while_it_starts(host: Host) -> None:
    host.sim.restart()
    host.send(GET_INFO)
    await until(host.sim, lambda: host.sim.pc.enumerated)
    await host.ask(KEY_A, KEY_ACK)
    assert host.of(events.BytesDropped) == [
        events.BytesDropped("chip is not running", bytes.fromhex(GET_INFO))
    ]


async def test_settings_shown_only_when_active(host: Host) -> None:
    host.sim.faults.switch_on("params-active")
    await host.ask("57 AB 00 0B 04 01 02 48 69 C5", "57 AB 00 8B 01 00 8E")
    await host.ask("57 AB 00 0A 01 01 0E", "57 AB 00 8A 08 01 06 43 48 39 33 32 39 FD")
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    await host.ask("57 AB 00 0A 01 01 0E", "57 AB 00 8A 04 01 02 48 69 44")


async def test_slow_write_takes_its_own_time() -> None:
    host = Host(Ch9329Sim(times=Times(write=1000.0, slow_write=0.0)))
    host.sim.faults.switch_on("slow-write")
    await host.ask("57 AB 00 0B 04 01 02 48 69 C5", "57 AB 00 8B 01 00 8E")
    host.sim.close()


async def test_the_real_times_order_keys_before_the_mouse() -> None:
    keys, mouse = (Host(Ch9329Sim()) for _ in range(2))
    order: list[str] = []
    keys.sim.attach(lambda _data: order.append("keyboard"))
    both = asyncio.Event()
    mouse.sim.attach(lambda _data: (order.append("mouse"), both.set()))
    keys.send(RELEASE)
    mouse.send("57 AB 00 05 05 01 00 00 00 00 0D")
    async with asyncio.timeout(20):
        await both.wait()
    assert order == ["keyboard", "mouse"]


async def test_unplugging_releases_everything_and_reports_nothing(host: Host) -> None:
    pc = host.sim.pc
    host.send(KEY_A, "57 AB 00 05 05 01 01 00 00 00 0E", "57 AB 00 03 04 02 04 00 00 0F")
    await host.hear(KEY_ACK + "57 AB 00 85 01 00 88 57 AB 00 83 01 00 86")
    assert pc.anything_pressed
    pc.unplug()
    assert not pc.anything_pressed
    # The chip still accepts; nothing reaches the computer.
    await host.ask(KEY_A, KEY_ACK)
    assert pc.text == "a"
    pc.toggle_light("num")
    pc.plug()
    await until(host.sim, lambda: pc.enumerated)
    await host.ask(GET_INFO, "57 AB 00 81 08 30 01 01 00 00 00 00 00 BD")
