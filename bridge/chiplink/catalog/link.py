"""What a link offers: what it is doing, a switch for it, and bytes to send.

In names, `{link}` stands for the link's own.
"""

from __future__ import annotations

from chiplink.catalog.row import Kind, Row, ValueType

MAX_DATA = 64 * 1024
"""Bytes of one `tx`."""

OPEN, CLOSE = "OPEN", "CLOSE"
"""Payloads of `set`."""

LINK_STATE = Row(
    key="state",
    kind=Kind.STATE,
    platform="sensor",
    type=ValueType.ENUM,
    options=("closed", "connecting", "open", "listening", "backoff"),
    name="Link {link} state",
    translation_key="link_state",
    icon="mdi:lan",
    category="diagnostic",
    device_class="enum",
)

LINK_SET = Row(
    key="set",
    kind=Kind.COMMAND,
    platform="switch",
    type=ValueType.ENUM,
    options=(OPEN, CLOSE),
    name="Link {link}",
    translation_key="link_set",
    icon="mdi:lan-connect",
    category="config",
    urgent=True,
)
"""As a switch it is off while the link is closed."""

LINK_TX = Row(
    key="tx",
    kind=Kind.COMMAND,
    platform="notify",
    type=ValueType.BYTES,
    name="Link {link} data",
    min=1,
    max=MAX_DATA,
)
"""No entity: its payload is any bytes, as they are."""

LINK_COMMANDS = {row.key: row for row in (LINK_SET, LINK_TX)}
"""What a link can be told, by the word in its topic."""


def link_of(key: str) -> str | None:
    """Return the link that a command's key belongs to, or None for a device's own."""
    return key.split("/")[1] if key.startswith("link/") else None


def link_rows(link: str) -> dict[str, Row]:
    """Return the rows of a link's commands by their keys in requests and results."""
    return {f"link/{link}/{word}": row for word, row in LINK_COMMANDS.items()}
