"""A chip's TCP/IP in memory, and the network beyond it: no chip, no line, no time.

A test puts services and callers into a Network and makes the chip fail by the hooks of
FakeStack. Several stacks on one network reach each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from chiplink.driver.sockets import Chunk, Endpoint, Kind, Level, check_datagram
from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    ClosedError,
    CommandError,
    OfflineError,
    OutcomeUnknownError,
    RefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 4096
"""Bytes that arrived and were not read, beyond which the sender waits."""

DATAGRAM_LIMIT = 1472
SEGMENT = 1460

CHIP = "10.0.0.2"
HOST = "192.0.2.1"
"""Where a test's services and callers are."""


class Bell:
    """Wakes whoever waits for a change."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        for each in self._waiting:
            if not each.done():
                each.set_result(None)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds()` is true; looked at after each ring."""
        while not holds():
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            finally:
                self._waiting.remove(future)


class Stream:
    """One end of a TCP connection; `other` is the other end and `peer` its address.

    `arrived` was not read yet; `passed` bytes went to the other end.
    `on_change` is called whenever something came: bytes, the end, a reset.
    """

    def __init__(self, local: str, peer: str) -> None:
        self.local = local
        self.peer = peer
        self.other: Stream = self
        self.arrived = bytearray()
        self.passed = 0
        self.ended = self.broken = False
        self.on_change: Callable[[], None] = _nothing
        self.bell = Bell()

    async def send(self, data: bytes) -> None:
        """Send all of it, waiting while the other side does not read."""
        rest = memoryview(data)
        while rest:
            other = self.other
            await self.bell.until(
                lambda: self.broken or self.other.broken or len(self.other.arrived) < WINDOW
            )
            if self.broken or other.broken:
                raise ConnectionResetError("reset")
            size = min(WINDOW - len(other.arrived), len(rest))
            other.arrived += rest[:size]
            self.passed += size
            rest = rest[size:]
            other.changed()

    async def read(self, limit: int = 65536) -> bytes:
        """Wait for something and take it; empty at the end. Raises ConnectionResetError."""
        await self.bell.until(lambda: self.arrived or self.ended or self.broken)
        if self.broken:
            raise ConnectionResetError("reset")
        return self.take(limit)

    async def read_exactly(self, size: int) -> bytes:
        """Wait for `size` bytes and take them."""
        data = b""
        while len(data) < size:
            more = await self.read(size - len(data))
            assert more, f"ended after {data!r}"
            data += more
        return data

    def take(self, limit: int) -> bytes:
        """Take what there is, without waiting."""
        data = bytes(self.arrived[:limit])
        del self.arrived[:limit]
        self.other.bell.ring()
        return data

    def finish(self) -> None:
        """Send no more: the other side reads the end."""
        self.other.ended = True
        self.other.changed()

    def vanish(self) -> None:
        """Be gone without a word: the other side notices when it sends."""
        self.broken = True
        self.arrived.clear()
        self.bell.ring()
        self.other.bell.ring()

    def reset(self) -> None:
        """Break the connection; what was not read is lost."""
        for end in (self, self.other):
            end.broken = True
            end.arrived.clear()
            end.changed()

    def changed(self) -> None:
        self.bell.ring()
        self.on_change()


def connection(local: str, remote: str) -> tuple[Stream, Stream]:
    """Return the two ends of a new connection, the one at `local` first."""
    near, far = Stream(local, remote), Stream(remote, local)
    near.other, far.other = far, near
    return near, far


class Service:
    """A listening port; `taking` says whether the next caller is let in."""

    def __init__(self, network: Network, address: str) -> None:
        self.address = address
        self.taking: Callable[[], bool] = lambda: True
        self.on_call: Callable[[], None] = _nothing
        self._network = network
        self._waiting: deque[Stream] = deque()
        self._bell = Bell()

    def call(self, source: str) -> Stream:
        """Connect from `source`; raises ConnectionRefusedError."""
        if not self.taking():
            raise ConnectionRefusedError(f"{self.address} takes no more")
        near, far = connection(source, self.address)
        self._waiting.append(far)
        self._bell.ring()
        self.on_call()
        return near

    async def accept(self) -> Stream:
        """Wait for the next connection."""
        await self._bell.until(lambda: self._waiting)
        return self._waiting.popleft()

    def accept_now(self) -> Stream | None:
        """Return the next connection, if one waits."""
        return self._waiting.popleft() if self._waiting else None

    @property
    def waiting(self) -> int:
        """Connections that nobody has accepted."""
        return len(self._waiting)

    def close(self) -> None:
        """Stop listening; who waits is turned away."""
        self._network.services.pop(self.address, None)
        while self._waiting:
            self._waiting.popleft().reset()


