"""What a CH392 offers: a network of its own, apart from this host's."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, Chip, Kind, Row, ValueType

PHY_STATES = ("disconnected", "full_duplex", "half_duplex")
"""The cable, as GET_PHY_STATUS tells it (section 5.9); it is always 10 Mbit/s."""

DHCP_STATES = ("off", "asking", "bound", "failed")
"""`failed`: no server has answered; the chip goes on asking every 16 s (section 5.30)."""

COMMAND_EXPIRY = 30
"""Seconds a command may wait: later, it would cut connections that work again."""

_STATES = (
    Row(
        key="cable",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Cable",
        translation_key="cable",
        device_class="connectivity",
    ),
    Row(
        key="phy",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.ENUM,
        options=PHY_STATES,
        name="Link mode",
        translation_key="phy",
        icon="mdi:ethernet",
        category="diagnostic",
        device_class="enum",
        enabled=False,
    ),
    Row(
        key="dhcp",
        kind=Kind.BOTH,
        platform="sensor",
        type=ValueType.ENUM,
        options=DHCP_STATES,
        name="DHCP",
        translation_key="dhcp",
        icon="mdi:ip-network-outline",
        category="diagnostic",
        device_class="enum",
        button="New lease",
        expiry=COMMAND_EXPIRY,
    ),
    Row(
        key="ip",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="IP address",
        translation_key="ip",
        icon="mdi:ip-network",
        category="diagnostic",
    ),
    Row(
        key="gateway",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="Gateway",
        translation_key="gateway",
        icon="mdi:router-network",
        category="diagnostic",
        enabled=False,
    ),
    Row(
        key="netmask",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="Netmask",
        translation_key="netmask",
        icon="mdi:ip-network-outline",
        category="diagnostic",
        enabled=False,
    ),
    Row(
        key="dns",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="DNS servers",
        translation_key="dns",
        icon="mdi:dns-outline",
        category="diagnostic",
        enabled=False,
    ),
    Row(
        key="mac",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="MAC address",
        translation_key="mac",
        icon="mdi:identifier",
        category="diagnostic",
        enabled=False,
    ),
    Row(
        key="firmware",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="Firmware",
        translation_key="firmware",
        icon="mdi:chip",
        category="diagnostic",
    ),
    LAST_ERROR,
)

_EVENTS = (
    # Another device answers for the chip's address (section 5.11).
    Row(
        key="ip_conflict",
        kind=Kind.EVENT,
        platform="event",
        type=ValueType.JSON,
        event_types=("conflict",),
        name="Address conflict",
        translation_key="ip_conflict",
        icon="mdi:ip-network",
        category="diagnostic",
    ),
    # Somebody on the way says that a packet cannot be delivered (section 5.11).
    Row(
        key="unreachable",
        kind=Kind.EVENT,
        platform="event",
        type=ValueType.JSON,
        event_types=("unreachable",),
        name="Unreachable",
        translation_key="unreachable",
        icon="mdi:lan-disconnect",
        category="diagnostic",
        enabled=False,
    ),
)

_COMMANDS = (
    Row(
        key="reset",
        kind=Kind.COMMAND,
        platform="button",
        type=ValueType.ENUM,
        options=("PRESS",),
        name="Restart",
        translation_key="reset",
        category="config",
        device_class="restart",
        expiry=COMMAND_EXPIRY,
        urgent=True,
    ),
)

CH392 = Chip(
    id="ch392",
    title="CH392",
    manufacturer="WCH",
    rows=_STATES + _EVENTS + _COMMANDS,
)
