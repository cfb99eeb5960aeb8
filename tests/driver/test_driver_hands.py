"""What is held between commands, and that nothing else stays pressed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from chiplink import layouts
from chiplink.driver.hands import MAX_HOLD, Hands
from chiplink.driver.keyboard import keys_frame, keys_score
from chiplink.exceptions import CancelledCommandError, Code
from chiplink.model import Phase
from chiplink.protocol.ch9329 import Reply
from chiplink.protocol.chords import Keys
from chiplink.sim.events import FrameReceived, KeyDown
from driver.driver_ch9329 import Ch9329Bench
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from chiplink.driver.conversation import Exchange

CTRL = 0x01
HELD = [("keys", "+ctrl"), ("mouse", {"press": "left"})]


async def hold(bench: Ch9329Bench) -> None:
    for key, value in HELD:
        assert (await bench.do(key, value)).phase is Phase.DONE
    assert bench.pc.modifiers == CTRL
    assert bench.pc.buttons_down == {"left"}


async def frames(bench: Ch9329Bench, count: int) -> None:
    """Wait until the chip has got so many frames more."""
    wanted = count + sum(isinstance(event, FrameReceived) for event in bench.seen)
    await bench.until(
        lambda: sum(isinstance(event, FrameReceived) for event in bench.seen) >= wanted
    )


@virtual
async def test_held_keys_are_down_with_the_next_ones_until_let_go() -> None:
    async with Ch9329Bench().running() as bench:
        pc = bench.pc
        await bench.do("keys", "+ctrl +shift")
        assert pc.modifiers == 0x03
        await bench.do("keys", "c")
        assert pc.modifiers == 0x03
        assert not pc.keys_down
        await bench.do("keys", "-shift")
        assert pc.modifiers == CTRL
        await bench.do("keys", "-ctrl")
        assert not pc.anything_pressed


@virtual
async def test_held_buttons_are_down_during_moves() -> None:
    async with Ch9329Bench().running() as bench:
        await bench.do("mouse", {"press": "left"})
        await bench.do("mouse", [{"to": [50, 60]}, {"move": [5, 5]}, {"scroll": 1}])
        assert bench.pc.buttons_down == {"left"}
        assert bench.pc.clicks == []
        await bench.do("mouse", {"release": "left"})
        assert bench.pc.clicks == [("left", 55, 65)]


@virtual
async def test_what_is_held_is_let_go_after_ten_minutes() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        await asyncio.sleep(MAX_HOLD - 5)
        assert bench.pc.modifiers == CTRL
        await asyncio.sleep(10)
        assert not bench.pc.anything_pressed
        assert (await bench.do("type", "ab")).phase is Phase.DONE
        assert bench.pc.text == "ab"


@virtual
async def test_each_command_holds_for_ten_minutes_more() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        await asyncio.sleep(MAX_HOLD - 5)
        await bench.do("mouse", {"move": [1, 1]})
        await asyncio.sleep(MAX_HOLD - 5)
        assert bench.pc.modifiers == CTRL
        await asyncio.sleep(10)
        assert not bench.pc.anything_pressed


@virtual
async def test_unattended() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.node.unattended()
        await bench.until(lambda: not bench.pc.anything_pressed)
        assert (await bench.do("keys", "c")).phase is Phase.DONE
        assert [event for event in bench.seen if event == KeyDown(0xE0)] == [KeyDown(0xE0)]


@virtual
async def test_unattended_while_it_is_being_pressed() -> None:
    """Who let go of the broker cannot let go of the key: it must not be held afterwards."""
    async with Ch9329Bench().running() as bench:
        number = bench.request("keys", "+ctrl")
        await frames(bench, 1)
        bench.node.unattended()
        await bench.ending(number)
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed


@virtual
async def test_what_waited_when_it_was_left_alone_holds_nothing() -> None:
    async with Ch9329Bench().running() as bench:
        bench.request("type", "a" * 20)
        numbers = [bench.request(key, value) for key, value in HELD]
        bench.node.unattended()
        for number in numbers:
            assert (await bench.ending(number)).phase is Phase.DONE
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed
        await hold(bench)


@virtual
async def test_a_release_that_is_owed_does_not_let_go_of_what_is_held_since() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.sim.faults.switch_on("error=E6,4")
        bench.node.unattended()
        await frames(bench, 4)
        await hold(bench)
        await asyncio.sleep(60)
        assert bench.pc.modifiers == CTRL
        assert bench.pc.buttons_down == {"left"}


@virtual
async def test_typing_is_refused_while_keys_are_held() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        result = await bench.do("type", "text")
        assert result.error is Code.REFUSED
        assert bench.pc.text == ""
        await bench.do("release_all")
        assert (await bench.do("type", "text")).phase is Phase.DONE


@virtual
async def test_release_all_in_the_middle_of_typing() -> None:
    async with Ch9329Bench().running() as bench:
        await bench.do("mouse", {"press": "left"})
        text = "Hello, World! aabbcc"
        number = bench.request("type", text)
        for _ in range(4):
            await frames(bench, 3)
            assert (await bench.do("release_all")).phase is Phase.DONE
            assert not bench.pc.buttons_down
        assert (await bench.ending(number)).phase is Phase.DONE
        assert bench.pc.text == text
        assert not bench.pc.anything_pressed


@virtual
async def test_release_all_does_not_let_go_of_what_is_pressed_after_it() -> None:
    async with Ch9329Bench().running() as bench:
        numbers = [bench.request("release_all", "PRESS")]
        numbers += [bench.request(key, value) for key, value in HELD]
        for number in numbers:
            assert (await bench.ending(number)).phase is Phase.DONE
        await asyncio.sleep(1)
        assert bench.pc.modifiers == CTRL
        assert bench.pc.buttons_down == {"left"}


@virtual
async def test_nothing_begins_after_armed_off() -> None:
    async with Ch9329Bench().running() as bench:
        off = bench.request("armed", value=False)
        typing = bench.request("type", "a")
        assert (await bench.ending(typing)).error is Code.DISARMED
        assert (await bench.ending(off)).phase is Phase.DONE
        await asyncio.sleep(1)
        assert bench.pc.text == ""


@virtual
async def test_what_release_all_let_go_does_not_come_back() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        number = bench.request("media", "mute")
        await frames(bench, 1)
        await bench.do("release_all")
        await bench.ending(number)
        assert not bench.pc.anything_pressed
        assert (await bench.do("keys", "c")).phase is Phase.DONE
        assert not bench.pc.anything_pressed, "a key that was let go is down again"
        assert (await bench.do("mouse", {"move": [5, 5]})).phase is Phase.DONE
        assert not bench.pc.anything_pressed, "a button that was let go is down again"


@pytest.mark.parametrize(
    ("key", "value"),
    [("mouse", [{"move": [400, 0]}, {"click": "right"}]), ("keys", "a b c d")],
)
@virtual
async def test_release_all_in_the_middle_of_what_holds(key: str, value: str) -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        number = bench.request(key, value)
        await frames(bench, 2)
        await bench.do("release_all")
        await bench.ending(number)
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed


@pytest.mark.parametrize(("key", "value"), [("keys", "a b c"), ("mouse", {"scroll": 500})])
@pytest.mark.parametrize("error", ["error=E6,1", "error=E5,1"])
@virtual
async def test_an_error_lets_go_of_keys_and_buttons(key: str, value: str, error: str) -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.sim.faults.switch_on(error)
        assert (await bench.do(key, value)).phase is Phase.FAILED
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed


@pytest.mark.parametrize("lost", ["error=E6,1", "error=E6,2", "error=E6,3", "no-answer=3"])
@virtual
async def test_what_could_not_be_let_go_is_let_go_later(lost: str) -> None:
    async with Ch9329Bench().running() as bench:
        number = bench.request("keys", "a b")
        await bench.until(lambda: bench.pc.keys_down)
        bench.sim.faults.switch_on(lost)
        await bench.ending(number)
        await asyncio.sleep(12)
        assert not bench.pc.anything_pressed


@pytest.mark.parametrize("lost", ["error=E6,keyboard,1", "error=E6,mouse_relative,1"])
@virtual
async def test_a_failed_release_all_says_so_and_forgets_nothing(lost: str) -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.sim.faults.switch_on(lost)
        result = await bench.do("release_all")
        if bench.pc.anything_pressed:
            assert result.phase is Phase.FAILED
        await asyncio.sleep(MAX_HOLD + 5)
        assert not bench.pc.anything_pressed


@virtual
async def test_a_failed_release_by_itself_is_tried_again() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.sim.faults.switch_on("error=E6,2")
        bench.node.unattended()
        await asyncio.sleep(60)
        assert not bench.pc.anything_pressed


@virtual
async def test_cancel_leaves_nothing_pressed() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        assert (await bench.do("cancel", "PRESS")).phase is Phase.DONE
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed


class Line:
    """A conversation that acknowledges when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._open: list[Exchange] = []

    def submit(self, exchange: Exchange) -> None:
        self.sent.append(exchange.frame)
        self._open.append(exchange)

    def acknowledge(self) -> None:
        while self._open:
            exchange = self._open.pop(0)
            exchange.done(Reply(exchange.command, 0))

    def wire_time(self, _size: int) -> float:
        return 0.0


