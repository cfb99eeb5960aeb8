"""Events as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from chiplink.model import DeviceEvent


def encode_event(event: DeviceEvent) -> bytes:
    """Return an event's payload: its type and its data in one object."""
    kind = {"event_type": event.event_type}
    return msgspec.json.encode({**kind, **event.data, **kind})
