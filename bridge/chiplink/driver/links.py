"""Links: connections and ports of a chip that are kept open, whatever happens.

One implementation for every chip: it stands on a Stack and knows no chip.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chiplink.driver.link_info import Info
from chiplink.driver.link_window import Window
from chiplink.driver.resolve import resolve
from chiplink.driver.sockets import Endpoint, KeepAlive, Kind, check_datagram
from chiplink.driver.stream_addresses import is_allowed
from chiplink.exceptions import (
    BadPayloadError,
    CancelledCommandError,
    ClosedError,
    CommandError,
    OutcomeUnknownError,
    UnknownKeyError,
)
from chiplink.model import LinkData, LinkPhase, LinkState, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from ipaddress import IPv4Network

    from chiplink.driver.device import Emission, Emit, Started
    from chiplink.driver.sockets import Chunk, Socket, Stack
    from chiplink.model import CommandRequest

_LOG = logging.getLogger(__name__)

FIRST_DELAY = 1.0
MAX_DELAY = 60.0
"""Seconds between attempts."""

STEADY = 10.0
"""Seconds a link must have been open for its next attempt to come soon."""

OBSTACLE_CHECK = 2.0
"""Seconds between looks at what is in the way of a link that waits."""

SEND_DEADLINE = 60.0
"""Seconds one message may take; then its connection is closed."""

SLOW = 1.0
"""Seconds after which a message that is still being sent is announced."""

CLOSE_DEADLINE = 5.0
"""Seconds for closing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """`[device.NAME.link.NAME]` of the configuration, checked.

    `port` is the remote's, or the protocol's number for IPRAW; `local_port` 0 is any.
    `allow` are the networks that may connect; none: all. Blocks are a CH392's.
    """

    id: str
    kind: Kind
    host: str = ""
    port: int = 0
    local_port: int = 0
    peers: int = 1
    allow: tuple[IPv4Network, ...] = ()
    keep_alive: KeepAlive | None = None
    ttl: int | None = None
    open: bool = True
    receive_blocks: int | None = None
    send_blocks: int | None = None

    @property
    def several(self) -> bool:
        """Whether it may have several peers at once."""
        return self.kind is Kind.UDP_SERVER or (self.kind is Kind.TCP_SERVER and self.peers > 1)

    def endpoint(self, host: str) -> Endpoint:
        """Return what is to be opened; `host` is the remote's address."""
        return Endpoint(
            kind=self.kind,
            host=host,
            port=self.port,
            local_port=self.local_port,
            peers=self.peers,
            keep_alive=self.keep_alive,
            ttl=self.ttl,
            owner=self.id,
        )

    def allows(self, peer: str) -> bool:
        """Whether `ip:port` may connect."""
        return is_allowed(peer, self.allow or None)


