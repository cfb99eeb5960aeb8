"""The CH9329 as a device: how it is found, what it tells, what it refuses."""

from __future__ import annotations

import asyncio
import logging

import pytest

from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.exceptions import Code, UnknownKeyError
from chiplink.model import CommandRequest, Phase
from chiplink.sim.events import FrameReceived
from chiplink.transport.memory import MemoryPort
from driver.driver_ch9329 import Ch9329Bench
from driver.driver_script import ScriptedChip
from driver.virtual_clock import virtual

BAUDS = (1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200)
LIKELY = [115200, 57600, 9600]

# The connection


@pytest.mark.parametrize("baud", BAUDS)
@virtual
async def test_the_rate_is_found_and_kept(baud: int) -> None:
    memory: dict[str, object] = {}
    async with Ch9329Bench(baud=baud, memory=memory).running() as bench:
        rates = bench.port.rates
        assert rates[:3] == LIKELY[: len(rates)]
        assert rates[-1] == baud
        assert len(set(rates)) == len(rates)
        assert memory == {"baud": baud}
        assert (await bench.do("type", "found")).phase is Phase.DONE
        assert bench.pc.text == "found"


@virtual
async def test_the_remembered_rate_is_tried_first() -> None:
    async with Ch9329Bench(baud=38400).running() as bench:
        assert bench.port.rates == [38400]


@pytest.mark.parametrize("remembered", [57600, 1234, "9600", None])
@virtual
async def test_a_wrong_memory_does_no_harm(remembered: object) -> None:
    memory = {"baud": remembered}
    async with Ch9329Bench(baud=9600, memory=memory).running() as bench:
        assert bench.port.rates[-1] == 9600
        assert sorted(set(bench.port.rates)) == sorted(bench.port.rates), "one was tried twice"
        assert memory == {"baud": 9600}


@virtual
async def test_a_fixed_rate_is_the_only_one() -> None:
    bench = Ch9329Bench(baud=9600, port_baud=57600)
    bench.start()
    await bench.until(lambda: bench.said.online or "57600" in str(bench.value("last_error")))
    await asyncio.sleep(20)
    assert not bench.online
    assert set(bench.port.rates) == {57600}
    assert "SET pin" in str(bench.value("last_error"))
    await bench.stop()
    bench.sim.close()


@virtual
async def test_no_port_and_then_one() -> None:
    bench = Ch9329Bench()
    bench.port.pull()
    bench.start()
    await bench.until(lambda: bench.value("last_error") == "/dev/cable: no such port")
    assert (await bench.do("type", "x")).error is Code.OFFLINE
    assert (await bench.do("release_all")).error is Code.OFFLINE
    bench.port.plug()
    await bench.until(lambda: bench.online)
    assert bench.value("last_error") == ""
    await bench.stop()
    bench.sim.close()


@virtual
async def test_the_first_frame_may_be_refused() -> None:
    bench = Ch9329Bench()
    bench.sim.faults.switch_on("first-e4")
    async with bench.running():
        assert (await bench.do("type", "x")).phase is Phase.DONE


@pytest.mark.parametrize(("chip", "asked"), [(0, 0), (0, 7), (7, 7), (0xFE, 0xFE)])
@virtual
async def test_addresses(chip: int, asked: int) -> None:
    async with Ch9329Bench(chip_address=chip, address=asked).running() as bench:
        await bench.do("mouse", [{"to": [5, 5]}, {"click": "left"}])
        await bench.do("media", "mute")
        assert (await bench.do("type", "x")).phase is Phase.DONE
        assert bench.pc.text == "x"
        assert bench.pc.clicks == [("left", 5, 5)]
        sent = {event.address for event in bench.seen if isinstance(event, FrameReceived)}
        assert sent == {asked}


@virtual
async def test_another_address_is_not_answered() -> None:
    bench = Ch9329Bench(chip_address=7, address=3)
    bench.start()
    await asyncio.sleep(30)
    assert not bench.online
    await bench.stop()
    bench.sim.close()


