"""Why the broker cannot be had, in one line with the way out."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from chiplink.exceptions import ChiplinkError

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker

_REASONS = {
    "Not authorized": "refuses us; check user and password, and the broker's ACL",
    "Bad user name or password": "refuses user or password; check mqtt.url and password_file",
    "Bad authentication method": "wants another way to log in",
    "Unsupported protocol version": "does not speak this MQTT version; trying the other",
    "Client identifier not valid": "refuses the client id",
    "Session taken over": "gave our place to another client with the same id;"
    " is a second bridge running with this node's name?",
    "Server unavailable": "is not available; is it starting?",
    "Server busy": "is busy",
    "Banned": "has banned us",
    "Keep alive timeout": "heard nothing from us for too long",
    "Quota exceeded": "says that a quota is exceeded",
    "Packet too large": "refuses a message as too large",
}


def explain_reason(broker: Broker, reason: str) -> str:
    """Return a reason code in words."""
    return f"the broker {broker} {_REASONS.get(reason, f'ended the connection: {reason}')}"


def explain_exception(broker: Broker, error: BaseException) -> str:
    """Return what went wrong while connecting, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the broker {broker}: its certificate does not verify"
            f" ({error.verify_message}); set mqtt.ca_file"
        )
    if isinstance(error, ssl.SSLError):
        return f"the broker {broker}: TLS failed ({error.reason}); is this its TLS port?"
    if isinstance(error, ConnectionRefusedError):
        return f"the broker {broker} refuses connections; is it running?"
    if isinstance(error, socket.gaierror):
        return f"the broker's host name {broker.host!r} cannot be resolved"
    if isinstance(error, TimeoutError):
        return f"the broker {broker} does not answer; check host, port and firewall"
    if isinstance(error, ChiplinkError):
        return str(error)
    return f"the broker {broker}: {error}"
