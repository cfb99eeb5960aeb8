"""TLS to the broker: always verified."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chiplink.exceptions import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chiplink.mqtt.url import Broker


def make_context(broker: Broker) -> ssl.SSLContext:
    """Return a verifying context; raises BrokerError naming a file that is of no use."""
    with _naming("mqtt.ca_file", broker.ca_file):
        context = ssl.create_default_context(cafile=broker.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.cert_file is not None:
        with _naming("mqtt.cert_file and key_file", broker.cert_file):
            context.load_cert_chain(broker.cert_file, broker.key_file, _no_password)
    return context


@contextmanager
def _naming(key: str, path: str | None) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise BrokerError(f"{key}: {path} holds no usable PEM ({error.reason})") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BrokerError(f"{key}: {path} cannot be read: {why}") from error


def _no_password() -> str:
    """Refuse an encrypted key: asking for its password would block a daemon for ever."""
    raise ValueError("the key is encrypted")
