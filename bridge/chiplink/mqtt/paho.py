"""Our messages in paho-mqtt's terms, and back; MQTT 5 and 3.1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from chiplink.mqtt.message import Incoming, Message, Subscription
from chiplink.mqtt.tls import make_context

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

    from chiplink.mqtt.url import Broker

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311

MAX_PACKET = 4 * 1024 * 1024
"""Bytes of a message that the broker may send us."""

WINDOW = 20
"""Messages in flight at once; more is slower on mosquitto."""


def make_client(
    broker: Broker, client_id: str, will: Message | None, version: MQTTProtocolVersion
) -> Client:
    """Return a client that is ready to connect; raises BrokerError for unusable TLS files."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if version == V5 else True,
        protocol=version,
        transport="websockets" if broker.path is not None else "tcp",
        reconnect_on_failure=False,
    )
    if broker.path is not None:
        client.ws_set_options(path=broker.path)
    if broker.tls:
        client.tls_set_context(make_context(broker))
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    client.max_inflight_messages_set(WINDOW)
    client.max_queued_messages_set(WINDOW * 2)
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    return client


def connect_arguments(version: MQTTProtocolVersion) -> dict[str, Any]:
    """Return what a connect takes besides host and port."""
    if version != V5:
        return {}
    properties = _properties(PacketTypes.CONNECT)
    properties.MaximumPacketSize = MAX_PACKET
    return {"clean_start": True, "properties": properties}


def publish_properties(message: Message, version: MQTTProtocolVersion) -> Properties | None:
    """Return a message's properties, where there are any."""
    if version != V5 or (message.seq is None and message.correlation is None):
        return None
    properties = _properties(PacketTypes.PUBLISH)
    if message.seq is not None:
        properties.UserProperty = ("seq", str(message.seq))
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    return properties


def subscribe_options(item: Subscription, version: MQTTProtocolVersion) -> SubscribeOptions | int:
    """Return a filter's options; 3.1.1 knows only the quality of service."""
    if version != V5:
        return item.qos
    handling = (
        SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        if item.replay
        else SubscribeOptions.RETAIN_DO_NOT_SEND
    )
    return SubscribeOptions(
        qos=item.qos, noLocal=not item.own, retainAsPublished=True, retainHandling=handling
    )


def incoming(message: MQTTMessage) -> Incoming:
    """Return a received message as ours."""
    payload, properties = message.payload, message.properties
    if not isinstance(payload, bytes):
        payload = bytes(payload)
    if properties is None:
        return Incoming(_topic(message), payload, message.retain, message.timestamp)
    return Incoming(
        _topic(message),
        payload,
        message.retain,
        message.timestamp,
        getattr(properties, "MessageExpiryInterval", None),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
    )


def _topic(message: MQTTMessage) -> str:
    """Return the topic; one that is not UTF-8 matches nothing of ours."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
