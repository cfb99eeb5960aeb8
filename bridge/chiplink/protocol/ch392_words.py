"""A CH392's UART packets in words, and its replies where both sides were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chiplink.framing import CH392_STREAM, ch392_commands, ch392_reply_length
from chiplink.protocol.ch392_command_words import command_name, command_words, number
from chiplink.protocol.ch392_reply_words import reply_words
from chiplink.protocol.ch392_uart import SYNC

if TYPE_CHECKING:
    from chiplink.framing import Ch392Row

_COUNTED = 3


class Piece(NamedTuple):
    """A packet, or bytes that are none; `why` it is bad, else empty."""

    command: bytes
    why: str
    end: int


def explain(data: bytes) -> list[tuple[bool, str]]:
    """Return a line for each packet from the host in `data`, with whether it is good."""
    return [command_line(piece) for piece in pieces(data)]


def explain_exchange(sent: bytes, received: bytes) -> list[tuple[bool, str]]:
    """Return a line for each packet in `sent`, each with its reply from `received` behind it."""
    lines = []
    at = 0
    for piece in pieces(sent):
        lines.append(command_line(piece))
        length = 0 if piece.why else ch392_reply_length(piece.command)
        if length:
            lines.append(_reply_line(piece.command, received[at : at + length], length))
            at += length
    if at < len(received):
        lines.append((False, f"not a reply: {_hex(received[at:])}"))
    return lines


def pieces(data: bytes) -> list[Piece]:
    """Take a stream apart as the chip does: an argument that looks like a head is an argument."""
    pieces = []
    at = 0
    while at < len(data):
        start = data.find(SYNC, at)
        start = len(data) if start < 0 else start
        if start > at:
            pieces.append(Piece(b"", f"not a packet: {_hex(data[at:start])}", start))
        if start < len(data):
            pieces.append(_packet(data, start + len(SYNC)))
        at = pieces[-1].end
    return pieces


def _packet(data: bytes, start: int) -> Piece:
    if start == len(data):
        return Piece(b"", f"not a packet: {_hex(SYNC)} without a command", start)
    name = f"→ {command_name(data[start])}"
    row = ch392_commands().get(data[start])
    if row is None:
        following = data.find(SYNC, start)
        end = len(data) if following < 0 else following
        rest = f": {_hex(data[start + 1 : end])}" if end > start + 1 else ""
        return Piece(b"", f"{name}: there is no such command{rest}", end)
    args = data[start + 1 : start + 1 + row.least]
    if len(args) < row.least:
        return _short(name, args, row.least, len(data))
    if row.counts_arguments or row.counts_reply:
        return _counted(data, start, row, name)
    end = start + 1 + row.least
    return Piece(data[start:end], "", end)


def _counted(data: bytes, start: int, row: Ch392Row, name: str) -> Piece:
    begin = start + 1 + _COUNTED
    count = number(data[start + 2 : begin])
    if count > CH392_STREAM:
        return Piece(b"", f"{name}: {count} bytes, {CH392_STREAM} is the most", begin)
    end = begin + count if row.counts_arguments else begin
    if end > len(data):
        return _short(name, data[start + 1 :], end - start - 1, len(data))
    return Piece(data[start:end], "", end)


def _short(name: str, args: bytes, wanted: int, end: int) -> Piece:
    came = f": {_hex(args)}" if args else ""
    return Piece(b"", f"{name}: {len(args)} of {wanted} argument bytes{came}", end)


def command_line(piece: Piece) -> tuple[bool, str]:
    """Return a packet's line, and whether it is good."""
    if piece.why:
        return False, piece.why
    words = command_words(piece.command)
    return True, f"→ {command_name(piece.command[0])}{': ' if words else ''}{words}"


def _reply_line(command: bytes, reply: bytes, length: int) -> tuple[bool, str]:
    name = f"← {command_name(command[0])}"
    if len(reply) < length:
        came = f": {_hex(reply)}" if reply else ""
        return False, f"{name}: {len(reply)} of {length} bytes{came}"
    good, words = reply_words(command, reply)
    return good, f"{name}: {words}"


def _hex(data: bytes) -> str:
    return data.hex(" ").upper()
