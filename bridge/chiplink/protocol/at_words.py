"""A modem's transcript in words: what was asked, what was answered, and what came besides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chiplink.framing import AtFramer, AtKind
from chiplink.protocol.at_command import Ends, Form
from chiplink.protocol.at_errors import CLOSE_REASONS, GSERIES_CME_50, err_words, error_meaning
from chiplink.protocol.at_models import COMMANDS
from chiplink.protocol.at_replies import (
    REGISTERED_WORDS,
    read_registration,
    read_signal,
)
from chiplink.protocol.at_sim7028_replies import read_sent
from chiplink.protocol.at_text import integers, peer, values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.protocol.at_command import Row

Line = tuple[bool, str]
"""Whether it is good, and the words."""

SHOWN = 32
"""Bytes of a payload that are shown."""

BYTES: dict[int, tuple[str, str]] = {
    AtKind.PAYLOAD: ("← data", ""),
    AtKind.TORN: ("← data", ", the rest is missing"),
    AtKind.JUNK: ("not a line", ""),
    AtKind.BROKEN: ("a line without its end", ""),
}
"""What stands before and behind bytes that are no text."""

_COMMAND = re.compile(r"AT\+([A-Z0-9]+)(=\?|\?|=|)(.*)$", re.IGNORECASE | re.DOTALL)
_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f]{2}(?:[\s,:]*(?:0x)?[0-9A-Fa-f]{2})*\s*")
_WITH_DATA = re.compile(rb"\+IPD[^:]*:.*[^0-9\s]|\+CIPRCV:", re.DOTALL)
_BEFORE_PROMPT = re.compile(rb"(?<=\n)(?=>)")
_SECRET = re.compile(r"^(AT\+(?:CPIN|CLCK|CPWD|CSTT|CGAUTH|SAPBR)=).*", re.IGNORECASE)


def transcript(text: str) -> bytes:
    r"""Return the bytes of what was typed or recorded: hexadecimal pairs, or lines of text.

    A line of text gets a line end, a command a CR alone, a header with its data behind it nothing;
    `\r`, `\n` and `\xNN` stand for bytes, and half a surrogate pair for one that was no UTF-8. So
    a dialogue can be written as it is read: `AT+CSQ`, `+CSQ: 20,0`, `OK`.
    """
    if _HEX.fullmatch(text.strip()):
        return bytes.fromhex(re.sub(r"0x|[\s,:]", "", text))
    return b"".join(_ended(_unescaped(line)) for line in text.splitlines())


def explain(model: str, data: bytes) -> list[Line]:
    """Return a line for each thing in `data`, with whether it is good; KeyError for the model."""
    commands = COMMANDS[model]
    framer = AtFramer()
    lines = []
    for piece in _BEFORE_PROMPT.split(data):
        # What was pending is not known: every prompt and every read's header is taken for one.
        framer.expect(prompt=True, read=True)
        lines += [_line(model, commands, *frame) for frame in framer.feed(piece)]
    return lines + [_line(model, commands, *frame) for frame in framer.flush()]


def sim800(data: bytes) -> list[Line]:
    """Explain a SIM800's transcript."""
    return explain("sim800", data)


def sim7028(data: bytes) -> list[Line]:
    """Explain a SIM7028's transcript."""
    return explain("sim7028", data)


def gseries(data: bytes) -> list[Line]:
    """Explain a G series' transcript."""
    return explain("gseries", data)


def _line(model: str, commands: Mapping[str, Row], kind: int, data: bytes) -> Line:
    prefix, suffix = BYTES.get(kind, ("", ""))
    if prefix:
        return kind == AtKind.PAYLOAD, f"{prefix}: {_bytes(data)}{suffix}"
    text = data.decode("latin-1")
    if kind == AtKind.ECHO:
        return _command(commands, text)
    if kind == AtKind.PROMPT:
        return True, "← >: the modem waits for data"
    if kind == AtKind.SENDER:
        return True, f"← {text}: the data behind it comes from {peer(text.partition(':')[2])}"
    if kind == AtKind.HEAD:
        return True, f"← {text.rstrip(':')}: data follows"
    words = _words(model, text)
    return True, f"← {text}{': ' if words else ''}{words}"