@virtual
async def test_the_new_rate_after_a_replug() -> None:
    async with Ch9329Bench(baud=115200).running() as bench:
        bench.sim.faults.switch_on("baud-fallback")
        bench.sim.faults.switch_on("restart")
        await bench.until(lambda: not bench.online)
        await bench.until(lambda: bench.online)
        assert bench.port.rates[-1] == 9600


# What it tells


@virtual
async def test_states_at_the_start() -> None:
    async with Ch9329Bench().running() as bench:
        said = {key: bench.value(key) for key in bench.device.rows if bench.value(key) is not None}
        assert said == {
            "usb": True,
            "num_lock": False,
            "caps_lock": False,
            "scroll_lock": False,
            "firmware": "1.0",
            "last_error": "",
            "armed": True,
            "layout": "us",
        }


@pytest.mark.parametrize(("light", "key"), [("num", "num_lock"), ("caps", "caps_lock")])
@virtual
async def test_a_light_is_told_at_once(light: str, key: str) -> None:
    async with Ch9329Bench().running() as bench:
        bench.pc.toggle_light(light)
        await bench.until(lambda: bench.value(key) is True, within=0.1)
        bench.pc.toggle_light(light)
        await bench.until(lambda: bench.value(key) is False, within=0.1)


@virtual
async def test_the_computer_comes_and_goes() -> None:
    async with Ch9329Bench().running() as bench:
        bench.pc.unplug()
        await bench.until(lambda: bench.value("usb") is False, within=11)
        assert bench.online
        result = await bench.do("type", "x")
        assert result.error is Code.OFFLINE
        assert "computer" in result.detail
        assert (await bench.do("release_all")).phase is Phase.DONE
        bench.pc.plug()
        await bench.until(lambda: bench.value("usb") is True, within=11)
        assert (await bench.do("type", "x")).phase is Phase.DONE


@virtual
async def test_an_idle_chip_is_left_alone_for_ten_seconds_a_used_one_for_two() -> None:
    async with Ch9329Bench().running() as bench:
        await asyncio.sleep(70)
        before = len(bench.port.written)
        await asyncio.sleep(100)
        assert len(bench.port.written) - before == 10
        await bench.do("layout", "de")
        await asyncio.sleep(1)
        before = len(bench.port.written)
        await asyncio.sleep(40)
        assert len(bench.port.written) - before == 20


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(range(64))])
@virtual
async def test_custom_hid_from_the_computer(data: bytes) -> None:
    async with Ch9329Bench().running() as bench:
        bench.pc.send_hid(data)
        await bench.until(lambda: bench.said.events)
        (event,) = bench.said.events
        assert (event.device, event.key, event.event_type) == ("kvm", "hid_in", "report")
        assert event.data == {"data": data.hex()}


@virtual
async def test_custom_hid_in_the_middle_of_typing() -> None:
    async with Ch9329Bench().running() as bench:
        number = bench.request("type", "interrupted by the computer")
        for round_ in range(10):
            count = len(bench.seen)
            await bench.until(lambda count=count: len(bench.seen) > count + 5)
            bench.pc.send_hid(bytes([round_]))
        assert (await bench.ending(number)).phase is Phase.DONE
        assert bench.pc.text == "interrupted by the computer"
        said = [event.data["data"] for event in bench.said.events]
        assert said == [f"{n:02x}" for n in range(10)]


@virtual
async def test_counters() -> None:
    async with Ch9329Bench().running() as bench:
        bench.sim.faults.switch_on("lost-answer=keyboard,1")
        await bench.do("type", "x")
        assert bench.device.counters()["timeouts"] == 1


# Commands


def reports(bench: Ch9329Bench) -> list[bytes]:
    """What the chip was told to do, without being asked for."""
    return [data for data in bench.accepted() if data[0] != 0x01]


