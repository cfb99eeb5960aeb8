"""Names that several modules share."""

from __future__ import annotations

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "chiplink"

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NOTIFY,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]

CONF_NODE: Final = "node"
CONF_ALLOW_USERS: Final = "allow_users"

DOCUMENTATION: Final = "https://github.com/chiplink/chiplink/blob/main/docs/homeassistant.md"

BRIDGE: Final = "status"
"""The bridge's place among the devices: a word that no device can have."""

LINK_STATES: Final = ("closed", "connecting", "open", "listening", "backoff")
"""What a link can be; all but the first want to be open."""

LINK_KEYS: Final = frozenset({"link_state", "link_set"})
"""Translation keys of what belongs to a link: their texts name it."""
