"""What a CH9329 offers: a keyboard for the computer on its USB side."""

from __future__ import annotations

from chiplink.catalog.row import LAST_ERROR, Chip, Kind, Row, ValueType, button, text_state

HID_EXPIRY = 30
"""Seconds a key press may wait: later, it would land in another window."""

MAX_TEXT = 10_000
"""Characters of one `type`, unless the configuration says otherwise."""

MAX_HID = 64
"""Bytes of a custom HID report (section 2.2.6)."""

MEDIA_KEYS = (
    "volume_up",
    "volume_down",
    "mute",
    "play_pause",
    "next_track",
    "previous_track",
    "cd_stop",
    "eject",
    "email",
    "www_search",
    "www_favourites",
    "www_home",
    "www_back",
    "www_forward",
    "www_stop",
    "www_refresh",
    "media_select",
    "explorer",
    "calculator",
    "screen_saver",
    "my_computer",
    "minimise",
    "record",
    "rewind",
)
"""Names of the media keys (appendix 1, part 2)."""

POWER_KEYS = ("power", "sleep", "wake")
"""Names of the ACPI keys (appendix 1, part 2)."""

_STATES = (
    Row(
        key="usb",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Computer",
        device_class="connectivity",
    ),
    Row(
        key="num_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Num Lock",
        icon="mdi:numeric",
        enabled=False,
    ),
    Row(
        key="caps_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Caps Lock",
        icon="mdi:apple-keyboard-caps",
    ),
    Row(
        key="scroll_lock",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Scroll Lock",
        icon="mdi:arrow-up-down",
        enabled=False,
    ),
    text_state("firmware", "Firmware", "mdi:chip"),
    LAST_ERROR,
)

_COMMANDS = (
    Row(
        key="type",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.TEXT,
        name="Type text",
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
        icon="mdi:keyboard-settings",
        min=1,
        max=2000,
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="type_secret",
        kind=Kind.COMMAND,
        platform="select",
        type=ValueType.ENUM,
        options=("none",),
        name="Type a secret",
        icon="mdi:form-textbox-password",
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="mouse",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.JSON,
        name="Mouse",
        icon="mdi:mouse",
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="media",
        kind=Kind.COMMAND,
        platform="select",
        type=ValueType.ENUM,
        options=MEDIA_KEYS,
        name="Media key",
        icon="mdi:play-pause",
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="power",
        kind=Kind.COMMAND,
        platform="select",
        type=ValueType.ENUM,
        options=POWER_KEYS,
        name="Power key",
        icon="mdi:power",
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="hid_out",
        kind=Kind.COMMAND,
        platform="notify",
        type=ValueType.BYTES,
        name="Custom HID to send",
        icon="mdi:usb",
        min=1,
        max=MAX_HID,
        enabled=False,
        expiry=HID_EXPIRY,
        gated=True,
    ),
    Row(
        key="hid_in",
        kind=Kind.EVENT,
        platform="event",
        type=ValueType.JSON,
        event_types=("report",),
        name="Custom HID received",
        icon="mdi:usb",
        enabled=False,
    ),
    button("release_all", "Release all keys", icon="mdi:keyboard-off", expiry=HID_EXPIRY),
    button("cancel", "Cancel typing", icon="mdi:cancel", expiry=HID_EXPIRY),
    Row(
        key="armed",
        kind=Kind.BOTH,
        platform="switch",
        type=ValueType.BOOL,
        name="Armed",
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
        icon="mdi:keyboard-variant",
        category="config",
    ),
)

CH9329 = Chip(
    id="ch9329",
    title="CH9329",
    manufacturer="WCH",
    rows=_STATES + _COMMANDS,
)
