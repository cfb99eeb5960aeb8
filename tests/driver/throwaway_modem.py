"""A modem of the SIM800's kind at the far end of a line, small and for tests only.

Its words are those of the application note's chapters 3, 4, 7 and 8: one link or six,
data pushed or fetched, sends confirmed or quick.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from driver.fake_stack import Mailbox, Network, Service, Stream

SEGMENT = 1460
ANSWER = 0.02
"""Seconds to the result of what goes over the air."""


class Slot:
    """One of the modem's links; `outbox` was accepted and is not sent yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stream: Stream | None = None
        self.box: Mailbox | None = None
        self.remote = ""
        self.outbox: deque[bytes] = deque()
        self.pump: asyncio.Task[None] | None = None
        self.told = False
        self.unread = bytearray()
        self.taken = 0
        self.sent = 0

    @property
    def used(self) -> bool:
        return self.stream is not None or self.box is not None


class ThrowawaySim800:
    """A Peer. `written` are the commands it got.

    Hooks: `unacked` are bytes that CIPACK says are on the way; `send_fails` makes the
    send after as many fail; `chatter` is said before each answer, as a line of its own;
    `drop_pdp`, `restart`, `close_remotely`.
    """

    def __init__(self, network: Network, ip: str = "10.0.0.3") -> None:
        self.network = network
        self.ip = ip
        self.written: list[str] = []
        self.unacked = 0
        self.send_fails: int | None = None
        self.chatter: list[str] = []
        self._send: Callable[[bytes], None] | None = None
        self._forget_settings()
        self.slots = [Slot(number) for number in range(6)]
        self.service: Service | None = None

    def _forget_settings(self) -> None:
        self.several = self.pull = self.quick = self.head = False
        self.attached = False
        self.deactivated = False
        self.local_port = 0
        self._line = b""
        self._wanted: tuple[Slot, int] | None = None

    # The Peer

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def detach(self) -> None:
        self._send = None

    def receive(self, data: bytes) -> None:
        self._line += data
        while self._line:
            if self._wanted is not None:
                slot, size = self._wanted
                if len(self._line) < size:
                    return
                payload, self._line = self._line[:size], self._line[size:]
                self._wanted = None
                self._take_payload(slot, payload)
                continue
            command, end, rest = self._line.partition(b"\r")
            if not end:
                return
            self._line = rest
            self._command(command.decode("ascii").strip())

    # The hooks

    def drop_pdp(self) -> None:
        """The network takes the context away, and every link with it."""
        self.deactivated = True
        self._end_all()
        self.say("+PDP: DEACT")

    def restart(self) -> None:
        """Start again by itself and forget everything."""
        self._end_all()
        self._forget_settings()
        self._raw(b"\x00\x49\x49\xff\xff")
        for line in ("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"):
            self.say(line)

    def switch_off(self) -> None:
        """Do nothing more."""
        self._end_all()
        self.detach()

    # What it says

    def say(self, line: str) -> None:
        self._raw(f"\r\n{line}\r\n".encode())

    def _raw(self, data: bytes) -> None:
        if self._send is not None:
            self._send(data)

    def _tagged(self, slot: Slot, words: str) -> None:
        """A line about a link: its number, a comma and a space, as hardware prints it."""
        self.say(f"{slot.number}, {words}" if self.several else words)

    # Commands

    def _command(self, text: str) -> None:
        self.written.append(text)
        if self.chatter:
            self.say(self.chatter.pop(0))
        for pattern, method in _COMMANDS:
            match = re.fullmatch(pattern, text)
            if match:
                if self.deactivated and text.startswith(("AT+CIPST", "AT+CIPSE", "AT+CII")):
                    self.say("ERROR")
                else:
                    method(self, *match.groups())
                return
        self.say("ERROR")

    def _ok(self, *_values: str) -> None:
        self.say("OK")

    def _set_several(self, value: str) -> None:
        if self.attached:  # legal only in IP INITIAL
            self.say("ERROR")
            return
        self.several = value == "1"
        self.say("OK")

    def _set_pull(self, value: str) -> None:
        self.pull = value == "1"
        self.say("OK")

    def _set_quick(self, value: str) -> None:
        self.quick = value == "1"
        self.say("OK")

    def _set_head(self, value: str) -> None:
        self.head = value == "1"
        self.say("OK")

    def _set_local_port(self, port: str) -> None:
        self.local_port = int(port)
        self.say("OK")

    def _attach(self) -> None:
        self.attached = True
        self.say("OK")

    def _address(self) -> None:
        self.say(self.ip)  # and no OK

    def _shut(self) -> None:
        self._end_all()
        self.attached = self.deactivated = False
        self.say("SHUT OK")

    # Links

    def _slot(self, number: str | None) -> Slot:
        return self.slots[int(number or 0)]

    def _start(self, number: str | None, kind: str, host: str, port: str) -> None:
        slot = self._slot(number)
        if slot.used:
            self.say("ERROR")
            self._tagged(slot, "ALREADY CONNECT")
            return
        self.say("OK")
        _later(partial(self._connect, slot, kind, f"{host}:{port}"))

    def _connect(self, slot: Slot, kind: str, remote: str) -> None:
        if slot.used:
            self._tagged(slot, "ALREADY CONNECT")
            return
        local = f"{self.ip}:{self.local_port or self.network.any_port()}"
        if kind == "UDP":
            box = self.network.mailbox(local)
            box.on_change = partial(self._datagram, slot)
            self._occupy(slot, remote, box=box)
        else:
            try:
                stream = self.network.call(local, remote)
            except ConnectionRefusedError:
                self._tagged(slot, "CONNECT FAIL")
                return
            self._occupy(slot, remote, stream=stream)
        self._tagged(slot, "CONNECT OK")
        self._changed(slot)

    def _occupy(
        self, slot: Slot, remote: str, stream: Stream | None = None, box: Mailbox | None = None
    ) -> None:
        fresh = Slot(slot.number)
        fresh.stream, fresh.box, fresh.remote = stream, box, remote
        slot.__dict__.update(fresh.__dict__)
        if stream is not None:
            stream.on_change = partial(self._changed, slot)

    def _close(self, number: str | None, _quick: str | None) -> None:
        slot = self._slot(number)
        if not slot.used:
            self.say("ERROR")
            return
        if slot.stream is not None:
            slot.stream.finish()
        self._vacate(slot)
        self._tagged(slot, "CLOSE OK")

    def _vacate(self, slot: Slot) -> None:
        if slot.pump is not None:
            slot.pump.cancel()
        slot.outbox.clear()
        if slot.stream is not None:
            slot.stream.on_change = _nothing
            slot.stream.vanish()
        if slot.box is not None:
            slot.box.close()
        slot.stream = slot.box = None

    def _end_all(self) -> None:
        for slot in self.slots:
            if slot.used:
                self._vacate(slot)
        if self.service is not None:
            self.service.close()
            self.service = None

    # Sending

    def _begin_send(self, number: str | None, size: str) -> None:
        slot = self._slot(number)
        if not slot.used or not 1 <= int(size) <= SEGMENT:
            self.say("ERROR")
            return
        self._wanted = slot, int(size)
        self._raw(b"\r\n> ")

    def _take_payload(self, slot: Slot, payload: bytes) -> None:
        if not slot.used:
            self.say("ERROR")
            return
        slot.sent += len(payload)
        slot.outbox.append(payload)
        if self.quick:
            number = f"{slot.number}," if self.several else ""
            self.say(f"DATA ACCEPT:{number}{len(payload)}")
        if slot.pump is None or slot.pump.done():
            slot.pump = asyncio.get_running_loop().create_task(self._pump(slot))

    async def _pump(self, slot: Slot) -> None:
        while slot.outbox:
            if self.send_fails is not None:
                self.send_fails -= 1
                if self.send_fails < 0:
                    self.send_fails = None
                    slot.outbox.clear()
                    self._tagged(slot, "SEND FAIL")
                    return
            payload = slot.outbox[0]
            if slot.box is not None:
                slot.box.post(payload, slot.remote)
            elif slot.stream is not None:
                try:
                    await slot.stream.send(payload)
                except ConnectionResetError:
                    return  # CLOSED was said, and nothing else will be
            slot.outbox.popleft()
            if not self.quick:
                self._tagged(slot, "SEND OK")

    def _ack(self, number: str | None) -> None:
        slot = self._slot(number)
        waiting = slot.sent if slot.box is not None else sum(map(len, slot.outbox)) + self.unacked
        self.say(f"+CIPACK: {slot.sent}, {slot.sent - waiting}, {waiting}")
        self.say("OK")

    # Receiving

    def _datagram(self, slot: Slot) -> None:
        while slot.box is not None and slot.box.arrived:
            data, sender = slot.box.arrived.popleft()
            if sender == slot.remote:
                slot.unread += data
                self._offer(slot)

    def _changed(self, slot: Slot) -> None:
        stream = slot.stream
        if stream is None:
            return
        if not self.pull:
            slot.unread += stream.take(65536)
        self._offer(slot)
        if stream.ended or stream.broken:
            # What was received can still be fetched until the link is used again.
            slot.unread += stream.take(65536)
            stream.finish()
            self._vacate(slot)
            self._tagged(slot, "CLOSED")

    def _offer(self, slot: Slot) -> None:
        """Push what came, or say once that something waits."""
        if not self.pull:
            while slot.unread:
                data = bytes(slot.unread[:SEGMENT])
                del slot.unread[:SEGMENT]
                head = f"\r\n+RECEIVE,{slot.number},{len(data)}:\r\n"
                self._raw((head if self.several else f"+IPD,{len(data)}:").encode() + data)
        elif not slot.told and self._left(slot):
            slot.told = True
            self.say(f"+CIPRXGET: 1,{slot.number}" if self.several else "+CIPRXGET: 1")

    def _left(self, slot: Slot) -> int:
        return len(slot.unread) + (len(slot.stream.arrived) if slot.stream is not None else 0)

    def _fetch(self, number: str | None, size: str) -> None:
        slot = self._slot(number)
        if slot.stream is not None:
            slot.unread += slot.stream.take(int(size))
        data = bytes(slot.unread[: int(size)])
        del slot.unread[: int(size)]
        link = f"{slot.number}," if self.several else ""
        head = f"\r\n+CIPRXGET: 2,{link}{len(data)},{self._left(slot)}\r\n"
        self._raw(head.encode() + data)
        self.say("OK")
        slot.told = bool(self._left(slot))  # not said again while something waits

    # The server

    def _serve(self, port: str) -> None:
        if self.service is not None:
            self.say("ERROR")
            return
        self.service = self.network.listen(f"{self.ip}:{port}")
        self.service.on_call = partial(_later, self._let_in)
        self.say("OK")
        _later(partial(self.say, "SERVER OK"))

    def _stop_serving(self) -> None:
        if self.service is None:
            self.say("ERROR")
            return
        self.service.close()
        self.service = None
        self.say("OK")
        _later(partial(self.say, "SERVER CLOSE"))

    def _let_in(self) -> None:
        stream = self.service.accept_now() if self.service is not None else None
        if stream is None:
            return
        slot = next((each for each in self.slots if not each.used), None)
        if slot is None or (not self.several and slot.number):
            stream.reset()
            return
        self._occupy(slot, stream.peer, stream=stream)
        self._tagged(slot, f"REMOTE IP: {stream.peer.rpartition(':')[0]}")
        self._changed(slot)

    def _status(self, number: str) -> None:
        slot = self._slot(number)
        host, _colon, port = slot.remote.rpartition(":")
        kind = "TCP" if slot.stream is not None else "UDP"
        state = "CONNECTED" if slot.used else "CLOSED"
        self.say(f'+CIPSTATUS: {number},0,"{kind}","{host}","{port}","{state}"')
        self.say("OK")


