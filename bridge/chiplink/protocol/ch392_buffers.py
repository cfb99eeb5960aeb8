"""How the CH392's 8 blocks of 536 bytes are shared out (section 5.34).

The chip does not check what it is told: two buffers may overlap, and then it mixes their data. So a
plan is checked before it goes there. A write is at most the send buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chiplink.exceptions import UsageError
from chiplink.protocol.ch392 import BLOCK_SIZE, BLOCKS, DATAGRAM_MAX, SOCKETS, Protocol
from chiplink.protocol.ch392_commands import set_recv_buf, set_send_buf

if TYPE_CHECKING:
    from collections.abc import Mapping


class Share(NamedTuple):
    """How many blocks a socket gets, to receive and to send."""

    receive: int
    send: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """Consecutive blocks."""

    start: int
    blocks: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.blocks * BLOCK_SIZE

    @property
    def numbers(self) -> range:
        """The numbers of its blocks."""
        return range(self.start, self.start + self.blocks)


@dataclass(frozen=True, slots=True)
class SocketBuffers:
    """A socket's two buffers."""

    socket: int
    receive: Buffer
    send: Buffer

    def write_limit(self, protocol: Protocol) -> int:
        """Return how many bytes one write may have; a datagram is one packet."""
        return self.send.size if protocol is Protocol.TCP else min(self.send.size, DATAGRAM_MAX)


@dataclass(frozen=True, slots=True)
class Plan:
    """The buffers of all sockets that are used, checked on construction: UsageError."""

    sockets: tuple[SocketBuffers, ...]

    def __post_init__(self) -> None:
        taken: dict[int, str] = {}
        for each in self.sockets:
            if not 0 <= each.socket < SOCKETS:
                raise UsageError(f"there is no socket {each.socket}, only 0 to {SOCKETS - 1}")
            for name, buffer in (("receive", each.receive), ("send", each.send)):
                _take(taken, f"socket {each.socket}'s {name} buffer", buffer)

    def commands(self) -> list[bytes]:
        """Return the commands that set it, after INIT and before any OPEN."""
        return [
            command
            for each in self.sockets
            for command in (
                set_recv_buf(each.socket, each.receive.start, each.receive.blocks),
                set_send_buf(each.socket, each.send.start, each.send.blocks),
            )
        ]

    def of(self, socket: int) -> SocketBuffers:
        """Return a socket's buffers; KeyError if it has none."""
        for each in self.sockets:
            if each.socket == socket:
                return each
        raise KeyError(socket)


def even_shares(sockets: int) -> dict[int, Share]:
    """Return equal shares for the sockets 0 up; what is left over goes to receiving."""
    if not 1 <= sockets <= SOCKETS:
        raise UsageError(f"{sockets} sockets are asked for, the chip has {SOCKETS}")
    each, left = divmod(BLOCKS, 2 * sockets)
    return {socket: Share(each + (socket < left), each) for socket in range(sockets)}


def plan(shares: Mapping[int, Share]) -> Plan:
    """Lay shares out one behind the other; UsageError names what does not fit."""
    buffers = []
    at = 0
    for socket, share in sorted(shares.items()):
        if min(share) < 1:
            raise UsageError(f"socket {socket} needs at least one block each way, not {min(share)}")
        buffers.append(
            SocketBuffers(socket, Buffer(at, share.receive), Buffer(at + share.receive, share.send))
        )
        at += sum(share)
        if at > BLOCKS:
            raise UsageError(
                f"the buffers do not fit: up to socket {socket} they need {at} blocks of"
                f" {BLOCK_SIZE} bytes ({_shares(shares)}), the chip has {BLOCKS}"
            )
    return Plan(tuple(buffers))


def _shares(shares: Mapping[int, Share]) -> str:
    return ", ".join(
        f"socket {socket}: {share.receive} to receive and {share.send} to send"
        for socket, share in sorted(shares.items())
    )


def _take(taken: dict[int, str], name: str, buffer: Buffer) -> None:
    """Mark a buffer's blocks as taken; UsageError if there are none, or another has them."""
    if buffer.blocks < 1:
        raise UsageError(f"{name} has no blocks")
    for number in buffer.numbers:
        if not 0 <= number < BLOCKS:
            raise UsageError(f"{name} reaches block {number}, there are 0 to {BLOCKS - 1}")
        if number in taken:
            raise UsageError(f"{name} overlaps {taken[number]} in block {number}")
        taken[number] = name


DEFAULT = Plan(
    (
        SocketBuffers(0, Buffer(0, 2), Buffer(2, 2)),
        SocketBuffers(1, Buffer(4, 2), Buffer(6, 2)),
    )
)
"""What the chip has after INIT. The manual's table shows end indices where it says counts."""
