"""TCP on the CH392 (sections 8.3.3 and 8.3.4): a connection, and a server's several."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from chiplink.driver.cancellation import to_the_end
from chiplink.driver.ch392_bus import StatusError
from chiplink.driver.ch392_socket import CLOSE_WAIT
from chiplink.driver.sockets import Chunk, Level
from chiplink.exceptions import (
    BadPayloadError,
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
)
from chiplink.protocol.ch392 import BLOCK_SIZE, Protocol, SocketState, Status, TcpState
from chiplink.protocol.ch392_commands import (
    get_remot_ipp_sn,
    get_socket_status_sn,
    set_dest_port_sn,
    set_ip_addr_sn,
    set_keep_live_sn,
    set_proto_type_sn,
    set_sour_port_sn,
    set_ttl,
    tcp_connect_sn,
    tcp_disconnect_sn,
    tcp_listen_sn,
)
from chiplink.protocol.ch392_replies import read_peer, read_socket_status

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from chiplink.driver.ch392_chip import Ch392Chip
    from chiplink.driver.ch392_pool import Lease
    from chiplink.driver.sockets import Endpoint

CONNECT_DEADLINE = 30.0
"""Seconds; the chip itself gives up earlier."""

RECEIPT_DEADLINE = 2.0
"""Seconds to a SEND_OK; then no more is known than that the chip has it."""

PACKET = BLOCK_SIZE
"""Bytes that surely are one packet: more may be several, whose SEND_OKs cannot be counted."""

LISTEN_TRIES = 3
"""Times LISTEN is sent to a socket that does not listen then."""

QUIET = 1.0
"""Seconds after which a SEND_OK no longer belongs to packets sent before."""


class TcpSocket:
    """A Socket over an established connection."""

    def __init__(self, lease: Lease, peer: str, local_port: int) -> None:
        self._lease = lease
        self._socket = lease.socket
        self.window = lease.write_limit(Protocol.TCP)
        self._many_sent_at = float("-inf")
        self._closing: asyncio.Task[None] | None = None
        self.peer = peer
        self.local_port = local_port
        self.datagram_limit: int | None = None
        self.dropped = 0

    async def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Level:
        """Write all of it, a send buffer at a time."""
        _unaddressed(peer)
        try:
            await self._socket.wait_free()
        except (DeadlineError, OutcomeUnknownError) as error:
            raise ClosedError(str(error)) from None
        now = asyncio.get_running_loop().time()
        one_packet = len(data) <= PACKET and now - self._many_sent_at > QUIET
        for at in range(0, len(data), self.window):
            try:
                await self._socket.write(data[at : at + self.window])
            except (ClosedError, DeadlineError, OfflineError) as error:
                if not at:
                    raise ClosedError(str(error)) from None
                raise OutcomeUnknownError(f"{error}, {at} of {len(data)} bytes in") from None
        if not one_packet:
            self._many_sent_at = asyncio.get_running_loop().time()
        return await self._receipt(one_packet=one_packet) if confirm else Level.ACCEPTED

    async def _receipt(self, *, one_packet: bool) -> Level:
        """Say `sent` if SEND_OK came: section 5.16 says no more than that the packet went out."""
        try:
            await self._socket.wait_taken()
        except CommandError as error:
            raise OutcomeUnknownError(str(error)) from None
        if not one_packet:
            return Level.ACCEPTED
        try:
            async with asyncio.timeout(RECEIPT_DEADLINE):
                came = await self._socket.wait_receipt()
        except TimeoutError:
            self._many_sent_at = asyncio.get_running_loop().time()  # its SEND_OK may come yet
            return Level.ACCEPTED
        if not came:
            raise OutcomeUnknownError(str(self._socket.error))
        return Level.SENT

    async def receive(self) -> Chunk:
        """Read what waits in the chip; until then it stays there and closes the window."""
        try:
            return Chunk(await self._socket.read())
        except CommandError as error:
            raise ClosedError(str(error)) from None

    async def close(self) -> None:
        """Let go out what was written, disconnect, close; once, whoever asks for it."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            if self._socket.error is None:
                await self._disconnect()
        finally:
            self._socket.end(ClosedError("it was closed"))
            await self._lease.give_back()

    async def _disconnect(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_WAIT):
                await self._socket.wait_free()
                await self._lease.chip.perform(tcp_disconnect_sn(self._socket.number))
                while self._socket.error is None:
                    await self._socket.changed()
        except (TimeoutError, CommandError):
            return


