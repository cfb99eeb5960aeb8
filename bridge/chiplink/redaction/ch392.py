"""A CH392's commands and replies in words, without what its connections carry."""

from __future__ import annotations

from collections import deque

from chiplink.framing import Ch392Framer, FrameStatus, ch392_reply_length
from chiplink.protocol.ch392 import Command
from chiplink.protocol.ch392_command_words import command_name, number, socket_words
from chiplink.protocol.ch392_reply_words import reply_words
from chiplink.protocol.ch392_words import command_line, pieces
from chiplink.transport.tap import Direction

_HEAD = 4
"""Bytes of a WRITE before its data: code, socket, length."""


class Ch392Words:
    """A CH392's UART in words that hold nothing of what its sockets send and receive."""

    def __init__(self) -> None:
        self._framer = Ch392Framer()
        self._asked: deque[bytes] = deque()

    def feed(self, direction: Direction, data: bytes) -> list[tuple[bool, str]]:
        """Return a line for each packet or reply that `data` completes, with whether it is good."""
        return self._sent(data) if direction is Direction.OUT else self._received(data)

    def _sent(self, data: bytes) -> list[tuple[bool, str]]:
        if not any(data):
            return [(True, f"{len(data)} zero bytes: what the chip still waits for is over")]
        lines = self._gave_up()
        for piece in pieces(data):
            if piece.why:
                lines.append((False, f"{len(data)} bytes that are no packet (redacted)"))
                continue
            length = ch392_reply_length(piece.command)
            if length:
                self._asked.append(piece.command)
                self._framer.expect(piece.command[0], length)
            lines.append((True, _told(piece.command) or command_line(piece)[1]))
        return lines

    def _gave_up(self) -> list[tuple[bool, str]]:
        """A new batch goes out only when the last was answered, or nobody waits for it."""
        lines = [
            (False, f"← {command_name(command[0])}: no reply, or not all of it")
            for command in self._asked
        ]
        self._asked.clear()
        self._framer.flush()
        return lines

    def _received(self, data: bytes) -> list[tuple[bool, str]]:
        lines = []
        for frame in self._framer.feed(data):
            if frame.status is not FrameStatus.OK or not self._asked:
                lines.append((False, f"{len(frame.payload)} bytes that nobody asked for"))
                continue
            command = self._asked.popleft()
            name = f"← {command_name(command[0])}"
            if command[0] == Command.READ_RECV_BUF_SN:
                lines.append((True, f"{name}: {len(frame.payload)} bytes (redacted)"))
            else:
                good, words = reply_words(command, frame.payload)
                lines.append((good, f"{name}: {words}"))
        return lines


def _told(command: bytes) -> str:
    """Return what is said of a command with data; empty for any other."""
    if command[0] != Command.WRITE_SEND_BUF_SN:
        return ""
    size = number(command[2:_HEAD])
    where = socket_words(command[1])
    return f"→ {command_name(command[0])}: {where}, {size} bytes (redacted)"
