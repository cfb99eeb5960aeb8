"""TLS to the broker: always verified."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chiplink.mqtt.url import Broker


def make_context(broker: Broker) -> ssl.SSLContext:
    """Return a verifying context; raises OSError when a file cannot be read."""
    context = ssl.create_default_context(cafile=broker.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.cert_file is not None:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context
