"""What a chip's TCP/IP offers, the same for every chip; links and streams stand on it.

A stack that is gone (the chip was reset, the port lost) ends its sockets: whoever waits
in one gets ClosedError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chiplink.exceptions import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Kind(StrEnum):
    """What a link is."""

    TCP_CLIENT = "tcp-client"
    TCP_SERVER = "tcp-server"
    UDP = "udp"
    UDP_SERVER = "udp-server"
    IPRAW = "ipraw"

    @property
    def is_stream(self) -> bool:
        """Whether bytes have no borders and wait for whoever is slow."""
        return self in (Kind.TCP_CLIENT, Kind.TCP_SERVER)


class Level(StrEnum):
    """How far what was sent is known to have got; each includes the one before."""

    ACCEPTED = "accepted"
    """The chip has it."""
    SENT = "sent"
    """It has left the chip."""
    ACKED = "acked"
    """The other side has acknowledged it."""


class Chunk(NamedTuple):
    """A piece of a stream, empty at its end, or one datagram and its sender, `ip:port`."""

    data: bytes
    peer: str = ""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Seconds of silence before the first question, seconds between questions, how many."""

    idle: float
    interval: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What is to be opened.

    `host` and `port` are the other side's; `port` is the protocol's number for IPRAW.
    `local_port` 0 is any. A server takes `peers` connections at once. `owner` is the link
    that sockets were set aside for; others take one that is free.
    """

    kind: Kind
    host: str = ""
    port: int = 0
    local_port: int = 0
    peers: int = 1
    keep_alive: KeepAlive | None = None
    ttl: int | None = None
    owner: str = ""


class Socket(Protocol):
    """An open connection or datagram socket; one task may send while another receives."""

    @property
    def peer(self) -> str:
        """The other side as `ip:port`, port 0 where that is unknown; empty for several."""

    @property
    def local_port(self) -> int:
        """The port on this side; 0 where it is not known."""

    @property
    def dropped(self) -> int:
        """Datagrams lost because nobody asked for them in time; a stream is ended instead."""

    @property
    def datagram_limit(self) -> int | None:
        """Bytes of the longest datagram; None for a stream, which takes any length."""

    @property
    def window(self) -> int:
        """Bytes the chip takes at once: a stream in multiples of it needs the fewest commands."""

    def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Awaitable[Level]:
        """Send all of `data`, waiting while the chip is full, and say how far it got.

        Without `confirm` it returns as soon as the chip has it: for streams, whose next
        bytes must not wait for a receipt. A failure that comes later ends the stream: the
        next call raises ClosedError.
        `peer` is needed where there may be several. Raises ClosedError (nothing of it was
        sent), OutcomeUnknownError (some or all of it may have been), TooLargeError,
        BadPayloadError for a peer that is none. Cancelled, what the chip was given already
        may still go, and the rest is never sent: close a stream then.
        """

    def receive(self) -> Awaitable[Chunk]:
        """Wait for the next piece or datagram; empty chunks are the end of a stream.

        What is not asked for stays in the chip, and its window closes, where it has one.
        Raises ClosedError with the reason when the socket was closed or lost. Cancelled,
        nothing is lost: the next call gets it.
        """

    def close(self) -> Awaitable[None]:
        """Close, in bounded time; harmless when it is closed.

        What was sent still goes out, as far as that time allows.
        """


class Listener(Protocol):
    """A listening TCP server."""

    @property
    def local_port(self) -> int:
        """The port it listens on."""

    def accept(self) -> Awaitable[Socket]:
        """Wait for the next connection; raises ClosedError when the listener is lost.

        Cancelled, nothing is lost. Who is too many may be let in and closed at once.
        """

    def close(self) -> Awaitable[None]:
        """Stop listening; connections live on. In bounded time, and harmless when closed."""


class Stack(Protocol):
    """The TCP/IP of a chip; it outlives losing and finding the chip again."""

    def ready(self) -> Awaitable[None]:
        """Wait, however long, until the network can be used."""

    @property
    def obstacle(self) -> str:
        """Why the network cannot be used now, in words; empty when it can."""

    def connect(self, endpoint: Endpoint) -> Awaitable[Socket]:
        """Open a TCP connection, a UDP or an IPRAW socket, in bounded time.

        Raises CommandError: OfflineError (no network), DeadlineError, RefusedError,
        BusyError (no socket is free), ChipError, BadPayloadError (what it cannot do).
        Cancelled, it leaves nothing open.
        """

    def listen(self, endpoint: Endpoint) -> Awaitable[Listener]:
        """Open a TCP server; raises as `connect` does."""


def check_datagram(socket: Socket, data: bytes) -> None:
    """Raise TooLargeError for what does not fit into one datagram."""
    limit = socket.datagram_limit
    if limit is not None and len(data) > limit:
        raise TooLargeError(f"{len(data)} bytes do not fit into one datagram; at most {limit}")
