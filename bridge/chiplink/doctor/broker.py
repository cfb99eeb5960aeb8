"""The broker, a step at a time: name, TCP, TLS, login, and what its ACL lets us do."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from typing import TYPE_CHECKING

from chiplink.doctor.context import Heard
from chiplink.doctor.finding import Finding, fail, ok, warn
from chiplink.exceptions import BrokerError
from chiplink.mqtt.failures import explain_exception
from chiplink.mqtt.message import Message
from chiplink.mqtt.tls import make_context
from chiplink.mqtt.topics import Topics
from chiplink.mqtt.visit import Visit

if TYPE_CHECKING:
    from chiplink.config import Config
    from chiplink.doctor.context import Context
    from chiplink.mqtt.url import Broker

CONNECT_DEADLINE = 5.0
"""Seconds to a TCP connection and through the TLS handshake."""

MQTT_5 = 5

_EXPIRED, _NOT_YET, _OTHER_HOST = (10,), (9,), (62, 64)
"""OpenSSL's verification errors (x509_vfy.h); all others are about the authority."""


def check(context: Context) -> list[Finding]:
    """Go as far as the broker lets us."""
    if context.config is None:
        return [warn("not looked at: the configuration is wrong", "correct it first")]
    broker = context.config.broker
    found: list[Finding] = []
    for step in (_name, _line):
        finding = step(broker)
        found.append(finding)
        if finding.fix:
            return found
    return found + asyncio.run(_talk(context, context.config))


def _name(broker: Broker) -> Finding:
    try:
        addresses = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        text = f"the broker's host name {broker.host!r} cannot be resolved"
        return fail(text, f"correct mqtt.url; try: getent hosts {broker.host}")
    shown = sorted({str(address[4][0]) for address in addresses})
    if shown == [broker.host]:
        return ok(f"{broker.host} is an address")
    return ok(f"{broker.host} is {', '.join(shown)}")


def _line(broker: Broker) -> Finding:
    try:
        tls = make_context(broker) if broker.tls else None
        with socket.create_connection((broker.host, broker.port), CONNECT_DEADLINE) as line:
            if tls is None:
                return ok(f"{broker} takes connections; without TLS")
            with tls.wrap_socket(line, server_hostname=broker.host) as secured:
                return ok(f"{broker} takes connections; {secured.version()}, verified")
    except (BrokerError, OSError) as error:
        return fail(explain_exception(broker, error), _way_in(broker, error))


def _way_in(broker: Broker, error: Exception) -> str:
    if isinstance(error, BrokerError):
        return "correct the file named, or chmod it so that the bridge's user can read it"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _way_to_trust(broker, error.verify_code)
    if isinstance(error, ssl.SSLError):
        return "correct mqtt.url: mqtts:// belongs to the broker's TLS port, usually 8883"
    return "on the broker's host: sudo systemctl status mosquitto; ss -ltn; and its firewall"


def _way_to_trust(broker: Broker, code: int) -> str:
    if code in _EXPIRED:
        return "renew the broker's certificate; is this host's clock right?"
    if code in _NOT_YET:
        return "set this host's clock: sudo timedatectl set-ntp true"
    if code in _OTHER_HOST:
        return "write into mqtt.url the host name that the certificate is for"
    if broker.ca_file is None:
        return 'ca_file = "/etc/chiplink/ca.pem" in [mqtt], the authority of the certificate'
    return f"mqtt.ca_file: {broker.ca_file} is not the authority of the broker's certificate"


async def _talk(context: Context, config: Config) -> list[Finding]:
    try:
        async with Visit(config.broker, "doctor") as visit:
            return [_login(config.broker), _version(visit.version), *await _ask(context, visit)]
    except BrokerError as error:
        return [fail(str(error), "check user, password_file and the broker's log")]


def _login(broker: Broker) -> Finding:
    return ok(f"logged in as {broker.user}" if broker.user else "logged in without a user")


def _version(version: int) -> Finding:
    if version == MQTT_5:
        return ok("MQTT 5")
    return warn(
        "MQTT 3.1.1: a live retained command cannot be told from another and runs once",
        "use a broker that speaks MQTT 5, mosquitto 1.6 or later",
    )


async def _ask(context: Context, visit: Visit) -> list[Finding]:
    """Publish a mark that comes back, and note what is retained before it."""
    config = context.config
    if config is None:
        return []
    topics = Topics(config.node)
    mark = f"{topics.responses}doctor-{secrets.token_hex(8)}"
    granted = await visit.subscribe([mark, *_filters(config, topics)])
    await visit.publish([Message(mark, b"mark", qos=1)])
    heard = granted[0] and await visit.hears(mark)
    birth = config.homeassistant.status_topic
    if heard and birth and context.listen:
        await visit.hears(birth, context.listen)
    retained = {one.topic: one.payload for one in visit.messages if one.retain}
    context.heard = Heard(retained, frozenset(visit.heard))
    if heard:
        return [ok(f"the broker lets us read and write {topics.everything}")]
    user = config.broker.user or "anonymous"
    return [
        fail(
            f"the broker does not let {user} read and write {topics.everything}",
            f"in the broker's ACL: user {user}, topic readwrite {topics.everything}",
        )
    ]


def _filters(config: Config, topics: Topics) -> list[str]:
    prefix = config.homeassistant.discovery_prefix
    filters = [topics.status, f"{prefix}/+/+/config", f"{prefix}/+/+/+/config"]
    birth = config.homeassistant.status_topic
    return [*filters, birth] if birth else filters
