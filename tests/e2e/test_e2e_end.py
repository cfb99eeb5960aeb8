"""How the daemon ends: by its last will, or in good order."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from e2e_house import KVM, ROOT, tables
from e2e_observer import Observer
from e2e_program import running
from e2e_waiting import DEADLINE, until

from chiplink.config import check_config
from chiplink.daemon import Bridge

if TYPE_CHECKING:
    from pathlib import Path

    from chiplink.demo.broker import OwnBroker
    from chiplink.model import Availability, DeviceEvent, Result, StateUpdate
    from chiplink.sim import Ch9329Sim, PtyLine

TEXT = "Nobody will read this to its end. " * 40


def written(folder: Path, broker: OwnBroker, line: PtyLine, **kvm: Any) -> str:
    """A configuration file for the daemon; TOML and JSON write these values alike."""
    settings = {
        "chip": "ch9329",
        "port": f"serial://{line.path}?baud=9600",
        "armed": "always",
        **kvm,
    }
    rows = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    file = folder / "chiplink.toml"
    head = f'[node]\nid = "cellar"\n[mqtt]\nurl = "{broker.url}"\n[device.kvm]\n'
    file.write_text(head + "\n".join(rows) + "\n")
    return str(file)


async def test_killed_it_is_offline_by_its_will(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer, tmp_path: Path
) -> None:
    async with running("run", "-c", written(tmp_path, broker, line)) as daemon:
        await observer.sees(f"{ROOT}/status", "online")
        await observer.sees(f"{KVM}/availability", "online")
        daemon.process.send_signal(signal.SIGKILL)
        await observer.sees(f"{ROOT}/status", "offline")
    async with Observer(broker.port) as newcomer:
        await newcomer.sees(f"{ROOT}/status", "offline")
        assert newcomer.retained()[f"{ROOT}/status"] == b"offline"


async def test_keys_that_a_killed_daemon_held_are_let_go_by_the_next(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer, tmp_path: Path
) -> None:
    file = written(tmp_path, broker, line)
    async with running("run", "-c", file) as daemon:
        await observer.sees(f"{KVM}/availability", "online")
        await observer.publish(f"{KVM}/keys/set/hold", "+ctrl +x")
        await observer.final("hold")
        daemon.process.send_signal(signal.SIGKILL)
        await daemon.ends()
    assert sim.pc.anything_pressed
    async with running("run", "-c", file):
        await until(lambda: not sim.pc.anything_pressed)


async def test_told_to_stop_it_lets_go_and_says_goodbye(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer, tmp_path: Path
) -> None:
    async with running("run", "-c", written(tmp_path, broker, line)) as daemon:
        await observer.sees(f"{ROOT}/status", "online")
        await observer.sees(f"{KVM}/availability", "online")
        await observer.publish(f"{KVM}/type/set/long", TEXT)
        await observer.publish(f"{KVM}/type/set/next", "never typed")
        await until(lambda: len(sim.pc.text) > 10)
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ends() == 0
        assert not sim.pc.anything_pressed
        assert TEXT.startswith(sim.pc.text)
        assert (await observer.final("long"))["error"] == "cancelled"
        assert (await observer.final("next"))["error"] == "cancelled"
        await observer.sees(f"{ROOT}/status", "offline")
        await observer.sees(f"{KVM}/availability", "offline")
    assert not [row for row in daemon.log if "Traceback" in row or "WARNING" in row], daemon.log
    async with Observer(broker.port) as newcomer:
        await newcomer.sees(f"{ROOT}/status", "offline")
        await newcomer.sees(f"{KVM}/availability", "offline")


async def test_told_to_stop_it_lets_go_of_held_keys(
    broker: OwnBroker, sim: Ch9329Sim, line: PtyLine, observer: Observer, tmp_path: Path
) -> None:
    async with running("run", "-c", written(tmp_path, broker, line)) as daemon:
        await observer.sees(f"{KVM}/availability", "online")
        await observer.publish(f"{KVM}/keys/set/hold", "+shift")
        await observer.final("hold")
        assert sim.pc.modifiers == 0x02
        daemon.process.send_signal(signal.SIGINT)
        assert await daemon.ends() == 0
        assert not sim.pc.anything_pressed


async def test_it_stops_without_a_broker_and_without_a_chip(
    broker: OwnBroker, line: PtyLine, tmp_path: Path
) -> None:
    await broker.stop()
    line.hang_up()
    async with running("run", "-c", written(tmp_path, broker, line)) as daemon:
        await daemon.said("is it running?")
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ends() == 0
    assert not [row for row in daemon.log if "Traceback" in row], daemon.log


class StopsAt:
    """A sink that stops tasks at the first word of a state, whatever goes on then."""

    def __init__(self, bridge: Bridge, key: str, *names: str) -> None:
        self._key = key
        self._names = names
        self.stopped: list[asyncio.Task[object]] = []
        bridge.node.add_sink(self)

    def state(self, update: StateUpdate) -> None:
        if update.key == self._key and not self.stopped:
            self.stopped = [task for task in asyncio.all_tasks() if task.get_name() in self._names]
            for task in self.stopped:
                task.cancel()

    def event(self, event: DeviceEvent) -> None:
        """Nothing."""

    def availability(self, availability: Availability) -> None:
        """Nothing."""

    def result(self, result: Result) -> None:
        """Nothing."""


@pytest.mark.parametrize("key", ["armed", "usb", "firmware", "last_error"])
async def test_told_to_stop_while_it_finds_the_chip(
    broker: OwnBroker, line: PtyLine, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = Bridge(check_config(tables(broker.url, line.path)))
    StopsAt(bridge, key, "bridge")
    task = asyncio.create_task(bridge.run(), name="bridge")
    await asyncio.wait((task,), timeout=DEADLINE)
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not [record for record in caplog.records if "did not end" in record.getMessage()]


async def test_a_driver_stops_even_as_the_chip_answers(broker: OwnBroker, line: PtyLine) -> None:
    # The word of USB comes while the driver waits for just that answer.
    bridge = Bridge(check_config(tables(broker.url, line.path)))
    stops = StopsAt(bridge, "usb", "device kvm")
    task = asyncio.create_task(bridge.run())
    await until(lambda: stops.stopped)
    (driver,) = stops.stopped
    await asyncio.wait((driver,), timeout=1)
    ended = driver.done()
    task.cancel()
    await asyncio.wait((task,))
    assert ended, "it took the stop for nothing and went on"
