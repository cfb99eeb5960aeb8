"""What the modems offer, one as the other: SIM800, SIM7028, G series."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, Chip, Kind, Row, ValueType, restart, text_state

SIM_STATES = ("ready", "pin", "puk", "missing", "busy", "failed")
"""The card, as CPIN tells it."""

REGISTRATIONS = ("none", "searching", "home", "roaming", "denied", "unknown")
"""The network, as CREG or CEREG tells it (3GPP TS 27.007, 7.2)."""

COMMAND_EXPIRY = 60
"""Seconds a command may wait: later, what it asked for is of no interest any more."""

MAX_AT = 556
"""Characters of a command line (SIM800's AT manual)."""

_STATES = (
    Row(
        key="sim",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.ENUM,
        options=SIM_STATES,
        name="SIM",
        icon="mdi:sim",
        category="diagnostic",
        device_class="enum",
    ),
    Row(
        key="registration",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.ENUM,
        options=REGISTRATIONS,
        name="Registration",
        icon="mdi:radio-tower",
        category="diagnostic",
        device_class="enum",
    ),
    Row(
        key="signal",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.INT,
        name="Signal",
        category="diagnostic",
        device_class="signal_strength",
        state_class="measurement",
        unit="dBm",
    ),
    text_state("operator", "Operator", "mdi:antenna"),
    text_state("ip", "IP address", "mdi:ip-network"),
    text_state("imei", "IMEI", "mdi:identifier", enabled=False),
    Row(
        key="restarts",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.INT,
        name="Restarts",
        icon="mdi:restart",
        category="diagnostic",
        state_class="total_increasing",
    ),
    LAST_ERROR,
)

_EVENTS = (
    # A line that answers no command.
    Row(
        key="urc",
        kind=Kind.EVENT,
        platform="event",
        type=ValueType.JSON,
        event_types=("urc",),
        name="Unsolicited message",
        icon="mdi:message-alert-outline",
        category="diagnostic",
        enabled=False,
    ),
)

_COMMANDS = (
    Row(
        key="at",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.TEXT,
        name="AT command",
        icon="mdi:console-line",
        min=1,
        max=MAX_AT,
        enabled=False,
        expiry=COMMAND_EXPIRY,
    ),
    restart(COMMAND_EXPIRY),
)

_ROWS = _STATES + _EVENTS + _COMMANDS

SIM7028 = Chip(id="sim7028", title="SIM7028", manufacturer="SIMCom", rows=_ROWS)
GSERIES = Chip(id="gseries", title="G series", manufacturer="KingcomTek", rows=_ROWS)
SIM800 = Chip(id="sim800", title="SIM800", manufacturer="SIMCom", rows=_ROWS)

MODEMS = (SIM7028, GSERIES, SIM800)
"""In the order of the documents."""
