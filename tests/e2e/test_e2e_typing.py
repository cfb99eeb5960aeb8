"""From a message to key presses: text, keys, letting go, arming, layouts."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from e2e_house import KVM, House, house, running_bridge, tables
from e2e_observer import MQTT_3, MQTT_5, Observer
from e2e_waiting import until

from chiplink.sim import Ch9329Sim, Pc, PtyLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from paho.mqtt.enums import MQTTProtocolVersion

    from chiplink.demo.broker import OwnBroker

LONG = "the quick brown fox jumps over the lazy dog " * 20
MANUAL = pytest.mark.parametrize("home", [{"armed": "manual"}], indirect=True)


@pytest.fixture
def pressed(sim: Ch9329Sim) -> Iterator[list[tuple[str, int]]]:
    """Keys of the computer going down and up, in order."""
    keys: list[tuple[str, int]] = []
    stop = sim.observe(
        lambda event: (
            keys.append((event.event, event.usage))
            if event.event in ("key_down", "key_up")
            else None
        )
    )
    yield keys
    stop()


@pytest.mark.parametrize("version", [MQTT_5, MQTT_3])
async def test_text_reaches_the_computer(
    home: House, broker: OwnBroker, version: MQTTProtocolVersion
) -> None:
    text = "Hello, World! aAzZ 0123456789 ~`@#$%^&*()_+-={}[]|\\:;\"'<>,.?/\tend"
    async with Observer(broker.port, version=version) as sender:
        await sender.publish(f"{KVM}/type/set/one", text)
        result = await sender.final("one")
    assert home.text == text
    assert not home.sim.pc.anything_pressed
    assert result["key"] == "type"
    assert result["phase"] == "done"
    assert result["value"] == {"characters": len(text)}
    assert result["ms"] > 0
    assert home.observer.latest[f"{KVM}/last_error"] == b""


async def test_both_line_ends_are_one_enter(home: House) -> None:
    result = await home.done("type", "one\ntwo\r\nthree")
    assert home.text == "one\ntwo\nthree"
    assert result["value"] == {"characters": 13}


async def test_a_decomposed_character_is_composed_before_it_is_typed(home: House) -> None:
    await home.done("layout", "de")
    result = await home.done("type", "u\N{COMBINING DIAERESIS}")
    assert home.text == "["
    assert result["value"] == {"characters": 1}


async def test_a_command_without_an_id_is_carried_out_and_answered(home: House) -> None:
    await home.observer.publish(f"{KVM}/type/set", "anonymous")
    await until(home.observer.finals)
    assert home.text == "anonymous"
    assert home.observer.finals()[0] | {"ms": 0} == {
        "key": "type",
        "phase": "done",
        "value": {"characters": 9},
        "ms": 0,
    }


async def test_a_long_text_is_accepted_first(home: House) -> None:
    text = "0123456789" * 15
    name = await home.send("type", text)
    await home.observer.final(name)
    accepted, done = home.observer.results(name)
    assert accepted["phase"] == "accepted"
    assert accepted["expect_ms"] > 1000
    assert done["phase"] == "done"
    assert home.text == text


async def test_commands_run_in_the_order_they_came(home: House) -> None:
    names = [await home.send("type", f"{word} ") for word in ("one", "two", "three", "four")]
    await home.observer.final(names[-1])
    assert home.text == "one two three four "
    assert [result["id"] for result in home.observer.finals()] == names


async def test_chords_press_what_they_name(home: House, pressed: list[tuple[str, int]]) -> None:
    await home.done("keys", "ctrl+alt+delete F5")
    assert [usage for what, usage in pressed if what == "key_down"] == [0xE0, 0xE2, 0x4C, 0x3E]
    assert sorted(usage for what, usage in pressed if what == "key_up") == [0x3E, 0x4C, 0xE0, 0xE2]
    assert home.text == ""


async def test_keys_of_characters_follow_the_layout(home: House) -> None:
    await home.done("keys", "h shift+i plus")
    assert home.text == "hI+"


async def test_a_held_key_stays_until_it_is_let_go(home: House) -> None:
    await home.observer.final(await home.send("keys", "+shift"))
    assert home.sim.pc.modifiers == 0x02
    await home.observer.final(await home.send("keys", "a"))
    assert home.text == "A"
    assert home.sim.pc.modifiers == 0x02
    await home.done("keys", "-shift")
    await home.done("keys", "a")
    assert home.text == "Aa"


async def test_release_all_lets_go_of_held_keys(home: House) -> None:
    await home.observer.final(await home.send("keys", "+ctrl +x"))
    assert home.sim.pc.keys_down == {0x1B}
    refused = await home.observer.final(await home.send("type", "text"))
    assert refused["error"] == "refused"
    await home.done("release_all", "PRESS")
    await home.done("type", "text")
    assert home.text == "text"


async def test_release_all_in_the_middle_of_a_text_does_no_harm(home: House) -> None:
    text = LONG[:100]
    name = await home.send("type", text)
    await home.typed(10)
    released = await home.observer.final(await home.send("release_all", "PRESS"))
    assert released["phase"] == "done"
    assert not home.observer.finals(name)
    assert (await home.observer.final(name))["phase"] == "done"
    assert home.text == text
    assert not home.sim.pc.anything_pressed


async def test_cancel_stops_a_text_and_says_how_far_it_got(home: House) -> None:
    name = await home.send("type", LONG)
    await home.typed(15)
    cancelled = await home.observer.final(await home.send("cancel", "PRESS"))
    assert cancelled["phase"] == "done"
    result = await home.observer.final(name)
    assert result["phase"] == "failed"
    assert result["error"] == "cancelled"
    told = re.search(r"(\d+) of (\d+) characters", result["detail"])
    assert told is not None
    assert told.groups() == (str(len(home.text)), str(len(LONG)))
    assert LONG.startswith(home.text)
    assert len(home.text) < len(LONG)
    assert not home.sim.pc.anything_pressed
    before = home.text
    await home.done("type", "!")
    assert home.text == before + "!"


async def test_cancel_drops_what_waits_too(home: House) -> None:
    names = [await home.send("type", LONG)]
    await home.typed(5)
    names += [await home.send("type", "later"), await home.send("keys", "x")]
    cancelled = await home.observer.final(await home.send("cancel", "PRESS"))
    assert cancelled["phase"] == "done"
    for name in names:
        assert (await home.observer.final(name))["error"] == "cancelled"
    assert not home.sim.pc.anything_pressed
    assert LONG.startswith(home.text)


async def test_cancel_with_nothing_to_cancel_is_done(home: House) -> None:
    await home.done("cancel", "PRESS")
    await home.done("release_all", "PRESS")


@MANUAL
async def test_nothing_is_typed_until_it_is_armed(home: House) -> None:
    assert home.observer.latest[f"{KVM}/armed"] == b"OFF"
    await home.fails("type", "no", "disarmed")
    await home.fails("keys", "a", "disarmed")
    await home.done("armed", "ON")
    await home.observer.sees(f"{KVM}/armed", "ON")
    await home.done("type", "yes")
    assert home.text == "yes"


@MANUAL
async def test_armed_off_stops_a_text_and_lets_go(home: House) -> None:
    await home.done("armed", "ON")
    name = await home.send("type", LONG)
    await home.typed(10)
    await home.done("armed", "OFF")
    assert (await home.observer.final(name))["error"] == "cancelled"
    await home.observer.sees(f"{KVM}/armed", "OFF")
    assert LONG.startswith(home.text)
    assert len(home.text) < len(LONG)
    await home.fails("type", "no", "disarmed")


@MANUAL
async def test_armed_off_lets_go_of_held_keys(home: House) -> None:
    await home.done("armed", "ON")
    await home.observer.final(await home.send("keys", "+alt"))
    assert home.sim.pc.modifiers == 0x04
    await home.done("armed", "OFF")


@pytest.mark.parametrize("home", [{"armed": "never"}], indirect=True)
async def test_never_armed_cannot_be_armed(home: House) -> None:
    await home.fails("armed", "ON", "not_allowed")
    await home.fails("type", "no", "disarmed")
    assert home.observer.latest[f"{KVM}/armed"] == b"OFF"
    assert home.text == ""


@pytest.mark.parametrize("home", [{"armed": "manual", "disarm_after": 1}], indirect=True)
async def test_it_disarms_by_itself(home: House) -> None:
    await home.done("armed", "ON")
    await home.observer.sees(f"{KVM}/armed", "ON")
    await home.observer.sees(f"{KVM}/armed", "OFF")
    await home.fails("type", "no", "disarmed")


def german(usage: int, modifiers: int) -> str | None:
    """As much of a German computer's keyboard as is typed here."""
    keys = {0x1C: "zZ", 0x1D: "yY", 0x2D: "ß?", 0x34: "äÄ", 0x14: "qQ", 0x2C: "  "}
    pair = keys.get(usage)
    if usage == 0x14 and modifiers == 0x40:
        return "@"
    return pair[bool(modifiers & 0x22)] if pair else None


