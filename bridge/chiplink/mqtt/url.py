"""Where the broker is and how to get in."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from chiplink.exceptions import ConfigError

PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""Schemes and their usual ports."""

_RIGHT = "write mqtt://host, mqtts://user@host:8883, ws:// or wss://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker and the credentials for it; the password is never shown."""

    host: str
    port: int
    tls: bool = False
    path: str | None = None
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    allow_plain: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent never leaves this host."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_secure(self) -> bool:
        """Whether commands that come from it may arm a device."""
        return self.tls or self.is_loopback or self.allow_plain

    def __str__(self) -> str:
        """Host and port, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __repr__(self) -> str:
        """Like str(): a dataclass would show the password."""
        return f"Broker({self})"


def parse_broker(text: str) -> Broker:
    """Parse `mqtts://user@host:8883`; raises ConfigError with what would be right.

    No message repeats the text: it may hold a password.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise ConfigError([f"no broker; {_RIGHT}"]) from None
    if parts.scheme not in PORTS or parts.query or parts.fragment or " " in parts.netloc:
        raise ConfigError([f"no broker; {_RIGHT}"])
    if not host:
        raise ConfigError([f"no host; write {parts.scheme}://host"])
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigError(["the port is a number from 1 to 65535"])
    is_web = parts.scheme in ("ws", "wss")
    if not is_web and parts.path not in ("", "/"):
        raise ConfigError(["only ws:// and wss:// have a path"])
    return Broker(
        host=host,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme in ("mqtts", "wss"),
        path=(parts.path or "/mqtt") if is_web else None,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