@virtual
async def test_text_in_another_layout() -> None:
    async with Ch9329Bench().running() as bench:
        assert (await bench.do("layout", "de")).phase is Phase.DONE
        assert bench.value("layout") == "de"
        await bench.do("type", "yz")  # y and z change places
        assert bench.pc.text == "zy"
        await bench.do("layout", "us")
        await bench.do("type", "yz")
        assert bench.pc.text == "zyyz"


@virtual
async def test_an_unknown_layout_is_a_bad_payload() -> None:
    async with Ch9329Bench().running() as bench:
        assert (await bench.do("layout", "klingon")).error is Code.BAD_PAYLOAD
        assert bench.value("layout") == "us"


@virtual
async def test_what_the_layout_cannot_type_is_refused_before_the_first_key() -> None:
    async with Ch9329Bench().running() as bench:
        result = await bench.do("type", "abc→def")
        assert result.error is Code.UNSUPPORTED_CHARACTERS
        assert "→" in result.detail
        assert "→" not in str(bench.value("last_error"))
        assert bench.pc.text == ""
        await bench.do("type", "abc")
        assert bench.value("last_error") == ""


@pytest.mark.parametrize(("text", "code"), [("x" * 11, Code.TOO_LARGE), ("", Code.BAD_PAYLOAD)])
@virtual
async def test_lengths_of_text(text: str, code: Code) -> None:
    async with Ch9329Bench(max_text=10).running() as bench:
        assert (await bench.do("type", text)).error is code
        assert (await bench.do("type", "x" * 10)).phase is Phase.DONE
        assert bench.pc.text == "x" * 10


@virtual
async def test_caps_lock_is_lit() -> None:
    async with Ch9329Bench().running() as bench:
        await bench.do("keys", "caps_lock")
        await bench.until(lambda: bench.value("caps_lock") is True, within=1)
        assert (await bench.do("type", "Abc XyZ 1!")).phase is Phase.DONE
        assert bench.pc.text == "Abc XyZ 1!"


@virtual
async def test_enter_and_tab() -> None:
    async with Ch9329Bench().running() as bench:
        result = await bench.do("type", "a\r\nb\rc\nd\te")
        assert result.value == {"characters": 9}
        assert bench.pc.text == "a\nb\nc\nd\te"


@virtual
async def test_a_long_text_is_announced() -> None:
    async with Ch9329Bench(baud=115200).running() as bench:
        await bench.do("type", "x" * 500)
        announced, done = [result for result in bench.said.results if result.key == "type"]
        assert (announced.phase, done.phase) == (Phase.ACCEPTED, Phase.DONE)
        assert announced.expect_ms == pytest.approx(done.ms, rel=0.2)


@virtual
async def test_one_thing_at_a_time() -> None:
    async with Ch9329Bench().running() as bench:
        numbers = [bench.request("type", f"{n} ") for n in range(10)]
        for number in numbers:
            assert (await bench.ending(number)).phase is Phase.DONE
        assert bench.pc.text == "0 1 2 3 4 5 6 7 8 9 "


@virtual
async def test_disarmed() -> None:
    async with Ch9329Bench(armed=ArmedMode.MANUAL).running() as bench:
        gated = {
            "type": "x",
            "type_secret": "desk",
            "keys": "x",
            "mouse": {"move": [1, 1]},
            "media": "mute",
            "power": "sleep",
            "hid_out": b"x",
        }
        assert set(gated) == {row.key for row in bench.device.rows.values() if row.gated}
        before = reports(bench)
        for key, value in gated.items():
            assert (await bench.do(key, value)).error is Code.DISARMED
        await asyncio.sleep(1)
        assert reports(bench) == before
        assert (await bench.do("release_all")).phase is Phase.DONE
        assert (await bench.do("armed", value=True, secure=False)).error is Code.NOT_ALLOWED
        assert bench.value("armed") is False
        assert (await bench.do("armed", value=True)).phase is Phase.DONE
        assert bench.value("armed") is True
        assert (await bench.do("type", "x")).phase is Phase.DONE


