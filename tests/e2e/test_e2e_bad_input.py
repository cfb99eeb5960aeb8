"""Whatever is wrong with a command: it is answered with its code, and no key goes down."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from e2e_house import KVM, ROOT, House, house, tables
from e2e_observer import Observer
from e2e_waiting import until

from chiplink.commands import MAX_WAITING
from chiplink.driver import ch9329

if TYPE_CHECKING:
    from chiplink.demo.broker import OwnBroker
    from chiplink.sim import Ch9329Sim, PtyLine

LONG = "0123456789" * 60
SECRET = "korrekt-Pferd-7319"


@pytest.mark.parametrize(
    ("key", "payload", "code", "words"),
    [
        ("type", b"abc\xff", "bad_payload", "UTF-8 at byte 3"),
        ("keys", b"\xc3\x28", "bad_payload", "UTF-8"),
        ("type", "Straße für 5 €", "unsupported_characters", "ß ü €"),
        ("type", "a\x07b", "unsupported_characters", "U+0007"),
        ("type", "x" * 10_001, "too_large", "10000"),
        ("type", "x" * 1_000_000, "too_large", "1000000"),
        ("keys", "ctrl+alt+dellete", "bad_payload", "dellete"),
        ("keys", "ctrl++a", "bad_payload", "plus"),
        ("keys", "a+b+c+d+e+f+g", "bad_payload", "6"),
        ("keys", "a " * 257, "bad_payload", "256"),
        ("keys", "   ", "bad_payload", "no keys"),
        ("keys", "ß", "bad_payload", "ß"),
        ("release_all", "now", "bad_payload", "PRESS"),
        ("cancel", "1", "bad_payload", "PRESS"),
        ("armed", "on", "bad_payload", "ON or OFF"),
        ("layout", "dee", "bad_payload", "did you mean"),
        ("tpye", "abc", "unknown_key", "tpye"),
        ("usb", "ON", "unknown_key", "usb"),
        ("last_error", "none", "unknown_key", "last_error"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str | bytes) else None,
)
async def test_nonsense_is_refused(
    home: House, key: str, payload: str | bytes, code: str, words: str
) -> None:
    result = await home.fails(key, payload, code)
    assert words in result["detail"]
    assert home.text == ""
    assert len(home.observer.results()) == 1
    await home.done("type", "ok")
    assert home.text == "ok"


async def test_a_device_that_is_not_there_is_named(home: House) -> None:
    await home.observer.publish(f"{ROOT}/kwm/type/set/a", "abc")
    result = await home.observer.final("a", "cellar/kwm")
    assert (result["error"], "kwm" in result["detail"]) == ("unknown_key", True)
    assert home.text == ""


async def test_topics_that_are_no_commands_are_ignored(home: House) -> None:
    for topic in (
        f"{KVM}/type/set/{'x' * 37}",
        f"{KVM}/type/set/a b",
        f"{KVM}/Type/set",
        f"{KVM}/type",
        f"{KVM}/type/set/a/b",
        f"{ROOT}/link/type/set",
    ):
        await home.observer.publish(topic, "abc")
    await home.done("type", "ok")
    assert home.text == "ok"
    assert len(home.observer.results()) == 1


async def test_an_empty_payload_is_no_command(home: House) -> None:
    await home.send("type", "", id="nothing")
    await home.observer.publish(f"{KVM}/release_all/set")
    await home.done("type", "ok")
    assert [result["id"] for result in home.observer.results()] == ["c1"]


async def test_a_retained_command_is_refused(home: House) -> None:
    await home.fails("type", "again and again", "retained", retain=True)
    await home.fails("keys", "a", "retained", retain=True)
    assert home.text == ""


async def test_what_was_retained_before_the_start_is_cleared(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer
) -> None:
    topics = (f"{KVM}/type/set", f"{KVM}/type/set/old", f"{KVM}/keys/set/k")
    for topic in topics:
        await observer.publish(topic, "x", retain=True)
    async with house(sim, line, observer, tables(broker.url, line.path)) as home:
        for topic in topics:
            await observer.sees(topic, "")
        await home.done("type", "ok")
        assert home.text == "ok"
        async with Observer(broker.port) as newcomer:
            await newcomer.publish("chiplink/behind", "")
            await newcomer.sees("chiplink/behind", "")
            assert not newcomer.retained().keys() & set(topics)


async def test_an_expiry_that_has_time_left_changes_nothing(home: House) -> None:
    await home.done("type", "ok", MessageExpiryInterval=60)
    assert home.text == "ok"


async def test_a_command_that_waits_beyond_its_expiry_is_not_carried_out(home: House) -> None:
    text = LONG[:500]
    first = await home.send("type", text)
    await home.typed(1)
    late = await home.send("type", "too late", MessageExpiryInterval=1)
    patient = await home.send("type", "!", MessageExpiryInterval=20)
    assert (await home.observer.final(late))["error"] == "expired"
    assert (await home.observer.final(first))["phase"] == "done"
    assert (await home.observer.final(patient))["phase"] == "done"
    assert home.text == text + "!"


async def test_the_same_command_twice_is_typed_once_and_answered_twice(home: House) -> None:
    first = await home.done("type", "once", id="same")
    await home.send("type", "once", id="same")
    await until(lambda: len(home.observer.finals("same")) == 2)
    assert home.observer.finals("same")[1] == first
    await home.done("type", ".")
    assert home.text == "once."


async def test_the_same_command_again_while_it_runs_is_typed_once(home: House) -> None:
    text = LONG[:100]
    name = await home.send("type", text)
    await home.typed(5)
    await home.send("type", text, id=name)
    assert (await home.observer.final(name))["phase"] == "done"
    await home.done("type", ".")
    assert home.text == text + "."


async def test_an_id_is_not_for_two_commands(home: House) -> None:
    await home.done("type", "one", id="same")
    await home.fails("type", "two", "duplicate", id="same")
    await home.fails("keys", "one", "duplicate", id="same")
    assert home.text == "one"
    await home.done("type", "one", id="same")
    assert home.text == "one"


async def test_a_chip_that_is_gone_is_offline(home: House) -> None:
    home.line.hang_up()
    await home.observer.sees(f"{KVM}/availability", "offline")
    await home.fails("type", "abc", "offline")
    await home.fails("keys", "a", "offline")
    await home.fails("release_all", "PRESS", "offline")
    home.line.reopen()
    await home.observer.sees(f"{KVM}/availability", "online")
    await home.done("type", "ok")
    assert home.text == "ok"


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ch9329, "POLL_BUSY", 0.05)
    monkeypatch.setattr(ch9329, "POLL_IDLE", 0.05)


@pytest.mark.usefixtures("quick_polls")
async def test_without_a_computer_it_is_offline(home: House) -> None:
    await home.done("type", "a")
    home.sim.pc.unplug()
    await home.observer.sees(f"{KVM}/usb", "OFF")
    result = await home.fails("type", "b", "offline")
    assert "computer" in result["detail"]
    await home.fails("keys", "b", "offline")
    assert home.observer.latest[f"{KVM}/availability"] == b"online"
    home.sim.pc.plug()
    await home.observer.sees(f"{KVM}/usb", "ON")
    await home.done("type", "c")
    assert home.text == "ac"


@pytest.mark.usefixtures("quick_polls")
async def test_a_computer_that_goes_away_in_the_middle_leaves_it_unknown(home: House) -> None:
    await home.done("type", "a")
    name = await home.send("type", LONG)
    await home.typed(20)
    home.sim.pc.unplug()
    result = await home.observer.final(name)
    assert (result["phase"], result["error"]) == ("failed", "unknown")
    assert LONG.startswith(home.text[1:])
    assert len(home.text) < len(LONG)


async def test_a_text_that_nobody_saw_is_not_done(home: House) -> None:
    name = await home.send("type", LONG[:80])
    await home.typed(20)
    home.sim.pc.unplug()
    result = await home.observer.final(name)
    assert len(home.text) < 80
    assert (result["phase"], result.get("error")) == ("failed", "unknown")


async def test_more_than_may_wait_are_refused(home: House) -> None:
    first = await home.send("type", LONG)
    await home.typed(1)
    for number in range(MAX_WAITING):
        await home.send("type", "x", id=f"w{number}")
    await home.fails_while_typing("type", "one too many", "queue_full")
    assert not home.observer.finals(first)
    assert set(home.bridge.node.waiting().values()) == {MAX_WAITING}
    await home.send("cancel", "PRESS")
    await until(lambda: not home.bridge.node.waiting()["kvm"])
    await until(lambda: not home.sim.pc.anything_pressed)
    # What exceeds the bound of results in a second is counted instead.
    counters = home.bridge.session._counters
    await until(
        lambda: len(home.observer.finals()) + counters["results_suppressed"] == MAX_WAITING + 3
    )
    assert LONG.startswith(home.text)
    typed = home.text
    await home.send("type", ".")
    await until(lambda: home.text == typed + ".", lambda: home.text)


async def test_what_is_typed_is_told_to_nobody_else(
    home: House, broker: OwnBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    kept: dict[str, set[bytes]] = {}

    async def look() -> None:
        async with Observer(broker.port) as newcomer:
            await newcomer.publish("chiplink/behind", "")
            await newcomer.sees("chiplink/behind", "")
            for topic, payload in newcomer.retained().items():
                kept.setdefault(topic, set()).add(payload)

    await home.done("type", SECRET)
    await look()
    for key, payload, code in (
        ("type", f"{SECRET}ß", "unsupported_characters"),
        ("type", f"{SECRET}\xff".encode("latin-1"), "bad_payload"),
        ("type", SECRET * 600, "too_large"),
        ("keys", SECRET, "bad_payload"),
        ("keys", f"+{SECRET}", "bad_payload"),
        ("layout", SECRET, "bad_payload"),
        ("release_all", SECRET, "bad_payload"),
        ("armed", SECRET, "bad_payload"),
        ("type", SECRET, "retained"),
    ):
        more = {"retain": True} if code == "retained" else {}
        await home.fails(key, payload, code, **more)
        if code == "retained":
            await home.observer.publish(f"{KVM}/type/set/c10", "", retain=True)
        await look()
    await home.done("type", "twice", id="same")
    await home.fails("type", SECRET, "duplicate", id="same")
    await home.done("type", "ok")
    await look()
    home.bridge.session._health.changed()
    home.bridge.session._publish_health()
    await look()
    assert kept[f"{ROOT}/health"]
    assert kept[f"{KVM}/last_error"]
    for topic, payloads in kept.items():
        assert not [payload for payload in payloads if SECRET[:7].encode() in payload], topic
    assert SECRET[:7] not in caplog.text
    assert "ß" not in caplog.text
    assert not [payload for payload in kept[f"{KVM}/last_error"] if "ß".encode() in payload]
    results = b"".join(home.observer.payloads(f"{KVM}/result"))
    assert SECRET.encode() not in results.replace(SECRET.encode(), b"", 2)