async def test_the_layout_can_be_changed(
    broker: OwnBroker, observer: Observer, tmp_path: Path
) -> None:
    sim = Ch9329Sim(pc=Pc(keymap=german))
    async with PtyLine(sim, link=tmp_path / "german") as line:
        config = tables(broker.url, line.path)
        async with house(sim, line, observer, config) as home:
            assert observer.latest[f"{KVM}/layout"] == b"us"
            await home.fails("type", "zß", "unsupported_characters")
            await home.done("layout", "de")
            await observer.sees(f"{KVM}/layout", "de")
            await home.done("type", "zZyY ßäÄ?@q")
            assert home.text == "zZyY ßäÄ?@q"
            wrong = await home.fails("layout", "klingon", "bad_payload")
            assert wrong["detail"]
            assert observer.latest[f"{KVM}/layout"] == b"de"
    sim.close()


async def test_caps_lock_does_not_change_what_is_typed(home: House) -> None:
    home.sim.pc.toggle_light("caps")
    await home.observer.sees(f"{KVM}/caps_lock", "ON")
    await home.done("type", "Caps LOCK 1!")
    assert home.text == "Caps LOCK 1!"


async def test_two_houses_do_not_meet(home: House, broker: OwnBroker, tmp_path: Path) -> None:
    sim = Ch9329Sim()
    async with PtyLine(sim, link=tmp_path / "attic") as line, Observer(broker.port) as observer:
        config = tables(broker.url, line.path, node="attic")
        async with running_bridge(config):
            await observer.sees("chiplink/attic/kvm/usb", "ON")
            await observer.publish("chiplink/attic/kvm/type/set/a", "up")
            await observer.publish(f"{KVM}/type/set/b", "down")
            await asyncio.gather(observer.final("a", "attic/kvm"), observer.final("b"))
    assert (sim.pc.text, home.text) == ("up", "down")
    sim.close()