@virtual
async def test_disarming_stops_what_runs_and_what_waits() -> None:
    async with Ch9329Bench().running() as bench:
        first = bench.request("type", "a long text that is never typed to its end")
        second = bench.request("type", "never")
        await bench.until(lambda: len(bench.pc.text) == 5)
        assert (await bench.do("armed", value=False)).phase is Phase.DONE
        assert (await bench.ending(first)).error is Code.CANCELLED
        assert (await bench.ending(second)).error is Code.DISARMED
        assert not bench.pc.anything_pressed
        typed = len(bench.pc.text)
        assert typed <= 7
        await asyncio.sleep(5)
        assert len(bench.pc.text) == typed


@virtual
async def test_it_disarms_itself_in_the_middle() -> None:
    async with Ch9329Bench(armed=ArmedMode.MANUAL, disarm_after=1.0).running() as bench:
        await bench.do("armed", value=True)
        result = await bench.do("type", "x" * 500)
        assert result.error is Code.CANCELLED
        assert bench.value("armed") is False
        assert not bench.pc.anything_pressed


@virtual
async def test_nothing_is_sent_after_cancel() -> None:
    async with Ch9329Bench().running() as bench:
        number = bench.request("type", "a long text that is never typed to its end")
        await bench.until(lambda: len(bench.pc.text) == 5)
        await bench.do("cancel", "PRESS")
        result = await bench.ending(number)
        assert result.error is Code.CANCELLED
        assert "of 42 characters were acknowledged" in result.detail
        keys = [data for data in bench.accepted() if data[0] == 0x02]
        assert not any(keys[-1][1:])
        await asyncio.sleep(1)
        assert [data for data in bench.accepted() if data[0] == 0x02] == keys


@virtual
async def test_a_keyboard_only_chip() -> None:
    async with Ch9329Bench(work_mode=1).running() as bench:
        assert (await bench.do("type", "x")).phase is Phase.DONE
        for key, value in (
            ("mouse", {"move": [1, 1]}),
            ("mouse", {"click": "left"}),
            ("media", "mute"),
            ("hid_out", b"x"),
        ):
            result = await bench.do(key, value)
            assert result.error is Code.CHIP_ERROR, f"{key}: {result}"
        await bench.do("keys", "+ctrl")
        assert (await bench.do("release_all")).phase is Phase.DONE
        assert not bench.pc.anything_pressed


@virtual
async def test_a_custom_hid_only_chip() -> None:
    async with Ch9329Bench(work_mode=3).running() as bench:
        assert (await bench.do("hid_out", b"x")).phase is Phase.DONE
        assert bench.pc.hid_received == [b"x"]
        assert (await bench.do("type", "x")).error is Code.CHIP_ERROR


@virtual
async def test_secrets_are_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {"good": "Sw0rdf1sh", "bad": "Sw0rd→f1sh", "long": "Sw0rd" * 9}
    async with Ch9329Bench(secrets=secrets, max_text=20).running() as bench:
        assert bench.device.rows["type_secret"].options == ("bad", "good", "long")
        done = await bench.do("type_secret", "good")
        assert (done.phase, done.value, done.detail) == (Phase.DONE, None, "")
        assert bench.pc.text == "Sw0rdf1sh"
        for name in ("bad", "long"):
            assert (await bench.do("type_secret", name)).phase is Phase.FAILED
        assert (await bench.do("type_secret", "none")).error is Code.UNKNOWN_KEY
        bench.sim.faults.switch_on("error=E6,keyboard,1")
        failed = await bench.do("type_secret", "good")
        assert failed.phase is Phase.FAILED
        assert "characters" not in failed.detail
        said = f"{bench.said.results} {bench.said.states} {bench.said.events} {caplog.text}"
        assert not {"Sw0rd", "f1sh", "→"} & {
            part for part in ("Sw0rd", "f1sh", "→") if part in said
        }
        assert "Sw0rd" not in repr(bench.device)
    assert "Sw0rd" not in repr(Ch9329Settings(id="kvm", secrets=secrets))


