"""install/mosquitto-acl.example on a real mosquitto: each user may do its part and no more."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import random
import re
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from chiplink.config import check_config
from chiplink.daemon import Bridge
from chiplink.demo.broker import OwnBroker
from chiplink.sim import Ch9329Sim, PtyLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

EXAMPLE = Path(__file__).parents[2] / "install" / "mosquitto-acl.example"
ROOT = "chiplink/cellar"
KVM = f"{ROOT}/kvm"
DISCOVERY = "homeassistant/device/chiplink-cellar"
PASSWORD = "Xyzzy-4711"
USERS = ("bridge", "homeassistant", "observer", "automation", "cellar", "attic")
DEADLINE = 15.0

NOT_AUTHORIZED = 0x87
"""MQTT 5, 2.4: the reason code of a PUBACK for what the access list refuses."""


def settings(folder: Path, acl: str) -> list[str]:
    """What the example's own head says, with a password file as mosquitto_passwd writes it."""
    salt = b"0123456789ab"
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    words = "$".join(base64.b64encode(part).decode() for part in (salt, digest))
    files = {"passwd": "".join(f"{user}:$7$101${words}\n" for user in USERS), "acl": acl}
    for name, content in files.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    return [
        "allow_anonymous false",
        f"password_file {folder / 'passwd'}",
        f"acl_file {folder / 'acl'}",
    ]


def free_port() -> int:
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


async def until(condition: Callable[[], Any], what: Callable[[], object] = str) -> None:
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - of many kinds
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it did not come to that; {what()}") from None


class User:
    """A client that asks for every topic and keeps what the broker lets it see."""

    def __init__(self, name: str, port: int) -> None:
        self.seen: dict[str, bytes] = {}
        self._port = port
        self._ids = (f"{name}-{number}" for number in count(1))
        self._reasons: dict[int, int] = {}
        self._subscribed = False
        client = self._client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.username_pw_set(name, PASSWORD)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish

    async def start(self) -> None:
        await asyncio.to_thread(self._client.connect, "127.0.0.1", self._port, 60)
        self._client.loop_start()
        await until(lambda: self._subscribed)

    async def stop(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def may_publish(self, topic: str, payload: str = "x", *, retain: bool = False) -> bool:
        """Publish and return whether the broker took it."""
        info = self._client.publish(topic, payload, 1, retain)
        await until(lambda: info.mid in self._reasons)
        reason = self._reasons.pop(info.mid)
        assert reason in {0, 0x10, NOT_AUTHORIZED}, reason
        return reason != NOT_AUTHORIZED

    async def sees(self, topic: str, payload: str | None = None) -> None:
        await until(
            lambda: topic in self.seen and payload in (None, self.seen[topic].decode()),
            lambda: f"{topic} among {self.seen}",
        )

    async def command(self, key: str, payload: str) -> str:
        """Send a command that the broker must take, and return its id."""
        name = next(self._ids)
        assert await self.may_publish(f"{KVM}/{key}/set/{name}", payload)
        return name

    async def ends(self, name: str) -> dict[str, Any]:
        """Wait for the result of a command."""
        results: list[dict[str, Any]] = []

        def found() -> bool:
            results.append(json.loads(self.seen.get(f"{KVM}/result", b"{}")))
            return results[-1].get("id") == name and results[-1]["phase"] != "accepted"

        await until(found, lambda: f"no end of {name}: {results[-1]}")
        return results[-1]

    def _on_connect(self, client: Client, *_more: object) -> None:
        client.subscribe([("#", SubscribeOptions(qos=1))])

    def _on_subscribe(self, *_more: object) -> None:
        self._subscribed = True

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.seen[message.topic] = bytes(message.payload)

    def _on_publish(
        self, _client: Client, _data: object, mid: int, reason: Any, *_: object
    ) -> None:
        self._reasons[mid] = int(reason.value)


class Site:
    """A guarded broker, a bridge on it under its own user, and whoever comes in."""

    def __init__(self, broker: OwnBroker, sim: Ch9329Sim, stack: AsyncExitStack) -> None:
        self.broker = broker
        self.sim = sim
        self._stack = stack

    async def user(self, name: str) -> User:
        user = User(name, self.broker.port)
        await user.start()
        self._stack.push_async_callback(user.stop)
        return user


@asynccontextmanager
async def site(folder: Path, acl: str, user: str = "bridge") -> AsyncIterator[Site]:
    password = folder / "mqtt_password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    sim = Ch9329Sim()
    async with (
        OwnBroker(free_port(), settings(folder, acl)) as broker,
        PtyLine(sim, link=folder / "kvm") as line,
        AsyncExitStack() as stack,
    ):
        url = f"mqtt://{user}@127.0.0.1:{broker.port}"
        tables = {
            "node": {"id": "cellar"},
            "mqtt": {"url": url, "password_file": str(password)},
            "device": {
                "kvm": {
                    "chip": "ch9329",
                    "port": f"serial://{line.path}?baud=9600",
                    "armed": "always",
                    "pace_ms": 4,
                }
            },
        }
        task = asyncio.create_task(Bridge(check_config(tables)).run())
        try:
            yield Site(broker, sim, stack)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait((task,))
    sim.close()


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, EXAMPLE.read_text()) as one:
        yield one


