"""From mouse actions to reports, and where they leave the simulated computer's pointer."""

from __future__ import annotations

import pytest

from chiplink.driver.mouse import CLICK_HOLD, mouse_score
from chiplink.protocol.mouse import Action, Button, Move, MoveTo, Scroll
from chiplink.sim.pc import Pc
from driver.driver_ch9329 import Ch9329Bench
from driver.virtual_clock import virtual

LEFT = Button(1, down=True, up=True)


def play(pc: Pc, *actions: Action, buttons: int = 0) -> list[bytes]:
    """Hand the reports of `actions` to the simulated computer's pointer, as the chip does."""
    score, _buttons = mouse_score(actions, buttons, 0)
    frames = list(score.frames)
    for frame in frames:
        data = frame[5:-1]
        if frame[3] == 0x04:
            x, y = (int.from_bytes(data[at : at + 2], "little") for at in (2, 4))
            assert max(x, y) <= 4095
            pc.mouse.absolute(data[1], x, y, data[6])
        else:
            assert frame[3] == 0x05
            pc.mouse.relative(data[1], data[2], data[3], data[4])
    return frames


@pytest.mark.parametrize("linux", [True, False])
@pytest.mark.parametrize(
    "screen", [(3840, 2160), (1920, 1080), (1366, 768), (5120, 1440), (1, 1), (4096, 4096)]
)
def test_every_column_and_every_row_is_hit(screen: tuple[int, int], linux: bool) -> None:  # noqa: FBT001
    pc = Pc(screen=screen)
    pc.mouse.linux = linux
    width, height = screen
    for place in range(max(screen)):
        pixel = (place % width, place % height)
        play(pc, MoveTo(*pixel, *screen))
        assert pc.pointer == pixel


@pytest.mark.parametrize("screen", [(3840, 2160), (5120, 1440)])
def test_backwards_too(screen: tuple[int, int]) -> None:
    pc = Pc(screen=screen)
    width, height = screen
    for place in reversed(range(max(screen))):
        pixel = (place % width, place % height)
        play(pc, MoveTo(*pixel, *screen))
        assert pc.pointer == pixel


def test_the_same_place_twice() -> None:
    """Linux ignores a repeated position: what is nudged to must not be nudged twice."""
    pc = Pc(screen=(5120, 1440))
    for column in range(5120):
        play(pc, MoveTo(column, 700, 5120, 1440))
        play(pc, MoveTo(column, 700, 5120, 1440))
        assert pc.pointer == (column, 700)


@pytest.mark.parametrize("away", [Move(50, 0), Move(0, 50), Move(-3, 4)])
def test_back_to_the_place_after_a_move(away: Action) -> None:
    """Linux ignores a repeated position though the pointer was moved in the meantime."""
    pc = Pc(screen=(1920, 1080))
    play(pc, MoveTo(300, 400, 1920, 1080), away, MoveTo(300, 400, 1920, 1080))
    assert pc.pointer == (300, 400)


def test_to_another_place_in_the_same_row_after_a_move() -> None:
    pc = Pc(screen=(1920, 1080))
    play(pc, MoveTo(300, 400, 1920, 1080), Move(0, 50), MoveTo(900, 400, 1920, 1080))
    assert pc.pointer == (900, 400)


@pytest.mark.parametrize(("dx", "dy"), [(1, -1), (127, 0), (-127, 127), (300, -40), (0, 0)])
def test_moves(dx: int, dy: int) -> None:
    pc = Pc(screen=(1920, 1080))
    pc.mouse.position = (900, 500)
    frames = play(pc, Move(dx, dy))
    assert pc.pointer == (900 + dx, 500 + dy)
    assert len(frames) == max(1, -(-max(abs(dx), abs(dy)) // 127))
    assert not any(0x80 in frame[7:10] for frame in frames)


def test_the_longest_move() -> None:
    pc = Pc(screen=(65535, 1080))
    play(pc, Move(32767, 0))
    assert pc.pointer == (32767, 0)


@pytest.mark.parametrize("notches", [1, -1, 127, -128, 300, 1000, -1000])
def test_the_wheel(notches: int) -> None:
    pc = Pc()
    play(pc, Scroll(notches))
    assert pc.wheel == notches
    assert pc.pointer == (0, 0)


@pytest.mark.parametrize("linux", [True, False])
def test_a_click_where_the_pointer_is(linux: bool) -> None:  # noqa: FBT001
    pc = Pc()
    pc.mouse.linux = linux
    frames = play(pc, MoveTo(640, 480, 1920, 1080), LEFT)
    assert pc.clicks == [("left", 640, 480)]
    assert frames[-2:] == [
        bytes.fromhex("57 AB 00 05 05 01 01 00 00 00 0E"),
        bytes.fromhex("57 AB 00 05 05 01 00 00 00 00 0D"),
    ]


def test_a_drag() -> None:
    pc = Pc()
    play(
        pc,
        MoveTo(10, 10, 1920, 1080),
        Button(1, down=True, up=False),
        MoveTo(50, 60, 1920, 1080),
        Move(5, 0),
    )
    assert pc.buttons_down == {"left"}
    play(pc, Button(1, down=False, up=True), buttons=1)
    assert pc.clicks == [("left", 55, 60)]


def test_buttons_that_are_held_stay_held() -> None:
    pc = Pc()
    press = (Button(1, down=True, up=False), Button(16, down=True, up=False))
    _score, buttons = mouse_score(press, 0, 0)
    assert buttons == 17
    play(pc, *press)
    play(pc, Button(2, down=True, up=True), Move(3, 0), Scroll(2), buttons=buttons)
    assert pc.buttons_down == {"left", "forward"}
    assert [click[0] for click in pc.clicks] == ["right"]
    assert pc.wheel == 2


def test_how_long_reports_stay() -> None:
    score, buttons = mouse_score((Move(300, 0), LEFT, Scroll(1)), 0, 0)
    assert list(score.holds) == [0.0, 0.0, 0.0, CLICK_HOLD, CLICK_HOLD, 0.0]
    assert len(score.frames) == 6
    assert buttons == 0
    assert score.rest == (bytes.fromhex("57 AB 00 05 05 01 00 00 00 00 0D"),)


def test_an_address() -> None:
    score, _buttons = mouse_score((Move(1, 0), MoveTo(1, 1, 100, 100)), 0, 5)
    assert {frame[2] for frame in (*score.frames, *score.rest)} == {5}


@virtual
async def test_an_action_that_is_none_is_not_repeated_where_it_is_kept() -> None:
    async with Ch9329Bench().running() as bench:
        result = await bench.do("mouse", {"hunter2": 1})
        assert "hunter2" in result.detail
        assert "hunter2" not in str(bench.value("last_error"))
