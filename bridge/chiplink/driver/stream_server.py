"""A TCP server on a chip as asyncio's Server; it outlives losing and finding the chip."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, NamedTuple

from chiplink.driver.stream_addresses import LOCAL, is_allowed
from chiplink.driver.stream_register import Connections
from chiplink.driver.stream_tls import begin_tls
from chiplink.driver.stream_transport import StreamTransport
from chiplink.exceptions import ClosedError, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from ipaddress import IPv4Network
    from typing import Any

    from chiplink.driver.sockets import Endpoint, Listener, Socket, Stack
    from chiplink.driver.stream_addresses import Address
    from chiplink.driver.stream_tls import Tls

_LOG = logging.getLogger(__name__)

FIRST_DELAY = 0.5
MAX_DELAY = 30.0
"""Seconds between attempts to listen again."""

STEADY = 10.0
"""Seconds it must have listened for the next attempt to come soon."""

CLOSE_DEADLINE = 5.0
"""Seconds for closing a listener, or the connection of somebody who may not connect."""


class ServerSocket(NamedTuple):
    """What a Server's `sockets` are good for here."""

    address: Address

    def getsockname(self) -> Address:
        """Return the address; the host is the chip's own, unknown here."""
        return self.address


class StreamServer(asyncio.AbstractServer):
    """Accepts connections until closed; `allow` are the networks that may connect, None all.

    `refused` counts who may not, `last_error` says why it does not listen.
    """

    def __init__(
        self,
        stack: Stack,
        endpoint: Endpoint,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        allow: tuple[IPv4Network, ...] | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.refused = 0
        self.last_error = ""
        self._loop = asyncio.get_running_loop()
        self._stack = stack
        self._endpoint = endpoint
        self._make_protocol = protocol_factory
        self._allow = allow
        self._tls = tls
        self._listener: Listener | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closed = False
        self._delay = FIRST_DELAY
        self._connections = Connections(self._note_change)
        self._greetings: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._forever: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Listen, and go on by itself then; raises CommandError when it cannot at first."""
        self._listener = await self._stack.listen(self._endpoint)
        self._serving = self._loop.create_task(self._serve())
        self._serving.add_done_callback(self._stopped)

    # As in asyncio

    @property
    def sockets(self) -> tuple[ServerSocket, ...]:
        """The address it listens on, while it does."""
        if self._listener is None or self._closed:
            return ()
        return (ServerSocket((LOCAL, self._listener.local_port)),)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return its loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether it listens now."""
        return bool(self.sockets)

    async def start_serving(self) -> None:
        """It serves from the beginning."""

    async def serve_forever(self) -> None:
        """Serve until cancelled, then close; cancelled by `close` too, as in asyncio."""
        if self._forever is not None or self._closed:
            raise RuntimeError("the server is closed, or somebody serves for ever already")
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._forever = None

    def close(self) -> None:
        """Stop listening; connections live on."""
        self._closed = True
        if self._serving is not None:
            self._serving.cancel()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
        self._note_change()

    def close_clients(self) -> None:
        """Close every connection, after sending what waits."""
        self._connections.close(in_order=True)

    def abort_clients(self) -> None:
        """Close every connection now."""
        self._connections.close(in_order=False)

    async def wait_closed(self) -> None:
        """Wait until it is closed and its last connection has ended."""
        while not self._is_over():
            self._changed.clear()
            await self._changed.wait()

    def _is_over(self) -> bool:
        stopped = self._serving is None or self._serving.done()
        return self._closed and stopped and not self._connections and not self._greetings

    def _stopped(self, _task: object) -> None:
        """Close a listener that was closed before anybody could be accepted."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._spawn(_bounded(listener))
        self._note_change()

    def _note_change(self, _task: object = None) -> None:
        self._changed.set()

    # Listening

    async def _serve(self) -> None:
        while True:
            begun = self._loop.time()
            if self._listener is not None:
                await self._accept_from(self._listener)
            if self._loop.time() - begun > STEADY:
                self._delay = FIRST_DELAY
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, MAX_DELAY)
            await self._listen_again()

    async def _accept_from(self, listener: Listener) -> None:
        """Accept until the listener is lost."""
        try:
            while True:
                self._greet(await listener.accept())
        except CommandError as error:
            self._failed(error)
        except Exception:  # noqa: BLE001 - the next listener may do better
            _LOG.exception("port %d: accepting failed", self._endpoint.local_port)
            self._failed(ClosedError("a defect of chiplink; see its log"))
        finally:
            self._listener = None
            await _bounded(listener)

    async def _listen_again(self) -> None:
        try:
            await self._stack.ready()
            self._listener = await self._stack.listen(self._endpoint)
            self.last_error = ""
        except CommandError as error:
            self._failed(error)
        except Exception:  # noqa: BLE001 - the next attempt may do better
            _LOG.exception("port %d: listening failed", self._endpoint.local_port)
            self._failed(ClosedError("a defect of chiplink; see its log"))

    def _failed(self, error: CommandError) -> None:
        if str(error) != self.last_error:
            _LOG.warning("port %d: %s", self._endpoint.local_port, error)
        self.last_error = str(error)

    # Who connects

    def _greet(self, socket: Socket) -> None:
        if not is_allowed(socket.peer, self._allow):
            self.refused += 1
            _LOG.warning("port %d: %s may not connect", self._endpoint.local_port, socket.peer)
            self._spawn(_bounded(socket))
            return
        transport = StreamTransport(socket)
        self._connections.note(transport)
        if self._tls is not None:
            self._spawn(self._secure(transport, self._tls))
            return
        try:
            transport.begin(self._make_protocol())
        except Exception as error:  # noqa: BLE001 - the protocol's; others may connect
            self._report(error, transport)

    async def _secure(self, transport: StreamTransport, tls: Tls) -> None:
        try:
            shown = await begin_tls(transport, self._make_protocol(), tls)
        except OSError as error:
            _LOG.info("%r: %s", transport, error)
        except Exception as error:  # noqa: BLE001 - the protocol's; others may connect
            self._report(error, transport)
        else:
            self._connections.show(transport, shown)
            return
        transport.abort()

    def _report(self, error: Exception, transport: StreamTransport) -> None:
        transport.abort()
        self._loop.call_exception_handler(
            {"message": "a connection could not begin", "exception": error, "transport": transport}
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)
        task.add_done_callback(self._note_change)


async def _bounded(what: Listener | Socket) -> None:
    """Close, but not for longer than CLOSE_DEADLINE."""
    with contextlib.suppress(TimeoutError, CommandError):
        async with asyncio.timeout(CLOSE_DEADLINE):
            await what.close()