async def test_the_bridge_works_under_its_own_user(
    here: Site, caplog: pytest.LogCaptureFixture
) -> None:
    home = await here.user("homeassistant")
    await home.sees(f"{ROOT}/status", "online")
    await home.sees(f"{KVM}/availability", "online")
    result = await home.ends(await home.command("type", "hello"))
    assert (result["phase"], here.sim.pc.text) == ("done", "hello")
    for key in ("keys", "mouse", "media", "armed"):
        await home.ends(await home.command(key, {"armed": "OFF"}.get(key, "nonsense")))
    assert [item for item in caplog.records if item.levelno >= logging.WARNING] == []


async def test_the_bridge_may_clear_what_is_left_of_others(here: Site) -> None:
    home = await here.user("homeassistant")
    assert await home.may_publish(f"{ROOT}/homeassistant", "{}", retain=True)
    assert await home.may_publish("homeassistant/status", "online")
    assert await home.may_publish(f"{DISCOVERY}/kvm/config", "", retain=True)
    assert not await home.may_publish(f"{ROOT}/status", "offline")
    assert not await home.may_publish(f"{KVM}/usb", "ON")


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        (f"{ROOT}/status", True),
        (f"{KVM}/usb", True),
        (f"{KVM}/link/plc/rx", True),
        (f"{DISCOVERY}/kvm/config", True),
        ("homeassistant/status", False),
        ("homeassistant/device/chiplink-attic/kvm/config", False),
        ("chiplink/attic/kvm/type/set", False),
        ("elsewhere", False),
    ],
)
async def test_the_bridge_stays_in_its_own_tree(here: Site, topic: str, *, allowed: bool) -> None:
    # The bridge's own connection stays as it is: this is a second one of its user.
    assert await (await here.user("bridge")).may_publish(topic) is allowed


async def test_the_automation_may_type_and_nothing_else(here: Site) -> None:
    automation = await here.user("automation")
    await automation.sees(f"{KVM}/availability", "online")
    result = await automation.ends(await automation.command("type", "by itself"))
    assert (result["phase"], here.sim.pc.text) == ("done", "by itself")
    for topic in (
        *(
            f"{KVM}/{key}/set"
            for key in ("keys", "mouse", "media", "power", "armed", "type_secret")
        ),
        f"{KVM}/hid_out/set/1",
        f"{ROOT}/desk/type/set",
        "chiplink/attic/kvm/type/set",
        f"{ROOT}/status",
        f"{ROOT}/homeassistant",
        "homeassistant/status",
    ):
        assert not await automation.may_publish(topic), topic
    assert set(automation.seen) <= {f"{ROOT}/status", f"{KVM}/availability", f"{KVM}/result"}


async def test_the_observer_sees_states_and_no_words(here: Site) -> None:
    observer, home = await here.user("observer"), await here.user("homeassistant")
    await home.sees(f"{KVM}/availability", "online")
    await home.ends(await home.command("type", "not for observers"))
    # A last state that both see: everything before it has come.
    await home.ends(await home.command("armed", "OFF"))
    await observer.sees(f"{KVM}/armed", "OFF")
    assert {f"{ROOT}/status", f"{ROOT}/descriptor", f"{KVM}/usb"} <= set(observer.seen)
    assert [topic for topic in observer.seen if "/set" in topic or "result" in topic] == []
    assert not any(b"observers" in payload for payload in observer.seen.values())
    for topic in (f"{KVM}/type/set", f"{ROOT}/status", "homeassistant/status", "chiplink/x"):
        assert not await observer.may_publish(topic), topic


async def test_nobody_without_a_name_gets_in(here: Site) -> None:
    refused = asyncio.get_running_loop().create_future()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    loop = asyncio.get_running_loop()
    client.on_connect = lambda *words: loop.call_soon_threadsafe(refused.set_result, words[3].value)
    await asyncio.to_thread(client.connect, "127.0.0.1", here.broker.port, 60)
    client.loop_start()
    try:
        assert await asyncio.wait_for(refused, DEADLINE) == NOT_AUTHORIZED
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


async def test_a_user_for_each_node_by_pattern(tmp_path: Path) -> None:
    """The lines for many bridges, with their # taken out."""
    acl = re.sub(r"(?m)^#pattern", "pattern", EXAMPLE.read_text())
    async with site(tmp_path, acl, user="cellar") as here:
        home = await here.user("homeassistant")
        await home.sees(f"{KVM}/availability", "online")
        assert (await home.ends(await home.command("type", "ok")))["phase"] == "done"
        attic = await here.user("attic")
        assert await attic.may_publish("chiplink/attic/status")
        assert await attic.may_publish("homeassistant/device/chiplink-attic/kvm/config")
        assert not await attic.may_publish(f"{KVM}/type/set")
        assert not await attic.may_publish(f"{DISCOVERY}/kvm/config")
        assert [topic for topic in attic.seen if topic.startswith(ROOT)] == []
