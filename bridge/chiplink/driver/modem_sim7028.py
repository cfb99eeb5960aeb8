"""What drives a SIM7028: its application note's chapters 2 to 4 as a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.driver.modem_row import Address, Bearing, Model, Step
from chiplink.driver.sockets import Kind, Level
from chiplink.exceptions import BusyError, ChipError, DeadlineError, RefusedError
from chiplink.protocol import at_common
from chiplink.protocol import at_sim7028 as at
from chiplink.protocol.at_errors import error_words
from chiplink.protocol.at_replies import read_number
from chiplink.protocol.at_sim7028_replies import read_ip
from chiplink.protocol.at_text import integers

if TYPE_CHECKING:
    from chiplink.driver.sockets import Endpoint
    from chiplink.exceptions import CommandError
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome, Reply

_MINUTE = 60

ERRORS: dict[int, type[CommandError]] = {
    1: RefusedError,
    4: BusyError,
    6: RefusedError,
    8: BusyError,
    10: DeadlineError,
    11: RefusedError,
}
"""What each <err> of CIPOPEN means for who connects (5.2)."""


def _keep_alive(bearing: Bearing) -> Command | None:
    wanted = bearing.keep_alive
    if wanted is None:
        return None
    idle, interval = (max(1, round(each / _MINUTE)) for each in (wanted.idle, wanted.interval))
    return at.ctcpka(on=True, idle_min=idle, count=wanted.count, interval_min=interval)


def _context(bearing: Bearing) -> Command | None:
    # The modem makes context 0 by itself; some firmware has no other.
    return at_common.define_context(bearing.apn) if bearing.apn else None


UP = (
    Step(build=_context, needed=False),
    # Links of an earlier life are closed with their network; CIPMODE goes before NETOPEN.
    Step(
        build=lambda _bearing: at.netclose(),
        needed=False,
        sign=at.ipaddr,
        holds=lambda reply: bool(reply.error),
    ),
    Step(build=lambda _bearing: at.setting("CIPMODE", 0), needed=False),
    Step(build=lambda _bearing: at.setting("CIPSENDMODE", 1)),
    Step(build=lambda _bearing: at.setting("CIPHEAD", 1)),
    Step(build=lambda _bearing: at.setting("CIPSRIP", 1)),
    Step(build=lambda _bearing: at.cipccfg(receive_header=True)),
    Step(build=lambda bearing: at.ciprxget_mode(pull=bearing.pull)),
    Step(
        build=lambda _bearing: at.netopen(),
        sign=at.ipaddr,
        holds=lambda reply: not reply.error,
    ),
    Step(build=_keep_alive, needed=False),
)


def _connect(link: int | None, endpoint: Endpoint) -> Command:
    number = link or 0
    if endpoint.kind is Kind.TCP_CLIENT:
        local = endpoint.local_port or None
        return at.cipopen_tcp(number, endpoint.host, endpoint.port, local)
    return at.cipopen_udp(number, endpoint.local_port)


def _connect_error(outcome: Outcome) -> CommandError:
    found = integers(outcome.text)
    return ERRORS.get(found[-1] if found else 0, ChipError)(error_words(outcome.text))


def _send(link: int | None, data: bytes, peer: Address | None) -> Command:
    return at.cipsend(link or 0, data, peer)


def _is_lost(reply: Reply) -> bool:
    return read_number(reply.lines) == 0


SIM7028 = Model(
    id="sim7028",
    title="SIM7028",
    names=re.compile(r"SIM70\d\d", re.IGNORECASE),
    registrations=("CEREG",),
    tries="CPINR",
    needs_apn=False,
    links=at.LINKS,
    servers=at.SERVERS,
    send_max=1500,
    datagram_max=at.UDP_MAX,
    read_max=at.READ_MAX,
    everybody=True,
    up=UP,
    address=at.ipaddr,
    read_address=lambda reply: read_ip(reply.lines),
    lost=lambda _bearing: at.netopen_query(),
    is_lost=_is_lost,
    prepare=lambda _link, _endpoint: (),
    connect=_connect,
    connect_error=_connect_error,
    close=lambda link: at.cipclose(link or 0),
    send=_send,
    tcp_level=Level.ACKED,
    udp_level=Level.SENT,
    read=lambda link: at.ciprxget_read(link or 0),
    serve=at.serverstart,
    stop_serving=at.serverstop,
    stops_alone=True,
)
"""The row. With CIPSENDMODE=1 a send's result comes behind the TCP ACK (2.1.11)."""
