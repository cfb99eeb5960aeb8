"""What drives a SIM800: its application note's chapters 3, 4, 7, 8 and 13 as a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.driver.modem_row import Address, Bearing, Model, Step
from chiplink.driver.sockets import Kind, Level
from chiplink.exceptions import BusyError, RefusedError
from chiplink.protocol import at_common
from chiplink.protocol import at_sim800 as at
from chiplink.protocol.at_errors import error_words
from chiplink.protocol.at_sim800_replies import read_ip, read_status

if TYPE_CHECKING:
    from chiplink.driver.sockets import Endpoint
    from chiplink.exceptions import CommandError
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome, Reply

_GONE = ("PDP DEACT", "IP INITIAL", "IP START")


def _keep_alive(bearing: Bearing) -> Command | None:
    wanted = bearing.keep_alive
    if wanted is None:
        return None
    return at.ciptka(
        on=True, idle=int(wanted.idle), interval=int(wanted.interval), count=wanted.count
    )


def _one_link(name: str) -> Step:
    """A setting of the mode of one link only."""
    return Step(build=lambda bearing: None if bearing.several else at.setting(name, 1))


UP = (
    # CIPMUX is legal in IP INITIAL only, and a lost context wants CIPSHUT.
    Step(build=lambda _bearing: at.cipshut()),
    Step(build=lambda bearing: at.setting("CIPMUX", int(bearing.several))),
    Step(build=lambda _bearing: at.setting("CIPMODE", 0), needed=False),
    Step(build=lambda _bearing: at.setting("CIPSPRT", 1), needed=False),
    Step(build=lambda bearing: at.setting("CIPQSEND", int(bearing.quick_send))),
    Step(build=lambda bearing: at.ciprxget_mode(pull=bearing.pull)),
    _one_link("CIPHEAD"),
    Step(build=lambda bearing: at.setting("CIPSRIP", int(not bearing.pull))),
    Step(build=_keep_alive, needed=False),
    Step(build=lambda _bearing: at_common.attach(on=True)),
    Step(build=lambda bearing: at.cstt(bearing.apn, bearing.user, bearing.password)),
    Step(build=lambda _bearing: at.ciicr()),
)


def _connect(link: int | None, endpoint: Endpoint) -> Command:
    kind = "TCP" if endpoint.kind is Kind.TCP_CLIENT else "UDP"
    if endpoint.kind is Kind.UDP_SERVER:
        # Extended UDP begins with some destination; each datagram then names its own.
        return at.cipstart(kind, NOWHERE, DISCARD, link)
    return at.cipstart(kind, endpoint.host, endpoint.port, link)


NOWHERE, DISCARD = "127.0.0.1", 9
"""Where a socket for everybody leads before it knows anybody."""


def _prepare(link: int | None, endpoint: Endpoint) -> tuple[Command, ...]:
    kind = "TCP" if endpoint.kind is Kind.TCP_CLIENT else "UDP"
    local = at.clport(kind, endpoint.local_port, link)
    if link is None and kind == "UDP":
        return (local, at.cipudpmode(int(endpoint.kind is Kind.UDP_SERVER)))
    return (local,)


def _connect_error(outcome: Outcome) -> CommandError:
    if "ALREADY" in outcome.text:
        return BusyError(f"the modem says {outcome.text}: this link is open already")
    return RefusedError(f"{error_words('CONNECT FAIL')}: no answer, or refused")


def _send(link: int | None, data: bytes, _peer: Address | None) -> Command:
    return at.cipsend(data, link)


def _is_lost(reply: Reply) -> bool:
    return read_status([*reply.lines, reply.final]).state in _GONE


def _serve(port: int, _server: int) -> Command:
    return at.cipserver(port)


SIM800 = Model(
    id="sim800",
    title="SIM800",
    names=re.compile(r"SIM ?[89]00|SIMCOM_SIM8|SIM8\d\d", re.IGNORECASE),
    registrations=("CREG", "CGREG"),
    tries="SPIC",
    needs_apn=True,
    logs_in=True,
    links=at.LINKS,
    servers=1,
    single=True,
    send_max=at.SEND_MAX,
    datagram_max=at.SEND_MAX,
    read_max=at.READ_MAX,
    up=UP,
    address=at.cifsr,
    read_address=lambda reply: read_ip(reply.final),
    lost=lambda bearing: at.cipstatus(several=bearing.several),
    is_lost=_is_lost,
    prepare=_prepare,
    connect=_connect,
    connect_error=_connect_error,
    close=lambda link: at.cipclose(link, quick=False),
    send=_send,
    tcp_level=Level.SENT,
    udp_level=Level.SENT,
    unacked=at.cipack,
    unread_stops_sends=True,
    retarget=lambda peer: at.cipudpmode(2, *peer),
    read=lambda link: at.ciprxget_read(link=link),
    serve=_serve,
    stop_serving=lambda _server: at.cipserver(None),
    peer_port=at.cipstatus_link,
)
"""The row."""
