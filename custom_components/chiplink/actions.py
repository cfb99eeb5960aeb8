"""The table of actions: what each takes, and what it sends where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.helpers import config_validation as cv

from .mouse import mouse_actions
from .topics import NAME, PEER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_TEXT: Final = 10_000
MAX_KEYS: Final = 2000
MAX_HID: Final = 64
MAX_LINK_DATA: Final = 64 * 1024
MAX_AT: Final = 512
MAX_NAME: Final = 64

type Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action of the integration.

    `key` is the row that a device must have; a link's action has none and `path` instead.
    `value` is the field whose value the row bounds. `for_all` lets every user call it.
    `private` keeps the bridge's words out of exceptions: they may repeat what was sent.
    """

    name: str
    fields: dict[Any, Any]
    payload: Callable[[Data], bytes]
    key: str = ""
    path: str = ""
    value: str = ""
    for_all: bool = False
    private: bool = True


def _press(_data: Data) -> bytes:
    return b"PRESS"


def _field(name: str) -> Callable[[Data], bytes]:
    return lambda data: data[name].encode()


def _text(limit: int) -> Any:
    return vol.All(cv.string, vol.Length(min=1, max=limit))


def _hex(limit: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        try:
            data = bytes.fromhex(cv.string(value))
        except ValueError:
            raise vol.Invalid("hex digits, for example 01ff2a") from None
        if not 1 <= len(data) <= limit:
            raise vol.Invalid(f"1 to {limit} bytes")
        return data.hex()

    return check


def _chords(value: object) -> str:
    """Return chords separated by spaces, from a text or a list."""
    text = " ".join(map(cv.string, value)) if isinstance(value, list) else cv.string(value)
    if not 1 <= len(text.strip()) <= MAX_KEYS:
        raise vol.Invalid(f"1 to {MAX_KEYS} characters")
    return text.strip()


def _at(value: object) -> str:
    """Return one command line: printable ASCII, without what would begin another."""
    text = cv.string(value)
    if not 1 <= len(text) <= MAX_AT or not (text.isascii() and text.isprintable()) or ";" in text:
        raise vol.Invalid("one line of ASCII without a semicolon")
    return text


def _link(value: object) -> str:
    text = cv.string(value)
    if NAME.fullmatch(text) is None:
        raise vol.Invalid("the name of a link: a-z 0-9 _")
    return text


def _peer(value: object) -> str:
    text = cv.string(value)
    if PEER.fullmatch(text) is None:
        raise vol.Invalid("an address and port, for example 192.168.1.5:502")
    return text


def _bounded_text(value: object) -> str:
    text = cv.string(value)
    if not 1 <= len(text.encode()) <= MAX_LINK_DATA:
        raise vol.Invalid(f"1 to {MAX_LINK_DATA} bytes")
    return text


def _link_payload(data: Data) -> bytes:
    text: str | None = data.get("text")
    return bytes.fromhex(data["hex"]) if text is None else text.encode()


_LINK_FIELDS: Final[dict[Any, Any]] = {vol.Required("link"): _link}

ACTIONS: Final = (
    Action(
        name="type_text",
        key="type",
        fields={vol.Required("text"): _text(MAX_TEXT)},
        payload=_field("text"),
        value="text",
    ),
    Action(
        name="type_secret",
        key="type_secret",
        fields={vol.Required("secret"): _text(MAX_NAME)},
        payload=_field("secret"),
        value="secret",
    ),
    Action(
        name="press_keys",
        key="keys",
        fields={vol.Required("keys"): _chords},
        payload=_field("keys"),
        value="keys",
    ),
    Action(
        name="mouse",
        key="mouse",
        fields={vol.Required("actions"): mouse_actions},
        payload=lambda data: json.dumps(data["actions"], separators=(",", ":")).encode(),
        private=False,
    ),
    Action(
        name="media_key",
        key="media",
        fields={vol.Required("key"): _text(MAX_NAME)},
        payload=_field("key"),
        value="key",
        private=False,
    ),
    Action(
        name="power_key",
        key="power",
        fields={vol.Required("key"): _text(MAX_NAME)},
        payload=_field("key"),
        value="key",
        private=False,
    ),
    Action(
        name="release_all",
        key="release_all",
        fields={},
        payload=_press,
        for_all=True,
        private=False,
    ),
    Action(name="cancel", key="cancel", fields={}, payload=_press, for_all=True, private=False),
    Action(
        name="send_hid",
        key="hid_out",
        fields={vol.Required("data"): _hex(MAX_HID)},
        payload=_field("data"),
    ),
    Action(
        name="link_send",
        path="tx",
        fields={
            **_LINK_FIELDS,
            vol.Exclusive("text", "data"): _bounded_text,
            vol.Exclusive("hex", "data"): _hex(MAX_LINK_DATA),
            vol.Optional("peer"): _peer,
        },
        payload=_link_payload,
    ),
    Action(
        name="link_open",
        path="set",
        fields=_LINK_FIELDS,
        payload=lambda _data: b"OPEN",
        private=False,
    ),
    Action(
        name="link_close",
        path="set",
        fields=_LINK_FIELDS,
        payload=lambda _data: b"CLOSE",
        private=False,
    ),
    Action(
        name="at_command",
        key="at",
        fields={vol.Required("command"): _at},
        payload=_field("command"),
    ),
)
"""Letting go is for everybody, as its buttons are; everything else is for administrators."""
