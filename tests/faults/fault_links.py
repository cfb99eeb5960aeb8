"""The far side of a chip's only link, and what any chip with links does.

It accepts, calls or collects, and comes back whenever it was left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from driver.ch392_bench import PLC, LinkBench
from driver.fake_stack import CHIP, HOST
from faults.fault_harness import Operation

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings
    from chiplink.model import CommandValue
    from driver.ch392_network import MemoryEther
    from driver.driver_bench import Bench
    from driver.fake_stack import Mailbox, Network, Stream

SMALL = b"a small one: " + bytes(range(0x80, 0xC0))
LARGE = random.Random(392).randbytes(6000).replace(b"\x57\xab", b"\x57\xac")  # noqa: S311
"""Without a sync code of the CH392: what is left of a torn WRITE is no command by chance."""

CARRIED = bytes.maketrans(b"\x1a\x1b", b"\x00\xff")
"""Makes bytes of any that a modem without lengths can carry."""

CALL_AGAIN = 0.5


class FarSide(LinkBench):
    """A chip with one link, `large` being what the far side sends over it."""

    network: Network
    ether: MemoryEther
    added = b"no fault adds anything"

    def face(self, link: LinkSettings, large: bytes = LARGE) -> None:
        """Be the far side of this link."""
        self.link = link
        self.large = large
        self.got = bytearray()
        self.datagrams: list[bytes] = []
        self.stream: Stream | None = None
        self.connections = 0
        self.box: Mailbox | None = None
        self.node_runs = False
        self._far: list[asyncio.Task[None]] = []
        self._next_port = 40000

    @property
    def peer(self) -> str:
        """Whom to send to, where that must be said."""
        if not self.link.several:
            return ""
        if self.link.kind.is_stream:
            return "" if self.stream is None else self.stream.local
        return f"{HOST}:5000"

    def request(self, key: str, value: CommandValue = None, *, secure: bool = True) -> str:
        return self.submit(key, value, self.peer if key.endswith("/tx") else "")

    def start(self) -> None:
        super().start()
        self.node_runs = True
        if self._far:
            return
        if self.link.kind.is_stream:
            far = self._accept() if self.link.host else self._call()
        else:
            self.box = self.network.mailbox(f"{HOST}:5000")
            far = self._collect(self.box)
        self._far.append(asyncio.create_task(far))

    async def stop(self) -> None:
        await super().stop()
        self.node_runs = False
        for task in self._far:
            task.cancel()
        await asyncio.wait(self._far)

    async def _accept(self) -> None:
        service = self.network.listen(PLC)
        while True:
            await self._take(await service.accept())

    async def _call(self) -> None:
        while True:
            self._next_port += 1
            with contextlib.suppress(ConnectionRefusedError):
                source = f"{HOST}:{self._next_port}"
                await self._take(self.network.call(source, f"{CHIP}:{self.link.local_port}"))
            await asyncio.sleep(CALL_AGAIN)

    async def _take(self, stream: Stream) -> None:
        """Read a connection to its end."""
        self.stream = stream
        self.connections += 1
        with contextlib.suppress(ConnectionResetError):
            while data := await stream.read():
                self.got += data
        stream.finish()
        self.stream = None

    async def _collect(self, box: Mailbox) -> None:
        while True:
            self.datagrams.append((await box.get())[0])

    # What the far side does

    def post(self) -> None:
        """Send what is large."""
        stream = self.stream
        assert stream is not None
        self._far.append(asyncio.create_task(self._pour(stream, self.large)))

    async def _pour(self, stream: Stream, data: bytes) -> None:
        with contextlib.suppress(ConnectionResetError):
            await stream.send(data)

    def post_datagrams(self) -> None:
        """Send five datagrams, one after the other."""
        self._far.append(asyncio.create_task(self._drip()))

    async def _drip(self) -> None:
        assert self.box is not None
        for data in DATAGRAMS:
            self.box.post(data, f"{CHIP}:{self.link.local_port}")
            await asyncio.sleep(0.1)

    def link_is_open(self) -> bool:
        """Whether both sides have the connection."""
        if not self.link.kind.is_stream:
            return self.phase(self.link.id) == "open"
        stream = self.stream
        return (
            self.phase(self.link.id) == "open"
            and stream is not None
            and not stream.broken
            and len(self.ether.links) == 1
        )


DATAGRAMS = tuple(LARGE[at : at + size] for at, size in ((0, 1), (1, 400), (401, 8), (409, 900)))


def far_side(bench: Bench) -> FarSide:
    assert isinstance(bench, FarSide)
    return bench


def got(bench: Bench) -> tuple[object, ...]:
    world = far_side(bench)
    return tuple(world.got) if world.link.kind.is_stream else tuple(world.datagrams)


def received(bench: Bench) -> tuple[object, ...]:
    """What the device took of it, without what a fault is known to add."""
    world = far_side(bench)
    data = [each.data for each in world.said.data]
    if world.link.kind.is_stream:
        return tuple(b"".join(data).replace(world.added, b""))
    return tuple(each.replace(world.added, b"") for each in data)


def nothing(_bench: Bench) -> tuple[object, ...]:
    return ()


def breaks(bench: Bench) -> int:
    """How often a connection was lost."""
    return far_side(bench).connections


async def both_ways(bench: Bench) -> None:
    """Data flows, byte-exact, on a new connection or the old one."""
    world = far_side(bench)
    fresh = random.Random(len(world.seen)).randbytes(700).translate(CARRIED)  # noqa: S311
    before, heard = len(got(bench)), len(received(bench))
    result = await world.send(world.link.id, fresh, world.peer)
    assert result.value is not None, result
    if world.link.kind.is_stream:
        stream = world.stream
        assert stream is not None
        await stream.send(fresh[::-1])
        expected: tuple[object, ...] = tuple(fresh)
        answer: tuple[object, ...] = tuple(fresh[::-1])
    else:
        assert world.box is not None
        world.box.post(fresh[::-1], f"{CHIP}:{world.link.local_port}")
        expected, answer = (fresh,), (fresh[::-1],)
    await asyncio.sleep(3)
    assert got(bench)[before:] == expected
    assert received(bench)[heard:] == answer


# Waiting is for what comes too late to be wanted, and for what must not come.


def link_operations(link: LinkSettings, large: bytes = LARGE) -> tuple[Operation, ...]:
    """What is done with a chip that has this link."""
    key = f"link/{link.id}"
    stream = link.kind.is_stream
    whole = tuple if stream else lambda data: (data,)
    operations = [
        Operation("connect", nothing, connects=True, waits=8),
        Operation(
            "send small",
            got,
            whole(SMALL),
            (f"{key}/tx", SMALL),
            broken=breaks if stream else None,
        ),
        Operation("close", nothing, (), (f"{key}/set", "CLOSE"), undo=(f"{key}/set", "OPEN")),
        Operation("reset", nothing, (), ("reset", "PRESS"), absent=True),
    ]
    if stream:
        operations += [
            Operation("send large", got, tuple(large), (f"{key}/tx", large), broken=breaks),
            Operation(
                "receive",
                received,
                tuple(large),
                act=lambda bench: far_side(bench).post(),
                broken=breaks,
                waits=8,
            ),
        ]
    else:
        operations.append(
            Operation(
                "receive",
                received,
                DATAGRAMS,
                act=lambda bench: far_side(bench).post_datagrams(),
                waits=8,
            )
        )
    return tuple(operations)
