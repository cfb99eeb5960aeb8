"""What the bridge itself shows: a device of its own, so that its health is seen."""

from __future__ import annotations

from chiplink.catalog.row import Kind, Row, ValueType

BRIDGE_ROWS = (
    Row(
        key="status",
        kind=Kind.STATE,
        platform="binary_sensor",
        type=ValueType.BOOL,
        name="Connection",
        category="diagnostic",
        device_class="connectivity",
    ),
    Row(
        key="started",
        kind=Kind.STATE,
        platform="sensor",
        type=ValueType.TEXT,
        name="Started",
        category="diagnostic",
        device_class="timestamp",
    ),
)
"""`status` is the topic of that name; the other is a field of `health`."""
