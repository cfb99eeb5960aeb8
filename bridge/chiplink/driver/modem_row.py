"""The form of a modem's row: what drives one model and not another."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

    from chiplink.driver.sockets import Endpoint, KeepAlive, Level
    from chiplink.exceptions import CommandError
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome, Reply

Address = tuple[str, int]
"""A host and a port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """What the data context and the links are to be; `several` links or one."""

    apn: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    several: bool = True
    pull: bool = True
    quick_send: bool = False
    keep_alive: KeepAlive | None = None


class Remedy(Enum):
    """What is tried when the data context cannot be had, the milder first."""

    AGAIN = "again"
    """Close the context and bring it up anew."""
    RADIO = "radio"
    """Switch the radio off and on."""
    RESTART = "restart"
    """Restart the modem."""


REMEDIES = ((6, Remedy.RESTART), (3, Remedy.RADIO))
"""Each is taken at every so many failures in a row, the first that fits; else AGAIN."""


def remedy_for(failures: int) -> Remedy:
    """Return what to try after so many failures in a row."""
    return next((remedy for each, remedy in REMEDIES if failures % each == 0), Remedy.AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step on the way to a data context.

    `build` returns None where the step is not needed. Its later result must be good, where it
    has one. `needed`: its failure ends the attempt. `back` is sent after a failure, and the
    step is taken `tries` times. `sign` asks, while a result is late, for what it would bring;
    `holds` tells by the answer whether it has.
    """

    build: Callable[[Bearing], Command | None]
    needed: bool = True
    back: Callable[[], Command] | None = None
    tries: int = 1
    sign: Callable[[], Command] | None = None
    holds: Callable[[Reply], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of modem.

    `names` is found in what ATI and CGMM say. `registrations` are the commands that tell of the
    networks the data may go over: one that has the modem is enough, attaching does the rest.
    `tries` is the command that tells how often a PIN may be wrong.
    """

    id: str
    title: str
    names: re.Pattern[str]
    registrations: tuple[str, ...]
    tries: str
    needs_apn: bool
    logs_in: bool = False
    """Whether the access point is told a user and a password."""

    links: int
    servers: int = 0
    single: bool = False
    """Whether it knows a mode of one link, without numbers, beside the one of several."""
    pulls: bool = True
    """Whether received data can wait in the modem until it is asked for."""
    counted: bool = True
    """Whether a send tells its length; otherwise 1A and 1B cannot be carried."""
    send_max: int
    datagram_max: int
    read_max: int = 0
    local_ports: bool = True
    """Whether a client may choose its own port."""

    up: tuple[Step, ...]
    """From nothing, or whatever was left, to a data context."""
    address: Callable[[], Command]
    read_address: Callable[[Reply], str | None]
    lost: Callable[[Bearing], Command]
    """The question whether the context is still there …"""
    is_lost: Callable[[Reply], bool]
    """… and whether its answer says that it is not."""

    prepare: Callable[[int | None, Endpoint], Sequence[Command]]
    """What comes before connecting."""
    connect: Callable[[int | None, Endpoint], Command]
    connect_error: Callable[[Outcome], CommandError]
    """What a result that is none of success means."""
    doubtful: re.Pattern[str] | None = None
    """Such a result may as well mean that the link is open already, or the context gone."""
    close: Callable[[int | None], Command]
    send: Callable[[int | None, bytes, Address | None], Command]
    tcp_level: Level
    udp_level: Level
    unacked: Callable[[int | None], Command] | None = None
    """The question how much was sent and acknowledged (CIPACK)."""
    unread_stops_sends: bool = False
    """Whether a send may fail because received data was not read."""
    retarget: Callable[[Address], Command] | None = None
    """Where the next datagram goes, for a socket to everybody that cannot say it in a send."""
    everybody: bool = False
    """Whether any of its UDP links is open to everybody, and each send names its peer."""
    read: Callable[[int | None], Command] | None = None
    serve: Callable[[int, int], Command] | None = None
    """Open a server at a port, by its number."""
    stop_serving: Callable[[int], Command] | None = None
    peer_port: Callable[[int], Command] | None = None
    """The question for the port of who has connected, where the modem does not say it."""
    stops_alone: bool = False
    """Whether a server can stop only when its connections are closed."""