def _command(commands: Mapping[str, Row], text: str) -> Line:
    shown = _SECRET.sub(r"\1…", text)
    match = _COMMAND.match(text)
    if match is None:
        return True, f"→ {shown}"
    row = commands.get(match[1].upper())
    if row is None:
        return True, f"→ {shown}: not of the documents"
    form = Form(match[2])
    letter = {Form.TEST: "t", Form.READ: "r", Form.WRITE: "w", Form.EXECUTE: "x"}[form]
    if letter not in row.forms:
        return False, f"→ {shown}: {row.name} has no such form ({row.section})"
    if form in (Form.TEST, Form.READ):
        return True, f"→ {shown}: asks; OK ends it ({row.section})"
    sets = f"; sets {row.sets}" if row.sets and form is Form.EXECUTE else ""
    ends = "OK ends it" if row.ends is Ends.OK else f"it ends with {row.ends.value}"
    return True, f"→ {shown}: {ends}, within {row.wait:g} s{sets} ({row.section})"


def _words(model: str, text: str) -> str:
    if text == "+CME ERROR: 50" and model == "gseries":
        return GSERIES_CME_50
    reader = WORDS.get(text.partition(":")[0])
    if reader:
        return reader(text)
    plain = re.sub(r"^\d, ?", "", text)
    return FIXED.get(plain) or error_meaning(plain)


def _signal(text: str) -> str:
    signal = read_signal([text])
    if signal is None:
        return ""
    return "no signal known" if signal.dbm is None else f"{signal.dbm} dBm, {signal.percent} %"


def _registration(text: str) -> str:
    found = read_registration([text])
    return REGISTERED_WORDS[found.state] if found else ""


def _cipsend(text: str) -> str:
    found = read_sent(text)
    if found is None:
        return ""
    good = "" if found.asked == found.confirmed else ": the socket is dead"
    return f"link {found.link}, {found.confirmed} of {found.asked} bytes{good}"


def _ciprxget(text: str) -> str:
    texts = values(text)
    if texts[:1] == ("1",):
        return "data waits, or the mode"
    return f"{texts[-1]} bytes wait" if texts[:1] == ("4",) else ""


def _ipclose(text: str) -> str:
    found = integers(text)
    return f"link {found[0]}, {CLOSE_REASONS.get(found[-1], 'closed')}" if found else ""


def _link_error(text: str) -> str:
    found = integers(text)
    if not found or len(found) != 2:  # noqa: PLR2004 (a link and an error)
        return ""
    return f"link {found[0]}, {err_words(found[1])}"


WORDS: dict[str, Callable[[str], str]] = {
    "+CSQ": _signal,
    "+CREG": _registration,
    "+CGREG": _registration,
    "+CEREG": _registration,
    "+CIPSEND": _cipsend,
    "+CIPRXGET": _ciprxget,
    "+IPCLOSE": _ipclose,
    "+CIPOPEN": _link_error,
}
"""For each name, what says its line in words."""

FIXED = {
    "OK": "done, or accepted",
    "RDY": "the modem has started: links and settings are gone",
    "CONNECT OK": "the link is open",
    "CONNECT": "transparent mode begins",
    "SEND OK": "the data was sent",
    "CLOSE OK": "the link is closed",
    "SHUT OK": "all links and the context are closed",
    "SERVER OK": "the server listens",
    "SERVER CLOSE": "the server does not listen any more",
    "Call Ready": "calls are possible",
    "SMS Ready": "messages are possible",
    "NORMAL POWER DOWN": "the modem switches itself off",
    "UNDER-VOLTAGE WARNNING": "the supply voltage is low",
    "UNDER-VOLTAGE POWER DOWN": "the modem switches itself off: the supply voltage is too low",
}
"""Other texts in words."""


def _ended(line: bytes) -> bytes:
    if line[:2].upper() == b"AT":
        return line + b"\r"
    return line if _WITH_DATA.match(line) else line + b"\r\n"


def _unescaped(line: str) -> bytes:
    data = line.encode("utf-8", "surrogateescape")
    data = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), data)
    return data.replace(b"\\r", b"\r").replace(b"\\n", b"\n")


def _bytes(data: bytes) -> str:
    unit = "byte" if len(data) == 1 else "bytes"
    if data and all(0x20 <= byte < 0x7F for byte in data[:SHOWN]):  # noqa: PLR2004 (ASCII)
        shown = f" {data[:SHOWN].decode('ascii')!r}"
    else:
        shown = f" {data[:SHOWN].hex(' ').upper()}" if data else ""
    return f"{len(data)} {unit}{shown}{' …' if len(data) > SHOWN else ''}"
