"""What a CH9329 offers: a keyboard for the computer on its USB side."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, Chip, Kind, Row, ValueType

HID_EXPIRY = 30
"""Seconds a key press may wait: later, it would land in another window."""

MAX_TEXT = 10_000
"""Characters of one `type`, unless the configuration says otherwise."""

_STATES = (
    Row(
        key="usb",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Computer",
        translation_key="usb",
        category="diagnostic",
        device_class="connectivity",
    ),
    Row(
        key="num_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Num Lock",
        translation_key="num_lock",
        icon="mdi:numeric",
        enabled=False,
    ),
    Row(
        key="caps_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Caps Lock",
        translation_key="caps_lock",
        icon="mdi:apple-keyboard-caps",
    ),
    Row(
        key="scroll_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Scroll Lock",
        translation_key="scroll_lock",
        icon="mdi:arrow-up-down",
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

_COMMANDS = (
    Row(
        key="type",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.TEXT,
        name="Type text",
        translation_key="type",
        icon="mdi:keyboard",
        min=1,
        max=MAX_TEXT,
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="keys",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.TEXT,
        name="Press keys",
        translation_key="keys",
        icon="mdi:keyboard-settings",
        min=1,
        max=2000,
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="release_all",
        kind=Kind.COMMAND,
        platform="button",
        type=ValueType.ENUM,
        options=("PRESS",),
        name="Release all keys",
        translation_key="release_all",
        icon="mdi:keyboard-off",
        expiry=HID_EXPIRY,
        urgent=True,
    ),
    Row(
        key="cancel",
        kind=Kind.COMMAND,
        platform="button",
        type=ValueType.ENUM,
        options=("PRESS",),
        name="Cancel",
        translation_key="cancel",
        icon="mdi:cancel",
        expiry=HID_EXPIRY,
        urgent=True,
    ),
    Row(
        key="armed",
        kind=Kind.BOTH,
        platform="switch",
        type=ValueType.BOOL,
        name="Armed",
        translation_key="armed",
        icon="mdi:shield-key",
        expiry=HID_EXPIRY,
        urgent=True,
        urgent_value=False,
    ),
    Row(
        key="layout",
        kind=Kind.BOTH,
        platform="select",
        type=ValueType.ENUM,
        options=("us",),
        name="Keyboard layout",
        translation_key="layout",
        icon="mdi:keyboard-variant",
        category="config",
    ),
)

CH9329 = Chip(
    id="ch9329",
    title="CH9329",
    manufacturer="WCH (Nanjing Qinheng Microelectronics)",
    rows=_STATES + _COMMANDS,
)
