"""Brokers that do not want us as we come: no MQTT 5, no password, no permission, no place."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from e2e_broker import mosquitto
from e2e_house import KVM, ROOT, House, house, running_bridge, tables
from e2e_observer import MQTT_3, Observer
from e2e_proxy import Proxy
from e2e_waiting import until

from chiplink.mqtt import connection, session

if TYPE_CHECKING:
    from pathlib import Path

    from chiplink.demo.broker import OwnBroker
    from chiplink.sim import Ch9329Sim, PtyLine

PASSWORD = "Xyzzy-4711"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(connection, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(connection, "MAX_DELAY", 0.05)


def said(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    """Lines of the log, from warnings up, that hold `words`."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and words in record.getMessage()
    ]


def assert_plain(caplog: pytest.LogCaptureFixture) -> None:
    """No traceback, no line that is two, no password."""
    for record in caplog.records:
        if record.levelno > logging.DEBUG:
            assert record.exc_info is None, record
            assert "\n" not in record.getMessage()
    assert PASSWORD not in caplog.text


# MQTT 3.1.1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("refusal", ["connack", "close"])
async def test_a_broker_without_mqtt_5_gets_3_1_1(
    broker: OwnBroker,
    sim: Ch9329Sim,
    line: PtyLine,
    refusal: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Proxy(broker.port, refuse_5=refusal) as proxy,
        Observer(broker.port, version=MQTT_3) as observer,
        house(sim, line, observer, tables(proxy.url, line.path)) as home,
    ):
        assert proxy.levels[-1] == 4
        assert set(proxy.levels[:-1]) == {5}
        await home.done("type", "old but good")
        assert home.text == "old but good"
        proxy.cut()
        await observer.sees(f"{ROOT}/status", "offline")
        await observer.sees(f"{ROOT}/status", "online")
        await home.done("type", ".")
        assert set(proxy.levels[2:]) == {4}, "the version must be remembered"
    assert_plain(caplog)


@pytest.mark.usefixtures("quick")
async def test_a_retained_command_on_3_1_1_runs_once_and_never_on_replay(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine
) -> None:
    async with (
        Proxy(broker.port, refuse_5="connack") as proxy,
        Observer(broker.port, version=MQTT_3) as observer,
        house(sim, line, observer, tables(proxy.url, line.path)) as home,
    ):
        await home.done("type", "once", retain=True, id="kept")
        proxy.cut()
        await until(lambda: len(home.observer.finals("kept")) == 2)
        assert home.observer.finals("kept")[1]["error"] == "retained"
        await home.done("type", ".")
        assert home.text == "once."


@pytest.mark.usefixtures("quick")
async def test_what_was_retained_before_the_start_is_cleared_on_3_1_1(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine
) -> None:
    async with (
        Proxy(broker.port, refuse_5="connack") as proxy,
        Observer(broker.port, version=MQTT_3) as observer,
    ):
        await observer.publish(f"{KVM}/type/set/old", "x", retain=True)
        await observer.publish(f"{ROOT}/old/usb", "ON", retain=True)
        async with house(sim, line, observer, tables(proxy.url, line.path)) as home:
            await observer.sees(f"{KVM}/type/set/old", "")
            await observer.sees(f"{ROOT}/old/usb", "")
            await home.done("type", "ok")
            assert home.text == "ok"


# Who we are


def guarded(folder: Path, acl: str = "") -> list[str]:
    """Lines for a broker that wants the user bridge with PASSWORD."""
    salt = b"0123456789ab"
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    words = [base64.b64encode(part).decode() for part in (salt, digest)]
    lines = ["allow_anonymous false", f"password_file {folder / 'passwords'}"]
    users = "".join(f"{user}:$7$101${words[0]}${words[1]}\n" for user in ("bridge", "observer"))
    (folder / "passwords").write_text(users)
    (folder / "passwords").chmod(0o600)
    if acl:
        (folder / "acl").write_text(f"user observer\ntopic readwrite #\n\nuser bridge\n{acl}\n")
        (folder / "acl").chmod(0o600)
        lines.append(f"acl_file {folder / 'acl'}")
    return lines


def with_password(broker: OwnBroker, line: PtyLine, folder: Path, password: str) -> dict[str, Any]:
    file = folder / "password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    config = tables(f"mqtt://bridge@127.0.0.1:{broker.port}", line.path)
    config["mqtt"]["password_file"] = str(file)
    return config


