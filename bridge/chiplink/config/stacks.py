"""What each chip's TCP/IP can hold: a row a chip, the only place that links are checked against."""

from __future__ import annotations

from dataclasses import dataclass

from chiplink.driver.sockets import Kind
from chiplink.protocol import at_sim800, at_sim7028, ch392

MAX_LINKS = 16
"""Links of a device, whatever its chip."""


@dataclass(frozen=True, slots=True)
class Buffers:
    """Memory that the sockets share: so many blocks of so many bytes, one at least each way."""

    blocks: int
    size: int


@dataclass(frozen=True, slots=True)
class Times:
    """What keep-alive can be: seconds of idle and interval, and how many questions at most."""

    idle: tuple[int, int]
    interval: tuple[int, int]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The limits of a chip's TCP/IP.

    `listener` counts the sockets that listening takes where a server has several peers; with
    one peer the listening socket becomes the connection, unless it `listens_apart`. A
    `ttl_max` of 0: it has none to set. `shared_keep_alive`: its times are the whole chip's.
    A UDP socket to one of `serving` would silently become a server. Links of the kinds in
    `alone` have no others beside them. `servers` counts those that can listen.
    """

    chip: str
    kinds: frozenset[Kind]
    sockets: int
    listener: int = 0
    listens_apart: bool = False
    servers: int | None = None
    alone: frozenset[Kind] = frozenset()
    local_ports: bool = True
    ttl_max: int = 255
    keep_alive_step: float = 1.0
    keeps_alive: bool = True
    keep_alive_times: Times | None = None
    shared_keep_alive: bool = False
    serving: frozenset[str] = frozenset()
    buffers: Buffers | None = None

    @property
    def peers_max(self) -> int:
        """Connections that one server can have at once."""
        return self.sockets - self.listener

    def sockets_for(self, peers: int) -> int:
        """Return how many sockets a link with so many peers takes."""
        return peers if peers == 1 and not self.listens_apart else peers + self.listener


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

_CLIENTS = frozenset({Kind.TCP_CLIENT, Kind.UDP})

SIM800 = Stack(
    chip="SIM800",
    kinds=_CLIENTS | {Kind.TCP_SERVER, Kind.UDP_SERVER},
    sockets=at_sim800.LINKS,
    listener=1,
    listens_apart=True,
    servers=1,
    alone=frozenset({Kind.UDP_SERVER}),
    ttl_max=0,
    keep_alive_times=Times((30, 7200), (30, 600), 9),
    shared_keep_alive=True,
)

SIM7028 = Stack(
    chip="SIM7028",
    kinds=_CLIENTS | {Kind.TCP_SERVER, Kind.UDP_SERVER},
    sockets=at_sim7028.LINKS,
    servers=at_sim7028.SERVERS,
    ttl_max=0,
    keep_alive_step=60.0,
    keep_alive_times=Times((60, 7200), (60, 7200), 10),
    shared_keep_alive=True,
)

GSERIES = Stack(
    chip="G series modem",
    kinds=_CLIENTS,
    sockets=1,
    local_ports=False,
    ttl_max=0,
    keeps_alive=False,
)

MODEMS = {"sim800": SIM800, "sim7028": SIM7028, "gseries": GSERIES}
"""The modems' by the name the configuration gives them."""
