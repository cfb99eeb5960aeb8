"""TLS over a chip's connection; it is this host that speaks it."""

from __future__ import annotations

import asyncio
import errno
import ssl
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chiplink.driver.stream_transport import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.stream_transport import StreamTransport


class Tls(NamedTuple):
    """How to secure a connection; `hostname` is the server's, for the client."""

    context: ssl.SSLContext
    server_side: bool = False
    hostname: str | None = None


def client_tls(
    wanted: ssl.SSLContext | bool | None,  # noqa: FBT001 - as in asyncio
    server_hostname: str | None,
    host: str,
) -> Tls | None:
    """Return how to secure a connection to `host`; raises ValueError.

    `wanted` and `server_hostname` mean what they mean in asyncio: True verifies against
    the system's authorities, an empty name verifies no name.
    """
    if not wanted:
        if server_hostname is not None:
            raise ValueError("server_hostname is only meaningful with ssl")
        return None
    name = host if server_hostname is None else server_hostname
    if isinstance(wanted, ssl.SSLContext):
        return Tls(wanted, hostname=name)
    context = ssl.create_default_context()
    context.check_hostname = bool(name)
    return Tls(context, hostname=name)


async def begin_tls(
    transport: StreamTransport, protocol: asyncio.BaseProtocol, tls: Tls
) -> asyncio.Transport:
    """Shake hands, then tell `protocol` of its connection; returns its transport.

    Raises OSError (ssl.SSLError is one); `transport` is to be aborted then.
    """
    gate = _Gate(protocol)
    secured = await asyncio.get_running_loop().start_tls(
        transport,
        gate,
        tls.context,
        server_side=tls.server_side,
        server_hostname=tls.hostname,
    )
    if secured is None:
        raise ConnectionResetError(errno.ECONNRESET, "closed during the TLS handshake")
    secured.set_protocol(protocol)
    gate.open(secured)
    return secured


class _Gate(asyncio.Protocol):
    """Keeps what comes with the end of the handshake until the protocol has its transport.

    start_tls is made for a protocol that is connected already; this one is not yet.
    """

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._waiting: list[Callable[[], object]] | None = []

    def open(self, transport: asyncio.Transport) -> None:
        """Tell the protocol of its connection and all that was kept."""
        self._protocol.connection_made(transport)
        waiting, self._waiting = self._waiting or [], None
        for call in waiting:
            call()

    def data_received(self, data: bytes) -> None:
        self._pass(partial(hand_over, self._protocol, data))

    def eof_received(self) -> None:
        self._pass(getattr(self._protocol, "eof_received", _nothing))

    def connection_lost(self, exc: Exception | None) -> None:
        self._pass(partial(self._protocol.connection_lost, exc))

    def _pass(self, call: Callable[[], object]) -> None:
        if self._waiting is None:
            call()
        else:
            self._waiting.append(call)


def _nothing() -> None:
    """A protocol without an opinion about the end of a stream."""