async def test_the_right_password_lets_it_in(
    sim: Ch9329Sim, line: PtyLine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mosquitto(guarded(tmp_path)) as broker:
        config = with_password(broker, line, tmp_path, PASSWORD)
        async with (
            Observer(broker.port, user=("observer", PASSWORD)) as observer,
            house(sim, line, observer, config) as home,
        ):
            await home.done("type", "in")
    assert home.text == "in"
    assert_plain(caplog)


async def test_a_wrong_password_is_told_once_and_tried_gently(
    line: PtyLine,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with mosquitto(guarded(tmp_path)) as broker, Proxy(broker.port) as proxy:
        config = with_password(broker, line, tmp_path, "wrong-" + PASSWORD[::-1])
        config["mqtt"]["url"] = f"mqtt://bridge@127.0.0.1:{proxy.port}"
        async with running_bridge(config):
            await until(lambda: len(proxy.levels) >= 2)
            assert proxy.haste <= 1
        (line_said,) = said(caplog, "password")
        assert "check user and password" in line_said or "refuses user or password" in line_said
    assert_plain(caplog)
    assert PASSWORD[::-1] not in caplog.text


@pytest.mark.parametrize(
    "acl",
    ["topic readwrite other/#", f"topic read {ROOT}/#", "topic read homeassistant/#"],
    ids=["nothing of ours", "only reading", "only the birth"],
)
async def test_a_broker_that_lets_us_do_nothing_is_told(
    line: PtyLine,
    tmp_path: Path,
    acl: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "SYNC_DEADLINE", 0.3)
    async with mosquitto(guarded(tmp_path, acl)) as broker, Proxy(broker.port) as proxy:
        config = with_password(broker, line, tmp_path, PASSWORD)
        config["mqtt"]["url"] = f"mqtt://bridge@127.0.0.1:{proxy.port}"
        async with running_bridge(config):
            await until(
                lambda: said(caplog, "ACL") or said(caplog, "permission"),
                lambda: said(caplog, ""),
            )
            assert len(proxy.levels) == 1 or proxy.haste <= 1
        assert len(said(caplog, "broker")) == 1, said(caplog, "")
    assert_plain(caplog)


async def test_a_bridge_that_could_not_begin_tries_again(
    broker: OwnBroker,
    sim: Ch9329Sim,
    line: PtyLine,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "SYNC_DEADLINE", 0.5)
    async with (
        Proxy(broker.port, mute_first=True) as proxy,
        running_bridge(tables(proxy.url, line.path)) as bridge,
    ):
        home = House(sim, line, observer, bridge)
        await home.online()
        await home.done("type", "after all")
    assert home.text == "after all"


async def test_a_place_taken_by_another_is_told(
    broker: OwnBroker, line: PtyLine, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        Proxy(broker.port) as proxy,
        running_bridge(tables(proxy.url, line.path)) as bridge,
    ):
        # With data of ours on its way, the end of a connection would overtake the last words.
        await until(lambda: bridge.session.connected.is_set() and bridge.node.available["kvm"])
        await until(bridge.session._idle.is_set)
        # DISCONNECT with the reason code 8E: session taken over (MQTT 5, 3.14.2.1).
        proxy.cut(bytes.fromhex("e0 01 8e"))
        await until(lambda: said(caplog, ""))
    (line_said,) = said(caplog, "")
    assert "is a second bridge running with this node's name?" in line_said
    assert_plain(caplog)


async def test_two_bridges_of_one_name_are_told_once(
    broker: OwnBroker,
    sim: Ch9329Sim,
    line: PtyLine,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # mosquitto closes the older connection without a word.
    monkeypatch.setattr(connection, "FIRST_DELAY", 0.2)
    async with Proxy(broker.port) as proxy:
        first = tables(proxy.url, line.path)
        second = tables(proxy.url, tmp_path / "nothing")
        async with running_bridge(first), running_bridge(second):
            await until(lambda: len(proxy.levels) >= 8, lambda: proxy.levels)
            assert proxy.haste <= 10
    told = said(caplog, "second bridge")
    assert 1 <= len(told) <= 2, said(caplog, "")
    assert len(said(caplog, "broker")) <= 4, said(caplog, "")
    assert_plain(caplog)
