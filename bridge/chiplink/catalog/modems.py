"""What the modems offer, one as the other: SIM800, SIM7028, G series."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, PRESS, Chip, Kind, Row, ValueType

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
        translation_key="sim",
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
        translation_key="registration",
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
        translation_key="signal",
        category="diagnostic",
        device_class="signal_strength",
        state_class="measurement",
        unit="dBm",
    ),
    Row(
        key="operator",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="Operator",
        translation_key="operator",
        icon="mdi:antenna",
        category="diagnostic",
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
        key="imei",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="IMEI",
        translation_key="imei",
        icon="mdi:identifier",
        category="diagnostic",
        enabled=False,
    ),
    Row(
        key="restarts",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.INT,
        name="Restarts",
        translation_key="restarts",
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
        translation_key="urc",
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
        translation_key="at",
        icon="mdi:console-line",
        min=1,
        max=MAX_AT,
        enabled=False,
        expiry=COMMAND_EXPIRY,
    ),
    Row(
        key="reset",
        kind=Kind.COMMAND,
        platform="button",
        type=ValueType.ENUM,
        options=(PRESS,),
        name="Restart",
        translation_key="reset",
        category="config",
        device_class="restart",
        expiry=COMMAND_EXPIRY,
        urgent=True,
    ),
)

_ROWS = _STATES + _EVENTS + _COMMANDS

SIM7028 = Chip(id="sim7028", title="SIM7028", manufacturer="SIMCom", rows=_ROWS)
GSERIES = Chip(id="gseries", title="G series", manufacturer="KingcomTek", rows=_ROWS)
SIM800 = Chip(id="sim800", title="SIM800", manufacturer="SIMCom", rows=_ROWS)

MODEMS = (SIM7028, GSERIES, SIM800)
"""In the order of the documents."""