_N = r"(?:(\d),)?"
_COMMANDS: list[tuple[str, Callable[..., None]]] = [
    (r"AT|ATE0|AT\+CSTT=.*|AT\+CIPSPRT=1", ThrowawaySim800._ok),
    (r"AT\+CIPMUX=([01])", ThrowawaySim800._set_several),
    (r"AT\+CIPRXGET=([01])", ThrowawaySim800._set_pull),
    (r"AT\+CIPQSEND=([01])", ThrowawaySim800._set_quick),
    (r"AT\+CIPHEAD=([01])", ThrowawaySim800._set_head),
    (r'AT\+CLPORT=(?:\d,)?"(?:TCP|UDP)",(\d+)', ThrowawaySim800._set_local_port),
    (r"AT\+CIICR", ThrowawaySim800._attach),
    (r"AT\+CIFSR", ThrowawaySim800._address),
    (r"AT\+CIPSHUT", ThrowawaySim800._shut),
    (rf'AT\+CIPSTART={_N}"(TCP|UDP)","([^"]+)","(\d+)"', ThrowawaySim800._start),
    (r"AT\+CIPCLOSE(?:=(\d)(?:,([01]))?)?", ThrowawaySim800._close),
    (rf"AT\+CIPSEND={_N}(\d+)", ThrowawaySim800._begin_send),
    (r"AT\+CIPACK(?:=(\d))?", ThrowawaySim800._ack),
    (rf"AT\+CIPRXGET=2,{_N}(\d+)", ThrowawaySim800._fetch),
    (r"AT\+CIPSERVER=1,(\d+)", ThrowawaySim800._serve),
    (r"AT\+CIPSERVER=0", ThrowawaySim800._stop_serving),
    (r"AT\+CIPSTATUS=(\d)", ThrowawaySim800._status),
]


def _later(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(ANSWER, call)


def _nothing() -> None:
    """Nobody wants to know."""