async def connect(lease: Lease, endpoint: Endpoint, local_port: int) -> TcpSocket:
    """Open a connection; raises CommandError, and the lease is to be given back then."""
    socket, number = lease.socket, lease.socket.number
    peer = f"{endpoint.host}:{endpoint.port}"
    await socket.open(
        set_proto_type_sn(number, Protocol.TCP),
        set_ip_addr_sn(number, endpoint.host),
        set_dest_port_sn(number, endpoint.port),
        set_sour_port_sn(number, local_port),
    )
    await after_open(lease.chip, number, endpoint)
    if endpoint.keep_alive is not None:
        await lease.chip.tell(set_keep_live_sn(number, on=True))
    await lease.chip.perform(tcp_connect_sn(number))
    try:
        async with asyncio.timeout(CONNECT_DEADLINE):
            await socket.wait_connected()
    except (TimeoutError, DeadlineError, ClosedError) as error:
        if isinstance(error, ClosedError) and not socket.ended_well:
            raise  # not the other side's doing: the cable, the chip
        raise DeadlineError(
            f"no connection to {peer}: no answer, or refused; the chip does not tell which"
        ) from None
    return TcpSocket(lease, peer, local_port)


async def after_open(chip: Ch392Chip, number: int, endpoint: Endpoint) -> None:
    """Set what must wait for OPEN (section 5.33)."""
    if endpoint.ttl is not None:
        await chip.tell(set_ttl(number, endpoint.ttl))