@virtual
async def test_what_is_typed_is_in_no_log_and_no_state(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Ch9329Bench().running() as bench:
        bench.sim.faults.switch_on("error=E6,keyboard,#9")
        assert (await bench.do("type", "Sw0rdf1sh")).phase is Phase.FAILED
        assert (await bench.do("keys", "Sw0rd")).error is Code.BAD_PAYLOAD
        assert (await bench.do("type", "Sw0rd→")).phase is Phase.FAILED
        assert "Sw0rd" not in f"{bench.said.states} {caplog.text}"
        assert "→" not in f"{bench.said.states} {caplog.text}"


def test_without_secrets_there_is_no_such_row() -> None:
    device = Ch9329(Ch9329Settings(id="kvm"), MemoryPort(ScriptedChip()))
    assert "type_secret" not in device.rows
    with pytest.raises(UnknownKeyError):
        device.execute(CommandRequest("kvm", "type_secret", "x"), lambda _ms: None)


@virtual
async def test_what_the_chip_did_last_is_no_proof_that_the_computer_saw_it() -> None:
    """The computer goes away in the middle of a short text: it is not done."""
    async with Ch9329Bench().running() as bench:
        number = bench.request("type", "abcdef")
        await bench.until(lambda: len(bench.pc.text) == 2)
        bench.pc.unplug()
        assert (await bench.ending(number)).error is Code.UNKNOWN


@virtual
async def test_a_restart_types_nothing_twice() -> None:
    async with Ch9329Bench().running() as bench:
        number = bench.request("type", "abcdef")
        await bench.until(lambda: bench.pc.text == "abc")
        bench.sim.restart()
        result = await bench.ending(number)
        assert "abcdef".startswith(bench.pc.text)
        assert result.phase is Phase.FAILED or bench.pc.text == "abcdef"


@virtual
async def test_a_place_after_a_move_of_the_pointer() -> None:
    """Linux ignores a position that it was told last, wherever the pointer went since."""
    async with Ch9329Bench().running() as bench:
        await bench.do("mouse", {"to": [300, 400]})
        await bench.do("mouse", {"move": [50, 50]})
        assert (await bench.do("mouse", {"to": [300, 400]})).phase is Phase.DONE
        assert bench.pc.pointer == (300, 400)


# The end


@virtual
async def test_the_end_in_the_middle() -> None:
    bench = Ch9329Bench()
    async with bench.running():
        number = bench.request("type", "a long text that is never typed to its end")
        await bench.until(lambda: len(bench.pc.text) == 5)
    (result,) = bench.endings(number)
    assert result.error is Code.CANCELLED
    assert not bench.pc.anything_pressed
    assert bench.port.line is None


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 0.7, 2.0])
@virtual
async def test_the_end_while_the_chip_is_looked_for(seconds: float) -> None:
    bench = Ch9329Bench(baud=38400, memory={})
    bench.start()
    await asyncio.sleep(seconds)
    await bench.stop()
    assert bench.port.line is None
    bench.sim.close()


@pytest.mark.parametrize("fault", ["no-answer", "hangup", "lose-in", "error=E6"])
@virtual
async def test_the_end_on_a_bad_line(fault: str) -> None:
    bench = Ch9329Bench()
    async with bench.running():
        await bench.do("keys", "+ctrl")
        bench.sim.faults.switch_on(fault)
        begun = asyncio.get_running_loop().time()
        await bench.stop()
        assert asyncio.get_running_loop().time() - begun < 5
        assert bench.port.line is None
        bench.renew()
        bench.sim.faults.clear()
        bench.start()
        await bench.until(lambda: bench.online)
        await bench.until(lambda: not bench.pc.anything_pressed)
