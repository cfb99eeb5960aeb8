"""A simulated chip at the end of a cable, its driver on a node, and all that they say."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from chiplink.exceptions import PortError
from chiplink.model import CommandRequest, Phase
from chiplink.node import Node
from chiplink.sim.events import FrameReceived
from chiplink.sim.line import heard
from chiplink.transport.memory import MemoryTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Protocol

    from chiplink.driver.device import Device
    from chiplink.model import Availability, CommandValue, DeviceEvent, Result, StateUpdate
    from chiplink.sim.events import Event
    from chiplink.sim.faults import FaultSet

    class Chip(Protocol):
        """A simulated chip on a serial line."""

        faults: FaultSet

        @property
        def baud(self) -> int: ...

        def attach(self, send: Callable[[bytes], None]) -> None: ...

        def detach(self) -> None: ...

        def receive(self, data: bytes) -> None: ...

        def observe(self, observer: Callable[[Event], None]) -> Callable[[], None]: ...

        def close(self) -> None: ...


DEADLINE = 120.0
"""Seconds of virtual time that nothing takes but a hang."""


class Cable:
    """A Port to a simulated chip: at another rate bytes are garbled; it can be pulled out."""

    def __init__(self, sim: Chip, *, baud: int | None = None) -> None:
        self.name = "/dev/cable"
        self.baud = baud
        self.line: MemoryTransport | None = None
        self.pulled = False
        self.rates: list[int] = []
        self.written: list[bytes] = []
        self._sim = sim
        sim.faults.watch(self._on_fault)

    async def open(self, baud: int) -> MemoryTransport:
        if self.pulled:
            raise PortError(f"{self.name}: no such port")
        assert self.line is None, "it is opened while it is open"
        self.rates.append(baud)
        self.line = MemoryTransport(self, baud, self.name)
        return self.line

    def pull(self) -> None:
        """Be gone, as an adapter that is pulled out."""
        self.pulled = True
        if self.line is not None:
            self.line.break_line()

    def plug(self) -> None:
        """Be there again."""
        self.pulled = False

    def attach(self, send: Callable[[bytes], None]) -> None:
        line_baud = self.rates[-1]
        self._sim.attach(lambda data: send(heard(data, self._sim.baud, line_baud)))

    def receive(self, data: bytes) -> None:
        self.written.append(data)
        self._sim.receive(heard(data, self.rates[-1], self._sim.baud))

    def detach(self) -> None:
        self.line = None
        self._sim.detach()

    def _on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        if name == "hangup":
            (self.pull if on else self.plug)()


class Listener:
    """A Sink that keeps everything, in order, and wakes who waits."""

    def __init__(self) -> None:
        self.states: list[StateUpdate] = []
        self.events: list[DeviceEvent] = []
        self.online: list[bool] = []
        self.results: list[Result] = []
        self.changed = asyncio.Event()

    def state(self, update: StateUpdate) -> None:
        self.states.append(update)
        self.changed.set()

    def event(self, event: DeviceEvent) -> None:
        self.events.append(event)
        self.changed.set()

    def availability(self, availability: Availability) -> None:
        self.online.append(availability.online)
        self.changed.set()

    def result(self, result: Result) -> None:
        self.results.append(result)
        self.changed.set()


class Bench:
    """A node with one device, which `make` makes, at a simulated chip."""

    def __init__(self, sim: Chip, port: Cable, make: Callable[[], Device]) -> None:
        self.sim, self.port = sim, port
        self._make = make
        self.seen: list[Event] = []
        sim.observe(self._saw)
        self._numbers = 0
        self.renew()

    def renew(self) -> None:
        """Be a new program with the same chip."""
        self.device = self._make()
        self.said = Listener()
        self.node = Node([self.device])
        self.node.add_sink(self.said)
        self._task: asyncio.Task[None] | None = None

    def _saw(self, event: Event) -> None:
        self.seen.append(event)
        self.said.changed.set()

    def start(self) -> None:
        """Run the node."""
        self._task = asyncio.create_task(self.node.run(), name="node")

    async def stop(self) -> None:
        """End the node as the program does; it must end by itself."""
        task = self._task
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(DEADLINE):
                await task

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        """Start, wait until the chip is there, and stop at the end."""
        self.start()
        try:
            await self.until(lambda: self.online)
            await asyncio.sleep(0.5)  # of virtual time: the greetings are over
            yield self
        finally:
            await self.stop()
            self.sim.close()

    async def until(self, condition: Callable[[], object], within: float = DEADLINE) -> None:
        """Wait until `condition` holds, looking again whenever anything happened."""
        async with asyncio.timeout(within):
            while not condition():
                self.said.changed.clear()
                await self.said.changed.wait()

    @property
    def online(self) -> bool:
        return self.node.available[self.device.id]

    def value(self, key: str) -> object:
        """What the state `key` is now."""
        return self.node.states.get((self.device.id, key))

    def request(self, key: str, value: CommandValue = None, *, secure: bool = True) -> str:
        """Send a command and return its id."""
        self._numbers += 1
        number = f"n{self._numbers}"
        request = CommandRequest(
            self.device.id,
            key,
            value,
            id=number,
            secure=secure,
            received=asyncio.get_running_loop().time(),
        )
        self.node.submit(request)
        return number

    def endings(self, number: str) -> list[Result]:
        """The final results of the command `number`: there must be one."""
        return [
            result
            for result in self.said.results
            if result.id == number and result.phase is not Phase.ACCEPTED
        ]

    async def ending(self, number: str) -> Result:
        """Wait for the end of the command `number`."""
        await self.until(lambda: self.endings(number))
        return self.endings(number)[0]

    async def do(self, key: str, value: CommandValue = None, *, secure: bool = True) -> Result:
        """Send a command and wait for its end."""
        return await self.ending(self.request(key, value, secure=secure))

    def accepted(self) -> list[bytes]:
        """The commands and data that the chip took for sound, in order."""
        return [
            bytes([event.command]) + event.data
            for event in self.seen
            if isinstance(event, FrameReceived) and not event.problem
        ]
