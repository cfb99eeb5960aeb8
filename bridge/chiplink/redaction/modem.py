"""A modem's line in words, without secrets, identities, and what its links carry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.framing import AtFramer, AtKind
from chiplink.protocol.at_query import SECRETS
from chiplink.protocol.at_urcs import KNOWN
from chiplink.protocol.at_words import explain
from chiplink.transport.tap import Direction

if TYPE_CHECKING:
    from chiplink.framing import AtFrame

_COMMAND = re.compile(rb"AT(?:\+([A-Z0-9]+))?[ -~]*\r", re.IGNORECASE)
_READ = re.compile(rb"AT\+CIPRXGET=[23],")
_SEND = re.compile(rb"AT\+CIPSEND(=(?!\?)|\r)")
_LINE = re.compile(rb"\+([A-Z0-9]+)(:|$)|[0-9](, ?)")
_PLAIN = re.compile(
    rb"(OK|ERROR|SIM[ _]?\w*[ \w.]*|Kingcom\w*|Revision:.*|Manufacturer:.*|Model:.*)$"
)
_SHOWN = frozenset({AtKind.FINAL, AtKind.URC, AtKind.PROMPT})
_LINES = frozenset({AtKind.LINE, AtKind.ECHO, AtKind.HEAD, AtKind.SENDER})
_SECRET = frozenset(name.encode() for name in SECRETS)
_HIDDEN = (_SECRET - {b"CPIN"}) | {b"CGSN"}
"""Names whose answers are left out; CPIN's says only how the card is."""


class ModemWords:
    """A modem's line in words; `model` is its name in the tables."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._framer = AtFramer()
        self._prompted = False

    def feed(self, direction: Direction, data: bytes) -> list[tuple[bool, str]]:
        """Return a line for each thing that `data` completes, with whether it is good."""
        return self._sent(data) if direction is Direction.OUT else self._received(data)

    def _sent(self, data: bytes) -> list[tuple[bool, str]]:
        prompted, self._prompted = self._prompted, False
        match = None if prompted else _COMMAND.fullmatch(data)
        if match is None:
            return [(True, f"→ {len(data)} bytes (redacted)")]
        self._framer.expect(prompt=bool(_SEND.match(data)), read=bool(_READ.match(data)))
        name = (match[1] or b"").upper()
        if name in _SECRET and b"=" in data:
            return [(True, f"→ AT+{name.decode()}=… (redacted)")]
        return explain(self._model, data)

    def _received(self, data: bytes) -> list[tuple[bool, str]]:
        lines = []
        for frame in self._framer.feed(data):
            if frame[0] == AtKind.PROMPT:
                self._prompted = True
            lines.append(self._told(frame))
        return lines

    def _told(self, frame: AtFrame) -> tuple[bool, str]:
        kind, data = frame
        if kind in (AtKind.PAYLOAD, AtKind.TORN):
            return kind == AtKind.PAYLOAD, f"← {len(data)} bytes (redacted)"
        if kind == AtKind.PROMPT:
            return True, "← >: the modem waits for data"
        if kind in _SHOWN or (kind in _LINES and _is_harmless(data)):
            return self._explained(data)
        good = kind in _LINES
        return good, f"← {'a line' if good else 'no line'} of {len(data)} bytes (redacted)"

    def _explained(self, data: bytes) -> tuple[bool, str]:
        found = explain(self._model, data + b"\r\n")
        return found[0] if len(found) == 1 else (True, f"← {data.decode('latin-1')}")


def _is_harmless(data: bytes) -> bool:
    """Whether a line is the modem's own, and tells no secret and nobody's identity."""
    if _COMMAND.fullmatch(data + b"\r"):
        match = _COMMAND.fullmatch(data + b"\r")
        return match is not None and (match[1] or b"").upper() not in _SECRET
    if match := _LINE.match(data):
        return (match[1] or b"") not in _HIDDEN
    return bool(_PLAIN.match(data) or KNOWN.match(data.decode("latin-1")))