class TcpListener:
    """A Listener on a pool of sockets with one source port.

    One listens. By section 8.3.4 a connection goes to a closed socket with its port, by 5.22
    the listener itself becomes it: whichever reports CONNECT is the connection, and when no
    socket listens any more the next free one does.
    """

    def __init__(self, leases: list[Lease], endpoint: Endpoint) -> None:
        self._leases = {lease.socket.number: lease for lease in leases}
        self._endpoint = endpoint
        self._chip = leases[0].chip
        self._connected: set[int] = set()
        self._listening: int | None = None
        self._accepted: deque[TcpSocket] = deque()
        self._turned = asyncio.Event()
        self._error: CommandError | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.local_port = endpoint.local_port

    async def start(self) -> None:
        """Prepare every socket and listen on the first; raises CommandError."""
        for number, lease in self._leases.items():
            await self._chip.tell(*self._settings(number))
            lease.socket.on_change = self._news(number)
        await self._listen()

    def _settings(self, number: int) -> tuple[bytes, ...]:
        return (
            set_proto_type_sn(number, Protocol.TCP),
            set_sour_port_sn(number, self._endpoint.local_port),
        )

    async def accept(self) -> TcpSocket:
        """Wait for the next connection."""
        while not self._accepted:
            if self._error is not None:
                raise ClosedError(str(self._error))
            self._turned.clear()
            await self._turned.wait()
        return self._accepted.popleft()

    async def close(self) -> None:
        """Stop listening; sockets without a connection are given back, the others later."""
        await to_the_end(self._close())

    # Inside

    async def _close(self) -> None:
        self._closed = True
        self._fail(ClosedError("it was closed"))
        while self._accepted:
            await self._accepted.popleft().close()
        # The one that listens first: then nobody comes to the others any more.
        for number in sorted(self._leases, key=lambda each: each != self._listening):
            if number not in self._connected:
                await self._give_up(number)
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _give_up(self, number: int) -> None:
        """Give a socket back that waits; somebody may have come to it since it was looked at."""
        lease = self._leases[number]
        lease.socket.end(ClosedError("it was closed"))
        if number != self._listening:
            with contextlib.suppress(CommandError):
                (state,) = await self._chip.read(get_socket_status_sn(number))
                if read_socket_status(state).state == SocketState.OPEN:
                    lease.socket.adopted()
        await lease.give_back()

    async def _listen(self) -> None:
        """Listen on a socket that is free, if any is and peers are wanted."""
        free = [number for number in self._leases if number not in self._connected]
        if self._closed or self._listening is not None or not free:
            return
        if len(self._connected) >= self._endpoint.peers:
            return
        number = free[0]
        self._listening = number
        socket = self._leases[number].renew()
        socket.on_change = self._news(number)
        await socket.open(*self._settings(number))
        await after_open(self._chip, number, self._endpoint)
        await self._begin_listening(number)

    async def _begin_listening(self, number: int) -> None:
        """Say it until the socket listens: a lost command's status is that of the one before."""
        for _attempt in range(LISTEN_TRIES):
            try:
                await self._chip.perform(tcp_listen_sn(number))
            except StatusError as error:
                if error.status != Status.ERR_ISCONN:
                    raise
            (state,) = await self._chip.read(get_socket_status_sn(number))
            if read_socket_status(state).tcp != TcpState.CLOSED:
                return
            self._chip.counters["commands_lost"] += 1

    def _news(self, number: int) -> Callable[[], None]:
        """Return what is to be called when a socket that waits for a connection has news."""

        def news() -> None:
            socket = self._leases[number].socket
            if number in self._connected or self._closed:
                return
            if socket.connected:  # it may have come and gone in one status
                self._connected.add(number)
                if number == self._listening:
                    self._listening = None
                self._begin(self._greet(number))
            elif socket.error is not None and number == self._listening:
                self._fail(socket.error)
            elif socket.error is not None:  # of somebody who never got through
                self._leases[number].renew().on_change = self._news(number)

        return news

    async def _greet(self, number: int) -> None:
        """Learn who it is, and make it a socket; too many peers are turned away."""
        lease = self._leases[number]
        state, peer = await self._chip.read(get_socket_status_sn(number), get_remot_ipp_sn(number))
        status = read_socket_status(state)
        lease.socket.adopted()
        stands = status.state == SocketState.OPEN and status.tcp != TcpState.LISTEN
        if self._is_over() or len(self._connected) > self._endpoint.peers or not stands:
            await self._release(number)
            return
        await after_open(self._chip, number, self._endpoint)
        if self._endpoint.keep_alive is not None:
            await self._chip.tell(set_keep_live_sn(number, on=True))
        if self._is_over():  # meanwhile
            await self._release(number)
            return
        lease.on_give_back = lambda: self._release(number)
        self._accepted.append(TcpSocket(lease, str(read_peer(peer)), self.local_port))
        self._turned.set()
        await self._listen()

    def _is_over(self) -> bool:
        return self._closed

    async def _release(self, number: int) -> None:
        """A connection has ended: its socket is free for the next."""
        lease = self._leases[number]
        await lease.close()
        self._connected.discard(number)
        if self._closed:
            await lease.give_back()
            return
        lease.renew().on_change = self._news(number)
        try:
            await self._listen()
        except CommandError as error:
            self._fail(error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CommandError):
            self._fail(error)
        elif error is not None:
            self._fail(OfflineError("a defect of chiplink; see its log"))

    def _fail(self, error: CommandError) -> None:
        if self._error is None:
            self._error = error
        self._turned.set()


def _unaddressed(peer: str) -> None:
    if peer:
        raise BadPayloadError("a connection has one peer; name none")
