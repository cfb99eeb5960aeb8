"""A modem's TCP server as a Listener; connections are links of the modem like any other."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from chiplink.driver.modem_sockets import CLOSE_TRIES, ModemSocket
from chiplink.driver.sockets import Endpoint, Kind
from chiplink.exceptions import ClosedError, CommandError
from chiplink.protocol.at_sim800_replies import read_status

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from chiplink.driver.modem_line import Line
    from chiplink.driver.modem_stack import ModemStack


class ModemListener:
    """A Listener; `number` is the server's."""

    def __init__(self, stack: ModemStack, line: Line, number: int, endpoint: Endpoint) -> None:
        self.number = number
        self.local_port = endpoint.local_port
        self._stack = stack
        self._line = line
        self._peers = endpoint.peers
        self._connected: set[ModemSocket] = set()
        self._waiting: deque[ModemSocket] = deque()
        self._changed = asyncio.Event()
        self._reason = ""
        self._closing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to listen; raises CommandError."""
        serve = self._stack.model.serve
        if serve is None:  # the stack has looked
            raise ClosedError("this modem has no server")
        command = serve(self.local_port, self.number)
        if command.result is None:
            await self._line.ask(command)
        else:
            await self._line.outcome(command)

    async def accept(self) -> ModemSocket:
        """Wait for the next connection."""
        while not self._waiting:
            if self._reason:
                raise ClosedError(self._reason)
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def accepted(self, link: int, host: IPv4Address | IPv6Address, port: int) -> None:
        """Have a socket at once: data may be told of in the same read; port 0 is not known yet."""
        endpoint = Endpoint(
            kind=Kind.TCP_CLIENT,
            host=f"[{host}]" if isinstance(host, IPv6Address) else str(host),
            port=port,
            local_port=self.local_port,
        )
        socket = ModemSocket(self._stack, self._line, link, endpoint)
        self._stack.occupy(socket)
        self._connected.add(socket)
        socket.on_release = lambda: self._left(socket)
        # Counted now: of two at once the first is not too many.
        room = len(self._connected) <= self._peers
        self._stack.keep(self._introduce(socket, room=room))

    async def _introduce(self, socket: ModemSocket, *, room: bool) -> None:
        """Learn the peer's port where the modem keeps it back, and offer the socket."""
        question = self._stack.model.peer_port
        if question is not None and not socket.endpoint.port:
            with contextlib.suppress(CommandError):
                status = read_status((await self._line.ask(question(socket.number))).lines)
                port = status.links[0].port if status.links else None
                socket.endpoint = replace(socket.endpoint, port=port or 0)
        if self._reason or not room:
            await socket.close()
            return
        self._waiting.append(socket)
        self._changed.set()

    def _left(self, socket: ModemSocket) -> None:
        self._connected.discard(socket)
        if self._reason and not self._connected and self._stack.model.stops_alone:
            self._stack.keep(self._stop())

    def lose(self, reason: str) -> None:
        """It does not listen any more."""
        self._reason = self._reason or reason
        self._changed.set()

    async def close(self) -> None:
        """Stop listening; where a server ends only behind its connections, when the last is."""
        self.lose("the listener was closed")
        if self._closing is None:
            self._closing = self._stack.keep(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        while self._waiting:
            await self._waiting.popleft().close()
        if not (self._stack.model.stops_alone and self._connected):
            await self._stop()

    async def _stop(self) -> None:
        """Stop, and again if nobody knows whether it did: it would keep the next one out."""
        stop = self._stack.model.stop_serving
        try:
            for _attempt in range(CLOSE_TRIES):
                if stop is None or not self._stack.listens(self):
                    return
                with contextlib.suppress(CommandError):
                    if (await self._line.outcome(stop(self.number))).ok:
                        return
        finally:
            self._stack.forget_listener(self)
