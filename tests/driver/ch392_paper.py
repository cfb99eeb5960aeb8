"""A CH392 on paper: answers byte by byte as the manual says, and keeps what it was told.

Nothing moves by itself: a test says what happens to a socket. It knows the sections 5 and 6.3
and nothing of the simulator, so that driver and simulator cannot agree on an error.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from chiplink.sim.ch392_events import CommandTaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.sim.events import Event

# The column of input data in the table of section 5; 28H and 55H are of the CH395.
ARGUMENTS = {
    0x01: 0,
    0x02: 3,
    0x05: 0,
    0x06: 1,
    0x21: 6,
    0x22: 4,
    0x23: 4,
    0x24: 4,
    0x26: 0,
    0x27: 0,
    0x28: 0,
    0x29: 0,
    0x2C: 0,
    0x2D: 1,
    0x2E: 1,
    0x2F: 1,
    0x30: 1,
    0x31: 5,
    0x32: 3,
    0x33: 3,
    0x34: 2,
    0x35: 1,
    0x36: 1,
    0x37: 1,
    0x38: 1,
    0x39: 3,
    0x3B: 1,
    0x3C: 3,
    0x3D: 1,
    0x3E: 2,
    0x40: 0,
    0x41: 1,
    0x42: 0,
    0x43: 0,
    0x51: 2,
    0x52: 3,
    0x53: 3,
    0x55: 4,
    0x56: 4,
    0x57: 4,
    0x58: 1,
    0x59: 2,
}
WITH_STATUS = (0x27, 0x35, 0x36, 0x37, 0x38, 0x3D, 0x41)
WRITE = 0x39
OPEN, CLOSED = 0x05, 0x00
LISTENING, ESTABLISHED, CLOSE_WAIT = 0x01, 0x04, 0x07
SENBUF_FREE, SEND_OK, RECV, CONNECT, DISCONNECT, TIM_OUT = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40


class PaperSocket:
    """What a socket would answer; `bits` wait to be read, `written` was given to it."""

    def __init__(self) -> None:
        self.bits = 0
        self.state = (CLOSED, 0)
        self.received = b""
        self.remote = bytes(6)
        self.written: list[bytes] = []


class PaperChip:
    """A peer of a MemoryPort; `said` are the commands in hex, as they came.

    `busy` is how often a command's status is BUSY first, `status` what it is then, by code.
    `answers` replace what a command answers. `early` are commands that came while BUSY.
    `after_write` are the bits that a WRITE brings by itself.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.early: list[str] = []
        self.busy = 1
        self.status: dict[int, int] = {}
        self.answers: dict[int, Callable[[bytes], bytes]] = {}
        self.on_command: Callable[[int, bytes], None] = lambda _code, _arguments: None
        self.sockets = [PaperSocket() for _ in range(4)]
        self.after_write = SENBUF_FREE | SEND_OK
        self.globals = 0
        self.phy = 0x02
        self.ip_inf = bytes.fromhex("C0 A8 01 3C C0 A8 01 01 FF FF FF 00 C0 A8 01 01 00 00 00 00")
        self.dhcp = 0
        self.int_low = False
        self._observers: list[Callable[[Event], None]] = []
        self._watchers: list[Callable[[int], None]] = []
        self._working = False
        self._left = 0
        self._result = 0
        self._held = b""
        self._send: Callable[[bytes], None] | None = None

    def observe(self, observer: Callable[[Event], None]) -> Callable[[], None]:
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def close(self) -> None:
        """Nothing is open."""

    # The far end of a line

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def detach(self) -> None:
        self._send = None

    def receive(self, data: bytes) -> None:
        self._held += data
        while (taken := self._take()) is not None:
            code, arguments = taken
            answer = self._carry_out(code, arguments)
            if answer:
                self.push(answer)

    def push(self, data: bytes) -> None:
        """Send bytes to the host."""
        if self._send is not None:
            self._send(data)

    def on_int(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Call watcher with INT#'s level at every change."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    # What happens to it

    def interrupt(self, bits: int) -> None:
        """Set global bits."""
        self.globals |= bits
        self._int(low=True)

    def tell(self, number: int, bits: int, data: bytes = b"", state: int | None = None) -> None:
        """Set a socket's bits; `data` waits there, and its TCP is in `state`."""
        each = self.sockets[number]
        each.bits |= bits
        each.received += data
        if state is not None:
            each.state = (OPEN, state)
        self.interrupt(0x10 << number)

    def connect(self, number: int, ip: str = "", port: int = 0) -> None:
        """Let a connection stand; without `ip` to where the socket was told to connect."""
        if ip:
            self.sockets[number].remote = socket.inet_aton(ip) + port.to_bytes(2, "little")
        self.tell(number, CONNECT, state=ESTABLISHED)

    def of(self, *codes: int) -> list[str]:
        """What was said, of these codes."""
        return [each for each in self.said if int(each[:2], 16) in codes]

    def _int(self, *, low: bool) -> None:
        if low != self.int_low:
            self.int_low = low
            for watcher in tuple(self._watchers):
                watcher(0 if low else 1)

    # Commands

    def _take(self) -> tuple[int, bytes] | None:
        """Cut the next command off what came; what is none is dropped (section 6.3)."""
        held = self._held
        start = held.find(b"\x57\xab")
        if start < 0:
            self._held = held[-1:] if held[-1:] == b"\x57" else b""
            return None
        held = self._held = held[start:]
        if len(held) < 3:
            return None
        end = 3 + ARGUMENTS[held[2]]
        if held[2] == WRITE and len(held) >= end:
            end += int.from_bytes(held[4:6], "little")
        if len(held) < end:
            return None
        self._held = held[end:]
        return held[2], held[3:end]

    def _carry_out(self, code: int, arguments: bytes) -> bytes:
        text = (bytes([code]) + arguments).hex(" ").upper()
        if code != 0x2C:
            self.said.append(text)
            if self._working:
                self.early.append(text)
        for observer in tuple(self._observers):
            observer(CommandTaken(code, text, arguments))
        self.on_command(code, arguments)
        if code in self.answers:
            return self.answers[code](arguments)
        if code in WITH_STATUS:
            self._working = True
            self._left, self._result = self.busy, self.status.get(code, 0)
            self._begin(code, arguments)
        return self._answer(code, arguments)

    def _begin(self, code: int, arguments: bytes) -> None:
        if code in (0x35, 0x36) and not self._result:
            self.sockets[arguments[0]].state = (OPEN, LISTENING if code == 0x36 else 0)
        elif code == 0x3D:
            each = self.sockets[arguments[0]]
            each.state, each.received, each.bits = (CLOSED, 0), b"", 0

    def _answer(self, code: int, arguments: bytes) -> bytes:
        answers = {
            0x01: lambda: b"\x01",
            0x06: lambda: bytes([arguments[0] ^ 0xFF]),
            0x26: lambda: bytes([self.phy]),
            0x28: lambda: bytes(8),
            0x29: self._global,
            0x2C: self._status,
            0x40: lambda: bytes.fromhex("84 C2 E4 00 03 92"),
            0x42: lambda: bytes([self.dhcp]),
            0x43: lambda: self.ip_inf,
        }
        if code in answers:
            return answers[code]()
        if code in (0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x39, 0x3B, 0x3C):
            return self._of_socket(code, self.sockets[arguments[0]], arguments[1:])
        return b""

    def _global(self) -> bytes:
        bits, self.globals = self.globals, 0
        self._int(low=False)
        return bytes([bits])

    def _status(self) -> bytes:
        if self._left > 0:
            self._left -= 1
            return b"\x10"
        self._working = False
        return bytes([self._result])

    def _of_socket(self, code: int, each: PaperSocket, arguments: bytes) -> bytes:
        answer = b""
        match code:
            case 0x2D:
                answer = each.remote
            case 0x2E:
                each.received = b""
            case 0x2F:
                answer = bytes(each.state)
            case 0x30:
                answer, each.bits = bytes([each.bits]), 0
            case 0x31:
                each.remote = arguments + each.remote[4:]
            case 0x32:
                each.remote = each.remote[:4] + arguments
            case 0x39:
                each.written.append(arguments[2:])
                self.tell(self.sockets.index(each), self.after_write)
            case 0x3B:
                answer = len(each.received).to_bytes(2, "little")
            case _:
                size = int.from_bytes(arguments, "little")
                answer, each.received = each.received[:size], each.received[size:]
                answer = answer.ljust(size, b"\x00")
        return answer
