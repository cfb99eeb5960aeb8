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


_OTHER_HOST = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def explain_hang_up(broker: Broker) -> str:
    """Return what a connection closed before any answer most likely means."""
    if broker.tls and broker.cert_file is None:
        return f"the broker {broker} hung up; does it want a client certificate? mqtt.cert_file"
    return f"the broker {broker} hung up before it answered"


def explain_rival(broker: Broker) -> str:
    """Return what connections that are soon closed again most likely mean."""
    return (
        f"the broker {broker} closes our connection again and again;"
        " is a second bridge running with this node's name?"
    )


def explain_reason(broker: Broker, reason: str) -> str:
    """Return a reason code in words."""
    return f"the broker {broker} {_REASONS.get(reason, f'ended the connection: {reason}')}"


def explain_exception(broker: Broker, error: BaseException) -> str:
    """Return what went wrong while connecting, in words."""
    if isinstance(error, ChiplinkError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return f"the broker's host name {broker.host!r} cannot be resolved"
    return f"the broker {broker}{_what_failed(broker, error)}"


def _what_failed(broker: Broker, error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return _what_tls_failed(error)
    if isinstance(error, ConnectionResetError) and broker.tls:
        return ": TLS failed; is this its TLS port?"
    if isinstance(error, ConnectionRefusedError):
        return " refuses connections; is it running?"
    if isinstance(error, TimeoutError):
        return " does not answer; check host, port and firewall"
    return f": {error}"


def _what_tls_failed(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f": TLS failed ({error.reason}); is this its TLS port?"
    if getattr(error, "verify_code", 0) in _OTHER_HOST:
        return ": its certificate is for another host; check mqtt.url"
    message = getattr(error, "verify_message", "") or "unverified"
    return f": its certificate does not verify ({message}); set mqtt.ca_file"