@virtual
async def test_cancel_right_after_the_last_acknowledgement_leaves_nothing_pressed() -> None:
    line, hands = Line(), Hands(0)
    hands.connected(line)  # type: ignore[arg-type]
    line.acknowledge()
    score, held = keys_score("+ctrl", layouts.load("us"), hands.held, 0, 0.0)
    player = hands.play(score, lambda _ms: None)
    line.acknowledge()
    line.sent.clear()
    hands.stop(CancelledCommandError("cancelled"))
    await player.wait()
    hands.ended(player, held, 0)
    assert not hands.held
    assert keys_frame(0, Keys()) in line.sent


@virtual
async def test_cancel_in_the_middle_lets_go_of_what_was_held_too() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        number = bench.request("mouse", {"scroll": 1000})
        await frames(bench, 2)
        await bench.do("cancel", "PRESS")
        assert (await bench.ending(number)).error is Code.CANCELLED
        await asyncio.sleep(1)
        assert not bench.pc.anything_pressed


@virtual
async def test_disarming_lets_go() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        assert (await bench.do("armed", value=False)).phase is Phase.DONE
        assert not bench.pc.anything_pressed


@virtual
async def test_the_end_lets_go() -> None:
    bench = Ch9329Bench()
    async with bench.running():
        await hold(bench)
    assert not bench.pc.anything_pressed


@virtual
async def test_what_another_program_left_is_let_go_at_once() -> None:
    bench = Ch9329Bench()
    bench.pc.keyboard_report(bytes([2, 0, 4, 0, 0, 0, 0, 0]))
    bench.pc.mouse.relative(1, 0, 0, 0)
    bench.pc.consumer.media(bytes([1, 0, 0]))
    bench.pc.consumer.acpi(2)
    async with bench.running():
        assert not bench.pc.anything_pressed


@virtual
async def test_nothing_is_held_after_the_port_was_lost() -> None:
    async with Ch9329Bench().running() as bench:
        await hold(bench)
        bench.port.pull()
        await bench.until(lambda: not bench.online)
        bench.port.plug()
        await bench.until(lambda: bench.online)
        await bench.until(lambda: not bench.pc.anything_pressed)
        assert (await bench.do("type", "again")).phase is Phase.DONE
        assert bench.pc.text == "again"
