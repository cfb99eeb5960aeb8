"""The simulated computer by itself: reports in, text and pointer out."""

import pytest

from chiplink.sim import Pc, events

ENTER, BACKSPACE, TAB, CAPS, NUM = 0x28, 0x2A, 0x2B, 0x39, 0x53
KEYPAD_7, KEYPAD_POINT, KEYPAD_ENTER = 0x5F, 0x63, 0x58
SHIFT, CTRL, ALT_GR = 0x02, 0x01, 0x40


def press(pc: Pc, *usages: int, modifiers: int = 0) -> None:
    pc.keyboard_report(bytes([modifiers, 0, *usages]).ljust(8, b"\0"))


def tap(pc: Pc, *usages: int, modifiers: int = 0) -> None:
    for usage in usages:
        press(pc, usage, modifiers=modifiers)
        press(pc)


def test_digits_and_signs() -> None:
    pc = Pc()
    tap(pc, 0x1E, 0x27, 0x2D, 0x38)
    tap(pc, 0x1E, 0x27, 0x2D, 0x38, modifiers=SHIFT)
    tap(pc, 0x04, 0x1D, 0x11, 0x10, 0x2C, 0x31, 0x64, 0x34)
    assert pc.text == "10-/!)_?azn" + "m \\<'"


def test_a_report_that_replaces_a_key_releases_the_first() -> None:
    pc = Pc()
    seen: list[events.Event] = []
    pc.observe(seen.append)
    press(pc, 0x04)
    press(pc, 0x05)
    press(pc, 0x05)
    assert pc.text == "ab"
    assert seen == [
        events.KeyDown(0x04),
        events.TextChanged("a", 0, 1),
        events.KeyUp(0x04),
        events.KeyDown(0x05),
        events.TextChanged("b", 0, 2),
    ]


def test_keys_held_together_type_once_each() -> None:
    pc = Pc()
    press(pc, 0x04)
    press(pc, 0x04, 0x05, 0x06)
    press(pc, 0x06, 0x05)
    assert pc.text == "abc"
    assert pc.keys_down == {0x05, 0x06}


def test_editing() -> None:
    pc = Pc()
    tap(pc, BACKSPACE, 0x04, 0x05, BACKSPACE, TAB, ENTER, KEYPAD_ENTER)
    assert pc.text == "a\t\n\n"
    pc.keyboard.clear_text()
    assert pc.text == ""


def test_caps_lock_turns_letters_only() -> None:
    pc = Pc()
    tap(pc, CAPS, 0x04, 0x1E)
    tap(pc, 0x04, modifiers=SHIFT)
    tap(pc, CAPS, 0x04)
    assert pc.text == "A1aa"
    assert pc.lights["caps"] is False


def test_keypad_types_with_num_lock_only() -> None:
    pc = Pc()
    tap(pc, KEYPAD_7, 0x57)
    tap(pc, NUM, KEYPAD_7, KEYPAD_POINT)
    tap(pc, KEYPAD_7, modifiers=SHIFT)
    assert pc.text == "+7."


@pytest.mark.parametrize("modifiers", [0x01, 0x10, 0x04, 0x08, 0x80])
def test_shortcuts_type_nothing(modifiers: int) -> None:
    pc = Pc()
    tap(pc, 0x04, ENTER, BACKSPACE, modifiers=modifiers)
    assert pc.text == ""


def test_modifier_usages_and_roll_over_among_the_six_are_no_keys() -> None:
    pc = Pc()
    press(pc, 0x04, 0xE1)
    assert pc.keys_down == {0x04}
    press(pc, 1, 1, 1, 1, 1, 1)
    assert pc.keys_down == {0x04}
    assert pc.modifiers == 0


def test_another_keymap() -> None:
    def german(usage: int, modifiers: int) -> str | None:
        levels = {0x34: "äÄ", 0x14: "qQ"}.get(usage)
        if usage == 0x14 and modifiers & ALT_GR:
            return "@"
        return levels[bool(modifiers & SHIFT)] if levels else None

    pc = Pc(keymap=german)
    tap(pc, 0x34, 0x14, 0x04)
    tap(pc, 0x14, modifiers=ALT_GR)
    tap(pc, CAPS, 0x34)
    assert pc.text == "äq@Ä"


def test_every_absolute_pixel_can_be_reached() -> None:
    pc = Pc(screen=(1366, 768))
    for pixel in (0, 1, 683, 1364, 1365):
        pc.mouse.absolute(0, (4096 * pixel + 1365) // 1366, 0, 0)
        assert pc.pointer == (pixel, 0)


def test_relative_moves_stop_at_the_edges() -> None:
    pc = Pc(screen=(200, 100))
    for _ in range(3):
        pc.mouse.relative(0, 0x7F, 0x7F, 0)
    assert pc.pointer == (199, 99)
    pc.mouse.relative(0, 0x80, 0x81, 0x80)
    assert pc.pointer == (71, 0)
    assert pc.wheel == 0


def test_a_host_that_is_not_linux_takes_absolute_buttons_and_wheel() -> None:
    pc = Pc()
    pc.mouse.linux = False
    pc.mouse.absolute(0x06, 2048, 2048, 0x02)
    assert pc.buttons_down == {"right", "middle"}
    pc.mouse.relative(0x00, 10, 0, 0)
    pc.mouse.absolute(0x00, 2048, 2048, 0xFF)
    assert pc.clicks == [("right", 960, 540), ("middle", 960, 540)]
    assert pc.wheel == 1


def test_pointer_events() -> None:
    pc = Pc()
    seen: list[events.Event] = []
    stop = pc.observe(seen.append)
    pc.mouse.relative(0x01, 5, 6, 0)
    pc.mouse.relative(0x00, 0, 0, 0xFE)
    stop()
    pc.mouse.relative(0x00, 1, 1, 1)
    assert seen == [
        events.PointerMoved(5, 6),
        events.ButtonChanged("left", True),
        events.ButtonChanged("left", False),
        events.Clicked("left", 5, 6),
        events.Wheel(-2),
    ]