class Mailbox:
    """A UDP address; `on_change` is called for each datagram that came."""

    def __init__(self, network: Network, address: str) -> None:
        self.address = address
        self.on_change: Callable[[], None] = _nothing
        self.arrived: deque[tuple[bytes, str]] = deque()
        self.bell = Bell()
        self._network = network

    def post(self, data: bytes, to: str) -> None:
        """Send a datagram; nobody there is no error."""
        box = self._network.mailboxes.get(to)
        if box is not None:
            box.arrived.append((data, self.address))
            box.bell.ring()
            box.on_change()

    async def get(self) -> tuple[bytes, str]:
        """Wait for the next datagram; returns it and its sender."""
        await self.bell.until(lambda: self.arrived)
        return self.arrived.popleft()

    def close(self) -> None:
        self._network.mailboxes.pop(self.address, None)


class Network:
    """What is beyond the chips: only what was put there."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.mailboxes: dict[str, Mailbox] = {}
        self._next_port = 49152

    def listen(self, address: str) -> Service:
        """Open a service at `ip:port`."""
        assert address not in self.services, f"{address} is in use"
        self.services[address] = Service(self, address)
        return self.services[address]

    def call(self, source: str, address: str) -> Stream:
        """Connect to a service; raises ConnectionRefusedError."""
        service = self.services.get(address)
        if service is None:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        return service.call(source)

    def mailbox(self, address: str) -> Mailbox:
        """Open a UDP address."""
        assert address not in self.mailboxes, f"{address} is in use"
        self.mailboxes[address] = Mailbox(self, address)
        return self.mailboxes[address]

    def any_port(self) -> int:
        """Return a port that was not given before."""
        self._next_port += 1
        return self._next_port


class FakeStack:
    """A Stack; its hooks make it fail.

    `errors` are raised by the next `connect` or `listen`, one each; `send_errors` by the
    next `send`, after all was sent. `level` is what a confirmed send reports. `free` is
    how many sockets there are. `endpoints` were asked for, at the `times` of the loop;
    `open` are open.
    """

    datagram_limit = DATAGRAM_LIMIT

    def __init__(self, network: Network, ip: str = CHIP) -> None:
        self.network = network
        self.ip = ip
        self.errors: deque[CommandError] = deque()
        self.send_errors: deque[CommandError] = deque()
        self.level = Level.ACKED
        self.free = 8
        self.endpoints: list[Endpoint] = []
        self.times: list[float] = []
        self.open: list[FakeSocket | FakeListener] = []
        self.bell = Bell()
        self.stalled = self.opening_stalled = self.closing_stalled = False
        self._obstacle = ""

    # The hooks

    def lose(self, reason: str = "the chip was reset") -> None:
        """End every socket and listener; until `restore` there is no network."""
        self._obstacle = reason
        for each in list(self.open):
            each.lost(reason)
        self.open.clear()
        self.bell.ring()

    def restore(self) -> None:
        """Have the network again."""
        self._obstacle = ""
        self.bell.ring()

    def stall(self, *, sending: bool = False, opening: bool = False, closing: bool = False) -> None:
        """Let sends, connects and listens, or closes wait as long as it says so."""
        self.stalled, self.opening_stalled, self.closing_stalled = sending, opening, closing
        self.bell.ring()

    @property
    def sockets(self) -> list[FakeSocket]:
        """The open sockets."""
        return [each for each in self.open if isinstance(each, FakeSocket)]

    @property
    def address(self) -> str:
        """The chip's `ip:port` of its only open socket."""
        (socket,) = self.sockets
        return f"{self.ip}:{socket.local_port}"

    # The Stack

    @property
    def obstacle(self) -> str:
        return self._obstacle

    async def ready(self) -> None:
        await self.bell.until(lambda: not self._obstacle)

    async def connect(self, endpoint: Endpoint) -> FakeSocket:
        await self._may_open(endpoint)
        if endpoint.kind is Kind.TCP_CLIENT:
            return self._opened(FakeStream(self, self._call(endpoint)))
        port = endpoint.port if endpoint.kind is Kind.IPRAW else endpoint.local_port
        box = self.network.mailbox(f"{self.ip}:{port or self.network.any_port()}")
        peer = f"{endpoint.host}:{endpoint.port}" if endpoint.kind is not Kind.UDP_SERVER else ""
        return self._opened(FakeDatagrams(self, box, peer))

    async def listen(self, endpoint: Endpoint) -> FakeListener:
        await self._may_open(endpoint)
        address = f"{self.ip}:{endpoint.local_port or self.network.any_port()}"
        if address in self.network.services:
            raise BusyError(f"{address} is in use")
        listener = FakeListener(self, self.network.listen(address), endpoint.peers)
        self.open.append(listener)
        return listener

    async def _may_open(self, endpoint: Endpoint) -> None:
        self.endpoints.append(endpoint)
        self.times.append(asyncio.get_running_loop().time())
        await self.bell.until(lambda: self._obstacle or not self.opening_stalled)
        if self._obstacle:
            raise OfflineError(self._obstacle)
        if self.errors:
            raise self.errors.popleft()
        if self.free <= len(self.open):
            raise BusyError("no socket is free")

    def _call(self, endpoint: Endpoint) -> Stream:
        source = f"{self.ip}:{endpoint.local_port or self.network.any_port()}"
        try:
            return self.network.call(source, f"{endpoint.host}:{endpoint.port}")
        except ConnectionRefusedError as error:
            raise RefusedError(str(error)) from None

    def _opened(self, socket: FakeSocket) -> FakeSocket:
        self.open.append(socket)
        return socket


