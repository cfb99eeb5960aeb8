"""What each chip's TCP/IP can hold: a row a chip, the only place that links are checked against."""

from __future__ import annotations

from dataclasses import dataclass

from chiplink.driver.sockets import Kind
from chiplink.protocol import ch392

MAX_LINKS = 16
"""Links of a device, whatever its chip."""


@dataclass(frozen=True, slots=True)
class Buffers:
    """Memory that the sockets share: so many blocks of so many bytes, one at least each way."""

    blocks: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The limits of a chip's TCP/IP.

    `listener` counts the sockets that listening takes where a server has several peers; with
    one peer the listening socket becomes the connection. `shared_keep_alive`: its times are
    the whole chip's. A UDP socket to one of `serving` would silently become a server.
    """

    chip: str
    kinds: frozenset[Kind]
    sockets: int
    listener: int = 0
    ttl_max: int = 255
    keep_alive_step: float = 1.0
    shared_keep_alive: bool = False
    serving: frozenset[str] = frozenset()
    buffers: Buffers | None = None

    @property
    def peers_max(self) -> int:
        """Connections that one server can have at once."""
        return self.sockets - self.listener

    def sockets_for(self, peers: int) -> int:
        """Return how many sockets a link with so many peers takes."""
        return peers if peers == 1 else peers + self.listener


CH392 = Stack(
    chip="CH392",
    kinds=frozenset(Kind),
    sockets=ch392.SOCKETS,
    listener=1,
    ttl_max=ch392.TTL_MAX,
    keep_alive_step=ch392.KEEP_ALIVE_STEP / 1000,
    shared_keep_alive=True,
    serving=frozenset({ch392.SERVER_ADDRESS}),
    buffers=Buffers(ch392.BLOCKS, ch392.BLOCK_SIZE),
)
