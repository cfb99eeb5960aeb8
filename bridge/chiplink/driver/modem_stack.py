"""A modem's TCP/IP as a Stack: it outlives each connection to the modem, and each context."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiplink.driver.modem_server import ModemListener
from chiplink.driver.modem_sockets import ModemSocket
from chiplink.driver.sockets import Kind
from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    CommandError,
    OfflineError,
    UsageError,
)
from chiplink.protocol.at_events import Accepted, DataWaiting, Junk, Payload, PeerClosed
from chiplink.protocol.at_text import address, place_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Coroutine

    from chiplink.driver.modem_line import Line
    from chiplink.driver.modem_row import Bearing, Model
    from chiplink.driver.sockets import Endpoint, Listener, Socket
    from chiplink.protocol.at_events import Event

EPHEMERAL = (49152, 65535)
"""Ports for UDP links that must have one and were given none."""

DOUBTS = 3
"""Connections that fail in a row for a reason that may be the data context, until it is renewed."""

STOP_DEADLINE = 5.0
"""Seconds for what was begun on a line that is lost."""

NO_BORDERS = 'datagrams need mode = "push": fetched, their borders are lost in the modem'


class ModemStack:
    """A Stack on whatever line is attached."""

    def __init__(self, model: Model, bearing: Bearing, counters: Counter[str]) -> None:
        self.model = model
        self.bearing = bearing
        self.obstacle = "the modem is being looked for"
        self.doubts = 0
        self.on_doubt: Callable[[str], None] = _nobody
        self._counters = counters
        self._line: Line | None = None
        self._up = asyncio.Event()
        self._links: dict[int, ModemSocket] = {}
        self._listeners: dict[int, ModemListener] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_port = random.randint(*EPHEMERAL)  # noqa: S311 - keeps no secret

    # What the driver says

    def network_up(self, line: Line) -> None:
        """There is a data context."""
        self._line = line
        self.obstacle = ""
        self._up.set()

    def network_down(self, reason: str) -> None:
        """Nothing can be reached; what was open is over."""
        self.obstacle = reason
        self._line = None
        self._up.clear()
        links, self._links = self._links, {}
        listeners, self._listeners = self._listeners, {}
        for socket in links.values():
            socket.lose(reason)
        for listener in listeners.values():
            listener.lose(reason)

    def look_for_data(self) -> None:
        """Have each link look for data whose notice may have been lost."""
        for socket in self._links.values():
            socket.waits()

    def heard(self, event: Event) -> bool:
        """Take what the modem says of a link; False for anything else."""
        match event:
            case Accepted():
                self._accepted(event)
            case Payload() | DataWaiting() | PeerClosed():
                self._for_link(event)
            case Junk():
                self._garbled(event)
            case _:
                return False
        return True

    def _garbled(self, junk: Junk) -> None:
        """What is pushed behind a head that was garbled is no line: it is missing in a stream."""
        if not self.bearing.pull and not junk.data.isascii():
            for socket in self._links.values():
                socket.miss("bytes came that nothing announced: a part of the stream may be lost")

    def _for_link(self, event: Payload | DataWaiting | PeerClosed) -> None:
        socket = self._links.get(event.link or 0)
        if socket is None:
            if isinstance(event, Payload):
                self._counters["bytes_for_nobody"] += len(event.data)
        elif isinstance(event, Payload):
            socket.arrived(event)
        elif isinstance(event, DataWaiting):
            socket.waits()
        else:
            socket.closed(event.reason)

    def _accepted(self, event: Accepted) -> None:
        number = event.link or 0
        if number >= self._count:
            return  # a digit was garbled: there is no such link
        found = self._listeners.get(event.server or 0)
        # Who it is may be garbled: nobody can say whether such a caller is allowed.
        alone = address(event.peer)
        place = (alone, 0) if alone is not None else place_of(event.peer)
        if found is not None and place is not None:
            found.accepted(number, *place)
        elif self._line is not None:
            self.keep(self._close_stale(self._line, number))

    # What sockets ask

    def link_name(self, number: int) -> int | None:
        """Return a link's number as commands name it: None where there is one link only."""
        return number if self.bearing.several else None

    def keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Go on with what must not be left half done, whoever is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def occupy(self, socket: ModemSocket) -> None:
        """A link is this socket's from now on; whoever had it is over."""
        before = self._links.get(socket.number)
        if before is not None:
            before.end()
        self._links[socket.number] = socket

    def holds(self, socket: ModemSocket) -> bool:
        """Whether a link is this socket's."""
        return self._links.get(socket.number) is socket

    def release(self, socket: ModemSocket) -> bool:
        """Have a link's number be free; False if it was not this socket's any more."""
        if not self.holds(socket):
            return False
        del self._links[socket.number]
        return True

    def listens(self, listener: ModemListener) -> bool:
        """Whether a server is this listener's."""
        return self._listeners.get(listener.number) is listener

    def forget_listener(self, listener: ModemListener) -> None:
        """A server does not listen any more."""
        if self.listens(listener):
            del self._listeners[listener.number]

    async def stop(self) -> None:
        """Let end what was begun: with the line lost it ends by itself."""
        if self._tasks:
            _done, late = await asyncio.wait(list(self._tasks), timeout=STOP_DEADLINE)
            for task in late:
                task.cancel()

    # Stack

    async def ready(self) -> None:
        """Wait until there is a data context."""
        await self._up.wait()

    async def connect(self, endpoint: Endpoint) -> Socket:
        """Open a TCP connection or a UDP socket, on the first link that is free."""
        line = self._attached()
        endpoint = self._checked(endpoint)
        busy: list[int] = []
        while True:
            number = self._free_link(busy)
            socket = ModemSocket(self, line, number, endpoint)
            try:
                await self._open(socket)
            except BusyError:
                if number not in self._links:
                    # The modem has a connection there that nobody knows of.
                    await self._close_stale(line, number)
                busy.append(number)
                if len(busy) == self._count:
                    raise
            else:
                return socket

    async def _open(self, socket: ModemSocket) -> None:
        self._links[socket.number] = socket
        opening = self.keep(socket.open())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self.keep(self._abandon(opening, socket))
            raise
        except UsageError as error:
            self.release(socket)
            raise BadPayloadError(str(error)) from None
        except CommandError:
            self.release(socket)
            raise

    async def _abandon(self, opening: asyncio.Task[None], socket: ModemSocket) -> None:
        """Close what is being opened: before its result the link cannot be used again."""
        await asyncio.wait({opening})
        await socket.close()

    async def _close_stale(self, line: Line, number: int) -> None:
        try:
            exchange = await line.exchange(self.model.close(self.link_name(number)))
            if exchange.result is not None and not exchange.reply.error:
                await exchange.outcome()
        except CommandError:
            return  # the next attempt says more

    async def doubt(self, line: Line, number: int, words: str) -> None:
        """Close a link that may be open already; of several doubts in a row tell `on_doubt`."""
        await self._close_stale(line, number)
        self.doubts += 1
        if self.doubts % DOUBTS == 0:
            self.on_doubt(words)

    async def listen(self, endpoint: Endpoint) -> Listener:
        """Open a TCP server."""
        line = self._attached()
        if not self.model.servers or not self.bearing.several:
            raise BadPayloadError(f"a {self.model.title} has no server here")
        if not 1 <= endpoint.peers <= self._count:
            raise BadPayloadError(f"a server takes 1 to {self._count} peers, not {endpoint.peers}")
        self._check_common(endpoint)
        numbers = [each for each in range(self.model.servers) if each not in self._listeners]
        if not numbers:
            raise BusyError(f"a {self.model.title} has {self.model.servers} server(s), all in use")
        listener = ModemListener(self, line, numbers[0], endpoint)
        self._listeners[listener.number] = listener
        opening = self.keep(listener.open())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self.keep(self._stop_listening(opening, listener))
            raise
        except UsageError as error:
            self.forget_listener(listener)
            raise BadPayloadError(str(error)) from None
        except CommandError:
            # It may listen all the same, or one does that nobody knows of.
            await listener.close()
            raise
        return listener

    async def _stop_listening(self, opening: asyncio.Task[None], listener: ModemListener) -> None:
        await asyncio.wait({opening})
        await listener.close()

    # Inside

    @property
    def _count(self) -> int:
        return self.model.links if self.bearing.several else 1

    def _attached(self) -> Line:
        if self._line is None:
            raise OfflineError(self.obstacle)
        return self._line

    def _free_link(self, busy: list[int]) -> int:
        for number in range(self._count):
            if number not in self._links and number not in busy:
                return number
        raise BusyError(f"all {self._count} links of the modem are in use")

    def _checked(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint that this modem can have; BadPayloadError."""
        model, kind = self.model, endpoint.kind
        if kind not in (Kind.TCP_CLIENT, Kind.UDP, Kind.UDP_SERVER):
            raise BadPayloadError(f"a {model.title} does not connect a {kind}")
        if kind is Kind.UDP_SERVER and not model.everybody:
            if model.retarget is None:
                raise BadPayloadError(f"a {model.title} has no UDP socket for everybody")
            if self.bearing.several:
                raise BadPayloadError("a UDP socket for everybody must be the modem's only link")
        if kind is not Kind.TCP_CLIENT and self.bearing.pull:
            raise BadPayloadError(NO_BORDERS)
        if endpoint.local_port and not model.local_ports:
            raise BadPayloadError(f"a {model.title} chooses its own ports")
        self._check_common(endpoint)
        if model.everybody and kind is not Kind.TCP_CLIENT and not endpoint.local_port:
            return replace(endpoint, local_port=self._fresh_port())
        return endpoint

    def _check_common(self, endpoint: Endpoint) -> None:
        if endpoint.ttl is not None:
            raise BadPayloadError(f"a {self.model.title} has no ttl to set")
        wanted = endpoint.keep_alive
        if wanted is not None and wanted != self.bearing.keep_alive:
            raise BadPayloadError("keep_alive is the whole modem's: set it where it is opened")

    def _fresh_port(self) -> int:
        self._next_port += 1
        if self._next_port > EPHEMERAL[1]:
            self._next_port = EPHEMERAL[0]
        return self._next_port


def _nobody(_words: str) -> None:
    """Nobody can renew the context."""
