"""What a CH392 offers: a network of its own, apart from this host's."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, Chip, Kind, Row, ValueType, restart, text_state

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
        device_class="connectivity",
    ),
    Row(
        key="phy",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.ENUM,
        options=PHY_STATES,
        name="Link mode",
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
        icon="mdi:ip-network-outline",
        category="diagnostic",
        device_class="enum",
        button="New lease",
        expiry=COMMAND_EXPIRY,
    ),
    text_state("ip", "IP address", "mdi:ip-network"),
    text_state("gateway", "Gateway", "mdi:router-network", enabled=False),
    text_state("netmask", "Netmask", "mdi:ip-network-outline", enabled=False),
    text_state("dns", "DNS servers", "mdi:dns-outline", enabled=False),
    text_state("mac", "MAC address", "mdi:identifier", enabled=False),
    text_state("firmware", "Firmware", "mdi:chip"),
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
        icon="mdi:lan-disconnect",
        category="diagnostic",
        enabled=False,
    ),
)

_COMMANDS = (restart(COMMAND_EXPIRY),)

CH392 = Chip(
    id="ch392",
    title="CH392",
    manufacturer="WCH",
    rows=_STATES + _EVENTS + _COMMANDS,
)
