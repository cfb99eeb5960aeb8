"""A session between a broker that does what it is told and a node that only notes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.mqtt.message import Message
from chiplink.mqtt.session import BIRTH_DELAY, Session, SessionSettings
from chiplink.mqtt.url import Broker
from mqtt.mqtt_support import DEADLINE, FakeConnection, FakeLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chiplink.model import CommandRequest, Json, LinkPhase, Scalar

STATES = 30
"""States of the device: more than may be in flight."""

STATUS = Message("chiplink/cellar/status", b"online", retain=True)


def rows() -> dict[str, Row]:
    names = [f"s{number}" for number in range(STATES)]
    made = {
        name: Row(key=name, kind=Kind.STATE, platform="sensor", type=ValueType.INT, name=name)
        for name in names
    }
    made["type"] = Row(
        key="type", kind=Kind.COMMAND, platform="notify", type=ValueType.TEXT, name="type", max=10
    )
    made["mouse"] = Row(
        key="mouse", kind=Kind.COMMAND, platform="notify", type=ValueType.JSON, name="mouse"
    )
    return made


@dataclass
class FakeDevice:
    id: str = "kvm"
    title: str = "kvm"
    chip: Chip = CHIPS["ch9329"]
    rows: Mapping[str, Row] = field(default_factory=rows)
    links: Mapping[str, FakeLink] = field(default_factory=dict)

    def counters(self) -> Mapping[str, int]:
        return {"timeouts": 2}


class FakeNode:
    def __init__(self) -> None:
        self.devices = {"kvm": FakeDevice()}
        self.states: dict[tuple[str, str], Scalar] = {
            ("kvm", f"s{number}"): number for number in range(STATES)
        }
        self.available = {"kvm": True}
        self.link_states: dict[tuple[str, str], LinkPhase] = {}
        self.link_infos: dict[tuple[str, str], Mapping[str, Json]] = {}
        self.submitted: list[CommandRequest] = []
        self.left_alone = 0

    def submit(self, request: CommandRequest) -> None:
        self.submitted.append(request)

    def unattended(self) -> None:
        self.left_alone += 1

    def waiting(self) -> Mapping[str, int]:
        return {"kvm": 3}


class Bench:
    """A session, its broker and its clock, which stands still."""

    def __init__(
        self, broker: Broker | None = None, birth_delay: tuple[float, float] = BIRTH_DELAY
    ) -> None:
        self.node = FakeNode()
        self.now = 100.0
        settings = SessionSettings(
            node="cellar",
            broker=broker or Broker(host="127.0.0.1", port=1883),
            birth_delay=birth_delay,
        )
        self.session = Session(settings, self.node, connect=FakeConnection, clock=lambda: self.now)
        self.connection = FakeConnection.made
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.session.run())

    async def greet(self) -> None:
        """Connect, let the session say everything, and forget it."""
        self.start()
        self.connection.connect()
        await self.until_published(STATUS)
        self.connection.acknowledge_all()
        self.forget()

    async def until_published(self, message: Message) -> None:
        await self.connection.until(lambda: message in self.connection.published)

    def forget(self) -> None:
        self.connection.published.clear()

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=DEADLINE)
            assert self.task.done()
            self.task = None

    def results(self) -> list[dict[str, Any]]:
        return [
            json.loads(message.payload)
            for message in self.connection.published
            if message.topic.endswith("/result")
        ]

    @property
    def topics(self) -> list[str]:
        return [message.topic for message in self.connection.published]
