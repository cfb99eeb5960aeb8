"""What drives a modem of the G series: its guide's recipe (section 9) as a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.driver.modem_row import Address, Bearing, Model, Step
from chiplink.driver.sockets import Kind, Level
from chiplink.exceptions import BadPayloadError, BusyError, DeadlineError, RefusedError
from chiplink.protocol import at_common
from chiplink.protocol import at_gseries as at
from chiplink.protocol.at_errors import GSERIES_CME_50, error_words

if TYPE_CHECKING:
    from chiplink.driver.sockets import Endpoint
    from chiplink.exceptions import CommandError
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome, Reply

TRIES = 2
"""Times that a step of the recipe is taken, with its way back between."""


def _context(bearing: Bearing) -> Command:
    return at_common.define_context(bearing.apn)


UP = (
    Step(build=lambda _bearing: at.cipshut(), needed=False),
    Step(
        build=lambda _bearing: at_common.attach(on=True),
        back=lambda: at_common.attach(on=False),
        tries=TRIES,
    ),
    Step(build=_context),
    Step(
        build=lambda _bearing: at_common.activate_context(on=True),
        back=lambda: at_common.activate_context(on=False),
        tries=TRIES,
    ),
    # Without it data cannot be told from lines.
    Step(build=lambda _bearing: at.ciphead(on=True)),
)


def _connect(_link: int | None, endpoint: Endpoint) -> Command:
    if endpoint.kind is Kind.UDP_SERVER:
        raise BadPayloadError("this modem has no socket for everybody")
    kind = "TCP" if endpoint.kind is Kind.TCP_CLIENT else "UDP"
    return at.cipstart(kind, endpoint.host, endpoint.port)


def _connect_error(outcome: Outcome) -> CommandError:
    if "ALREADY" in outcome.text:
        return BusyError(error_words(outcome.text))
    if outcome.text.startswith("COMMAND"):
        return DeadlineError(error_words(outcome.text))
    if outcome.text.startswith("+CME"):
        return RefusedError(f"{outcome.text} ({GSERIES_CME_50})")
    return RefusedError(error_words(outcome.text))


def _send(_link: int | None, data: bytes, _peer: Address | None) -> Command:
    return at.cipsend(data)


def _is_lost(reply: Reply) -> bool:
    return at.read_status(reply.lines) == "PDP DEACT"


GSERIES = Model(
    id="gseries",
    title="KingcomTek G series",
    names=re.compile(r"Kingcom|\bG35\d\d", re.IGNORECASE),
    registrations=("CREG", "CGREG"),
    tries="",
    needs_apn=True,
    links=1,
    single=True,
    pulls=False,
    counted=False,
    local_ports=False,
    send_max=at.SEND_MAX,
    datagram_max=at.SEND_MAX,
    up=UP,
    address=at.cifsr,
    read_address=lambda reply: at.read_ip(reply.lines),
    lost=lambda _bearing: at.cipstatus(),
    is_lost=_is_lost,
    prepare=lambda _link, _endpoint: (),
    connect=_connect,
    connect_error=_connect_error,
    doubtful=re.compile(r"\+CME ERROR"),
    close=lambda _link: at.cipclose(),
    send=_send,
    tcp_level=Level.ACCEPTED,
    udp_level=Level.ACCEPTED,
)
"""The row. OK behind a send means given to the stack, and nothing more is ever said (5)."""