class FakeSocket:
    """What both kinds of socket share; `sent` are the pieces and `confirms` how they were sent."""

    def __init__(self, stack: FakeStack, peer: str, local: str) -> None:
        self.peer = peer
        self.local_port = int(local.rpartition(":")[2])
        self.sent: list[bytes] = []
        self.confirms: list[bool] = []
        self.reason = ""
        self.closes = 0
        self.dropped = 0
        self.window = SEGMENT
        self._stack = stack

    @property
    def datagram_limit(self) -> int | None:
        return None

    def lost(self, reason: str) -> None:
        """End it; `reason` is told to whoever waits."""
        if not self.reason:
            self.reason = reason
            self._let_go()
        self._stack.bell.ring()

    async def close(self) -> None:
        self.closes += 1
        await self._stack.bell.until(lambda: self.reason or not self._stack.closing_stalled)
        if self in self._stack.open:
            self._stack.open.remove(self)
        if not self.reason:
            self._say_goodbye()
        self.lost("the connection was closed")

    async def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Level:
        check_datagram(self, data)
        await self._stack.bell.until(lambda: self.reason or not self._stack.stalled)
        if self.reason:
            raise ClosedError(self.reason)
        await self._pass_on(data, peer)
        self.sent.append(data)
        self.confirms.append(confirm)
        if self._stack.send_errors:
            raise self._stack.send_errors.popleft()
        return self._stack.level if confirm else Level.ACCEPTED

    async def receive(self) -> Chunk:
        raise NotImplementedError

    async def _pass_on(self, data: bytes, peer: str) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        raise NotImplementedError

    def _say_goodbye(self) -> None:
        """Tell the other side; a datagram's has nothing to be told."""


class FakeStream(FakeSocket):
    """A TCP connection of the chip; `wire` is its end, `wire.other` the far one."""

    def __init__(self, stack: FakeStack, wire: Stream) -> None:
        super().__init__(stack, wire.peer, wire.local)
        self.wire = wire
        wire.on_change = stack.bell.ring

    async def receive(self) -> Chunk:
        wire = self.wire
        await self._stack.bell.until(
            lambda: self.reason or wire.arrived or wire.ended or wire.broken
        )
        if wire.broken and not self.reason:
            self.reason = "the other side reset the connection"
        if self.reason:
            raise ClosedError(self.reason)
        return Chunk(wire.take(1460))

    async def _pass_on(self, data: bytes, peer: str) -> None:
        before = self.wire.passed
        try:
            await self.wire.send(data)
        except ConnectionResetError:
            if self.wire.passed == before:
                raise ClosedError(self.reason or "the connection was reset") from None
            raise OutcomeUnknownError(self.reason or "reset while sending") from None

    def _let_go(self) -> None:
        self.wire.vanish()

    def _say_goodbye(self) -> None:
        self.wire.finish()


class FakeDatagrams(FakeSocket):
    """A UDP or IPRAW socket of the chip."""

    def __init__(self, stack: FakeStack, box: Mailbox, peer: str) -> None:
        super().__init__(stack, peer, box.address)
        self.box = box
        box.on_change = stack.bell.ring

    @property
    def datagram_limit(self) -> int | None:
        return self._stack.datagram_limit

    async def receive(self) -> Chunk:
        while True:
            await self._stack.bell.until(lambda: self.reason or self.box.arrived)
            if self.reason:
                raise ClosedError(self.reason)
            data, sender = self.box.arrived.popleft()
            if self.peer in ("", sender):
                return Chunk(data, sender)

    async def _pass_on(self, data: bytes, peer: str) -> None:
        to = peer or self.peer
        if ":" not in to:
            raise BadPayloadError(f"{to!r} is no address")
        self.box.post(data, to)

    def _let_go(self) -> None:
        self.box.close()


class FakeListener:
    """A listening port of the chip."""

    def __init__(self, stack: FakeStack, service: Service, peers: int) -> None:
        self.local_port = int(service.address.rpartition(":")[2])
        self.reason = ""
        self._stack = stack
        self._service = service
        self._connected: list[FakeStream] = []
        service.taking = partial(self._has_room, peers)
        service.on_call = stack.bell.ring

    def _has_room(self, peers: int) -> bool:
        alive = [each for each in self._connected if not each.reason]
        return len(alive) + self._service.waiting < peers

    def lost(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._service.close()

    async def accept(self) -> FakeStream:
        await self._stack.bell.until(lambda: self.reason or self._service.waiting)
        wire = self._service.accept_now()
        if self.reason or wire is None:
            raise ClosedError(self.reason)
        socket = FakeStream(self._stack, wire)
        self._connected.append(socket)
        self._stack.open.append(socket)
        return socket

    async def close(self) -> None:
        if self in self._stack.open:
            self._stack.open.remove(self)
        self.lost("the listener was closed")
        self._stack.bell.ring()


def _nothing() -> None:
    """Nobody wants to know."""