class Link:
    """One link: opened, watched, opened again; a LinkView."""

    def __init__(self, device: str, settings: LinkSettings, stack: Stack) -> None:
        self.id = settings.id
        self.kind = str(settings.kind)
        self.several = settings.several
        self._device = device
        self._settings = settings
        self._stack = stack
        self._emit: Emit = _nobody
        self._info = Info(device, settings.id)
        self._window = Window()
        self._wanted = settings.open
        self._turned = asyncio.Event()
        self._attempts: asyncio.Task[None] | None = None
        self._phase: LinkPhase | None = None
        self._delay = FIRST_DELAY
        self._opened_at = float("inf")
        self._sockets: dict[str, Socket] = {}
        self._closed = asyncio.Event()

    @property
    def _name(self) -> str:
        return f"{self._device}/{self.id}"

    # Keeping it open

    async def run(self, emit: Emit) -> None:
        """Keep it as it should be until cancelled; everything is closed then."""
        self._emit = emit
        self._info.start(emit)
        try:
            while True:
                self._turned.clear()
                if self._wanted:
                    self._closed.clear()
                    self._attempts = asyncio.create_task(self._keep_open())
                    await _ended(self._attempts)
                self._tell(LinkPhase.CLOSED)
                self._closed.set()
                await self._turned.wait()
        finally:
            self._tell(LinkPhase.CLOSED)
            self._info.stop()

    async def _keep_open(self) -> None:
        self._delay = FIRST_DELAY
        while True:
            await self._wait_for_network()
            self._tell(LinkPhase.CONNECTING)
            loop = asyncio.get_running_loop()
            self._opened_at = float("inf")
            try:
                await self._open()
            except CommandError as error:
                self._failed(str(error))
            except Exception:  # noqa: BLE001 - the next attempt may do better
                _LOG.exception("%s failed", self._name)
                self._failed("a defect of chiplink; see its log")
            if loop.time() - self._opened_at > STEADY:
                self._delay = FIRST_DELAY
            self._info.counters["reconnects"] += 1
            self._tell(LinkPhase.BACKOFF)
            await asyncio.sleep(self._delay * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load
            self._delay = min(self._delay * 2, MAX_DELAY)

    async def _wait_for_network(self) -> None:
        """Wait for it, and say what is in the way: first no chip, then no cable, no address."""
        while obstacle := self._stack.obstacle:
            self._failed(obstacle)
            self._tell(LinkPhase.BACKOFF)
            while obstacle == self._stack.obstacle:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(OBSTACLE_CHECK):
                        await self._stack.ready()
                        return

    async def _open(self) -> None:
        """Open it and serve it until it ends; raises CommandError with the reason."""
        settings = self._settings
        if settings.kind is Kind.TCP_SERVER:
            await self._listen()
            return
        host = await resolve(settings.host) if settings.host else ""
        if host != settings.host:
            _LOG.info("%s: %s is %s, as this host resolves it", self._name, settings.host, host)
        socket = await self._stack.connect(settings.endpoint(host))
        await self._serve(socket)

    async def _listen(self) -> None:
        listener = await self._stack.listen(self._settings.endpoint(""))
        self._opened(LinkPhase.LISTENING)
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    while True:
                        socket = await listener.accept()
                        group.create_task(self._serve_peer(socket))
                finally:
                    # Before its connections: else each one that ends lets another in.
                    await _bounded(listener.close())
        except* CommandError as errors:
            raise _first(errors) from None

    async def _serve_peer(self, socket: Socket) -> None:
        """Serve one connection of a server; its end is no error of the link's."""
        if not self._settings.allows(socket.peer):
            _LOG.warning("%s: %s may not connect", self._name, socket.peer)
            self._info.add("refused")
            await _bounded(socket.close())
            return
        try:
            await self._serve(socket)
        except CommandError as error:
            _LOG.info("%s: %s: %s", self._name, socket.peer, error)
        finally:
            if not self._sockets and self._phase is LinkPhase.OPEN:
                self._tell(LinkPhase.LISTENING)

    async def _serve(self, socket: Socket) -> None:
        name = socket.peer if self._settings.several else ""
        self._sockets[name] = socket
        self._note_peers()
        self._opened(LinkPhase.OPEN)
        try:
            if self._settings.kind.is_stream:
                await self._read_stream(socket)
            else:
                await self._read_datagrams(socket)
        finally:
            if self._sockets.get(name) is socket:  # a caller may be back from the same port
                del self._sockets[name]
            self._note_peers()
            await _bounded(socket.close())

    # What arrives

    async def _read_stream(self, socket: Socket) -> None:
        peer = socket.peer if self._settings.several else ""
        while True:
            await self._window.room()
            chunk = await socket.receive()
            if not chunk.data:
                raise ClosedError("the other side closed the connection")
            self._received(chunk.data, peer)

    async def _read_datagrams(self, socket: Socket) -> None:
        dropped = socket.dropped
        try:
            while True:
                chunk = await socket.receive()
                self._info.lost(socket.dropped - dropped)
                dropped = socket.dropped
                if self._passes(chunk):
                    self._received(chunk.data, chunk.peer if self._settings.several else "")
        finally:
            self._info.lost(socket.dropped - dropped)

    def _passes(self, chunk: Chunk) -> bool:
        """Whether a datagram may go on; what nobody could take is counted."""
        if chunk.peer and not self._settings.allows(chunk.peer):
            self._info.add("refused")
        elif self._window.full:
            self._info.add("dropped")
        else:
            return True
        return False

    def _received(self, data: bytes, peer: str) -> None:
        self._info.count("rx", len(data))
        taken = self._window.hand_out(len(data))
        self._emit(LinkData(self._device, self.id, data, peer, taken))

    # Commands

    def execute(self, verb: str, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        """Begin `tx` or `set`; raises CommandError."""
        if verb == "set":
            return self._set(request)
        if verb != "tx" or not isinstance(request.value, bytes):
            raise UnknownKeyError(f"{request.key!r} is no command of this device")
        socket = self._socket_for(request.peer)
        check_datagram(socket, request.value)
        return self._send(socket, request.value, request.peer, started)

    def _socket_for(self, peer: str) -> Socket:
        several = self._settings.several
        if several and not peer:
            raise BadPayloadError("this link has several peers: write tx/<ip>:<port>")
        if peer and not several:
            raise BadPayloadError("this link has one peer only: write tx")
        socket = self._sockets.get("" if self._settings.kind is Kind.UDP_SERVER else peer)
        if socket is not None:
            return socket
        if peer and self._sockets:
            raise ClosedError(f"{peer} is not connected")
        raise ClosedError(f"the link is not open: {self._why_closed()}")

    def _why_closed(self) -> str:
        if not self._wanted:
            return "it was closed by command" if self._settings.open else "it waits for OPEN"
        if self._phase is LinkPhase.LISTENING:
            return "nobody is connected"
        return self._info.last_error or "it is being opened"

    async def _send(self, socket: Socket, data: bytes, peer: str, started: Started) -> Outcome:
        if self._settings.kind.is_stream:
            peer = ""  # it says which connection, and that has one peer
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW, partial(started, int(SEND_DEADLINE * 1000)))
        try:
            async with asyncio.timeout(SEND_DEADLINE):
                level = await socket.send(data, peer)
        except TimeoutError:
            await _bounded(socket.close())
            raise OutcomeUnknownError(
                f"not all of it could be sent in {SEND_DEADLINE:g} s; the connection was closed"
            ) from None
        finally:
            slow.cancel()
        self._info.count("tx", len(data))
        return Outcome(value={"level": str(level), "bytes": len(data)})

    def _set(self, request: CommandRequest) -> Awaitable[Outcome]:
        """Turn it at once, and return what waits until that is done."""
        self._wanted = request.value == "OPEN"
        self._turned.set()
        if self._wanted:
            return _done()
        if self._attempts is not None and not self._attempts.cancelling():
            self._attempts.cancel()  # once: again it would break off the closing
        return self._wait_until_closed()

    async def _wait_until_closed(self) -> Outcome:
        try:
            async with asyncio.timeout(2 * CLOSE_DEADLINE):
                await self._closed.wait()
        except TimeoutError:
            raise OutcomeUnknownError("it takes long to close") from None
        if self._wanted:
            raise CancelledCommandError("it was opened again meanwhile")
        return Outcome()

    # What it says

    def _opened(self, phase: LinkPhase) -> None:
        self._info.last_error = ""
        self._opened_at = min(self._opened_at, asyncio.get_running_loop().time())
        self._tell(phase)

    def _failed(self, reason: str) -> None:
        if reason != self._info.last_error:
            _LOG.info("%s: %s", self._name, reason)
        self._info.last_error = reason

    def _note_peers(self) -> None:
        self._info.peers = sorted(socket.peer for socket in self._sockets.values() if socket.peer)
        self._info.changed()

    def _tell(self, phase: LinkPhase) -> None:
        if phase is not self._phase:
            self._phase = phase
            self._emit(LinkState(self._device, self.id, phase))
        self._info.publish()


class Links:
    """A device's links."""

    def __init__(self, device: str, settings: Iterable[LinkSettings], stack: Stack) -> None:
        self.by_name: dict[str, Link] = {each.id: Link(device, each, stack) for each in settings}

    async def run(self, emit: Emit) -> None:
        """Run every link until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self.by_name.values():
                group.create_task(link.run(emit))

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        """Begin a link's command; raises CommandError."""
        _word, _slash, rest = request.key.partition("/")
        name, _slash, verb = rest.partition("/")
        link = self.by_name.get(name)
        if link is None:
            raise UnknownKeyError(f"there is no link {name!r}")
        return link.execute(verb, request, started)


async def _done() -> Outcome:
    return Outcome()


async def _ended(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended; when cancelled meanwhile, end it."""
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _bounded(closing: Awaitable[None]) -> None:
    """Close, but not for longer than CLOSE_DEADLINE."""
    with contextlib.suppress(TimeoutError, CommandError):
        async with asyncio.timeout(CLOSE_DEADLINE):
            await closing


def _first(errors: BaseExceptionGroup[CommandError]) -> CommandError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, CommandError) else ClosedError(str(error))


def _nobody(_emission: Emission) -> None:
    """Before `run`, nobody listens."""
