"""A minimal driver for the throwaway modem: does the Stack interface fit AT modems?

Not for use: no recovery of a line out of step, one deadline for everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiplink.driver.sockets import Chunk, Endpoint, Kind, Level, check_datagram
from chiplink.exceptions import (
    BadPayloadError,
    BusyError,
    ChipError,
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    RefusedError,
)
from driver.fake_stack import Bell

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from chiplink.exceptions import PortError
    from chiplink.transport.memory import MemoryPort, MemoryTransport

SEGMENT = 1460
ANSWER = 9.0
CONNECT = 75.0
SENT = 645.0
CLOSE = 3.0
"""Longest waits, in seconds."""

PUSHED = 65536
"""Bytes that were pushed and not asked for, beyond which a stream is given up."""

_FINAL = re.compile(r"OK|ERROR|SHUT OK|\+CME ERROR:.*|\d+\.\d+\.\d+\.\d+")
_RESULT = re.compile(
    r"(?:(\d), ?)?(CONNECT OK|CONNECT FAIL|ALREADY CONNECT|SEND OK|SEND FAIL|CLOSE OK)"
)
_ACCEPT = re.compile(r"DATA ACCEPT:(?:(\d),)?\d+")
_CLOSED = re.compile(r"(?:(\d), ?)?CLOSED")
_CALLER = re.compile(r"(?:(\d), ?)?REMOTE IP: (.+)")
_WAITS = re.compile(r"\+CIPRXGET: ?1(?:,(\d))?")
_FETCHED = re.compile(r"\+CIPRXGET: ?2,(?:(\d),)?(\d+),\d+")
_PUSHED = re.compile(rb"\+(?:RECEIVE,(\d),(\d+):\r\n|IPD,(\d+):)")

FAILURES = {
    "CONNECT FAIL": RefusedError("the modem says CONNECT FAIL"),
    "ALREADY CONNECT": BusyError("the modem says ALREADY CONNECT"),
}


class Exchange:
    """A command and what was said to it; `payload` goes out at the prompt."""

    def __init__(self, payload: bytes | None = None) -> None:
        self.lines: list[str] = []
        self.data = b""
        self.payload = payload
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(self, word: str) -> None:
        if not self.done.done():
            self.done.set_result(word)


class ThrowawayModem:
    """A Stack. `pull` fetches data, otherwise it is pushed; `several` links or one.

    `quick` sends answer as soon as the modem has the bytes. `stray` are lines that
    nobody asked for.
    """

    def __init__(self, port: MemoryPort, *, pull: bool, several: bool, quick: bool = False) -> None:
        self.pull, self.several, self.quick = pull, several, quick
        self.bell = Bell()
        self.links: dict[int, ModemSocket] = {}
        self.listener: ModemListener | None = None
        self.stray: list[str] = []
        self._port = port
        self._line: MemoryTransport | None = None
        self._obstacle = "the modem is not there yet"
        self._received = b""
        self._exchange: Exchange | None = None
        self._turn = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Open the line and bring the network up."""
        self._line = await self._port.open(115200)
        self._line.start(self._heard, self._line_lost)
        await self._bring_up()

    async def stop(self) -> None:
        self._lose("the driver was stopped")
        for task in list(self._tasks):
            task.cancel()
        if self._line is not None:
            await self._line.close()

    async def _bring_up(self) -> None:
        several = "1" if self.several else "0"
        for text in (
            "ATE0",
            "AT+CIPSHUT",
            f"AT+CIPMUX={several}",
            f"AT+CIPRXGET={int(self.pull)}",
            f"AT+CIPQSEND={int(self.quick)}",
            *(() if self.several else ("AT+CIPHEAD=1",)),
            'AT+CSTT="internet"',
            "AT+CIICR",
            "AT+CIFSR",
        ):
            await self.ask(text)
        self._obstacle = ""
        self.bell.ring()

    # The Stack

    @property
    def obstacle(self) -> str:
        return self._obstacle

    async def ready(self) -> None:
        await self.bell.until(lambda: not self._obstacle)

    async def connect(self, endpoint: Endpoint) -> ModemSocket:
        if endpoint.kind not in (Kind.TCP_CLIENT, Kind.UDP):
            raise BadPayloadError(f"this modem has no {endpoint.kind}")
        socket = ModemSocket(self, self._free_link(), endpoint)
        self.links[socket.number] = socket
        opening = self.keep(socket.open())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self.keep(self._abandon(opening, socket))
            raise
        except CommandError:
            self.links.pop(socket.number, None)
            raise
        return socket

    async def _abandon(self, opening: asyncio.Task[None], socket: ModemSocket) -> None:
        """Close what is being opened: before its result the link cannot be used again."""
        await asyncio.wait({opening})
        await socket.close()

    async def listen(self, endpoint: Endpoint) -> ModemListener:
        if self._obstacle:
            raise OfflineError(self._obstacle)
        if self.listener is not None:
            raise BusyError("this modem has one server only")
        await self.ask(f"AT+CIPSERVER=1,{endpoint.local_port}")
        self.listener = ModemListener(self, endpoint)
        return self.listener

    def _free_link(self) -> int:
        if self._obstacle:
            raise OfflineError(self._obstacle)
        for number in range(6 if self.several else 1):
            if number not in self.links:
                return number
        raise BusyError("no link of the modem is free")

    # Commands

    def keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Go on with what must not be left half done, whoever is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def ask(self, text: str, payload: bytes | None = None) -> Exchange:
        """Send a command and wait for its final word; raises CommandError."""
        return await asyncio.shield(self.keep(self._ask(text, payload)))

    async def _ask(self, text: str, payload: bytes | None) -> Exchange:
        async with self._turn:
            if self._line is None:
                raise OfflineError(self._obstacle)
            exchange = self._exchange = Exchange(payload)
            self._line.write(text.encode() + b"\r")
            try:
                async with asyncio.timeout(ANSWER):
                    word = await exchange.done
            except TimeoutError:
                self._lose("the modem does not answer")
                raise DeadlineError(f"no answer to {text}") from None
            finally:
                self._exchange = None
            if "ERROR" in word:
                raise ChipError(f"{text}: {word}")
            return exchange

    # What arrives

    def _heard(self, data: bytes) -> None:
        self._received += data
        while self._received and self._parse():
            pass

    def _parse(self) -> bool:
        """Take one thing from the front; False when it is not complete."""
        exchange = self._exchange
        rest = self._received.lstrip(b"\r\n")
        if exchange is not None and exchange.payload and rest.startswith(b"> "):
            self._received = rest[2:]
            self._give_payload(exchange)
            return True
        if pushed := _PUSHED.match(rest):
            number, size, alone = pushed.groups()
            return self._parse_pushed(int(number or 0), int(size or alone), rest[pushed.end() :])
        line, end, after = rest.partition(b"\r\n")
        if not end:
            return False
        text = line.decode("latin-1").strip("\r")
        if exchange is not None and (fetched := _FETCHED.fullmatch(text)):
            size = int(fetched[2])
            if len(after) < size:
                return False
            exchange.data, after = after[:size], after[size:]
        self._received = after
        self._take_line(text)
        return True

    def _parse_pushed(self, number: int, size: int, rest: bytes) -> bool:
        if len(rest) < size:
            return False
        self._received = rest[size:]
        if number in self.links:
            self.links[number].pushed(rest[:size])
        return True

    def _give_payload(self, exchange: Exchange) -> None:
        if self._line is not None and exchange.payload is not None:
            self._line.write(exchange.payload)
            exchange.payload = None
            exchange.end("given")

    def _take_line(self, text: str) -> None:
        """Unasked lines first: they come between a command and its answer too."""
        if result := _RESULT.fullmatch(text) or _ACCEPT.fullmatch(text):
            word = result[2] if result.re is _RESULT else "DATA ACCEPT"
            self._for_link(result[1], "result", word)
            if word == "CLOSE OK" and self._exchange is not None:
                self._exchange.end(word)
        elif closed := _CLOSED.fullmatch(text):
            self._for_link(closed[1], "closed")
        elif waits := _WAITS.fullmatch(text):
            self._for_link(waits[1], "waits")
        elif caller := _CALLER.fullmatch(text):
            self._called(int(caller[1] or 0), caller[2])
        elif text == "+PDP: DEACT":
            self._lose("the network took the context away")
            self.keep(self._bring_up())
        elif text == "RDY":
            self._lose("the modem restarted")
            self.keep(self._bring_up())
        elif self._exchange is not None and _FINAL.fullmatch(text):
            self._exchange.end(text)
        elif self._exchange is not None and text.startswith("+CIP"):
            self._exchange.lines.append(text)
        else:
            self.stray.append(text)

    def _for_link(self, number: str | None, what: str, *words: str) -> None:
        socket = self.links.get(int(number or 0))
        if socket is not None:
            getattr(socket, f"on_{what}")(*words)

    def _line_lost(self, error: PortError) -> None:
        self._line = None
        self._lose(str(error))

    def _lose(self, reason: str) -> None:
        self._obstacle = reason
        if self._exchange is not None:
            self._exchange.end(f"ERROR: {reason}")
        for socket in list(self.links.values()):
            socket.lose(reason)
        self.links.clear()
        if self.listener is not None:
            self.listener.lose(reason)
        self.bell.ring()

    def _called(self, number: int, ip: str) -> None:
        """Have a socket at once: data may be told of in the same read."""
        if self.listener is not None and number not in self.links:
            endpoint = Endpoint(kind=Kind.TCP_CLIENT, host=ip, local_port=self.listener.local_port)
            socket = self.links[number] = ModemSocket(self, number, endpoint)
            self.keep(self._let_in(self.listener, socket))

    async def _let_in(self, listener: ModemListener, socket: ModemSocket) -> None:
        """Find the caller's port, which is not said, and hand the connection over."""
        if self.several:
            (status,) = (await self.ask(f"AT+CIPSTATUS={socket.number}")).lines
            socket.endpoint = replace(socket.endpoint, port=int(status.split('"')[5]))
        await listener.offer(socket)


class ModemSocket:
    """A Socket on a link."""

    def __init__(self, modem: ThrowawayModem, number: int, endpoint: Endpoint) -> None:
        self.number = number
        self.endpoint = endpoint
        self.local_port = endpoint.local_port
        self.dropped = 0
        self._modem = modem
        self._reason = ""
        self._ended = self._waits = self._gone = False
        self._pushed: deque[bytes] = deque()
        self._results: dict[str, asyncio.Future[str]] = {}
        self._last: asyncio.Future[str] | None = None
        self._sending = asyncio.Lock()

    @property
    def peer(self) -> str:
        return f"{self.endpoint.host}:{self.endpoint.port}"

    @property
    def datagram_limit(self) -> int | None:
        return None if self._is_stream else SEGMENT

    @property
    def window(self) -> int:
        return SEGMENT

    @property
    def _is_stream(self) -> bool:
        return self.endpoint.kind is not Kind.UDP

    @property
    def _link(self) -> str:
        return f"{self.number}," if self._modem.several else ""

    # What the modem says

    def on_result(self, word: str) -> None:
        future = self._results.pop("SEND" if word[0] in "SD" else "CONNECT", None)
        if future is not None and not future.done():
            future.set_result(word)
        if word == "SEND FAIL" and self._is_stream:
            self.lose("the modem says SEND FAIL")

    def on_closed(self) -> None:
        """What was received is fetched at once: a caller may be given this link next."""
        self._gone = True
        self._fail_results("the other side closed the connection")
        self._modem.keep(self._drain())

    async def _drain(self) -> None:
        try:
            while self._modem.pull and await self._fetch():
                pass
        finally:
            self._ended = True
            if self._modem.links.get(self.number) is self:
                del self._modem.links[self.number]
            self._modem.bell.ring()

    def on_waits(self) -> None:
        self._waits = True
        self._modem.bell.ring()

    def pushed(self, data: bytes) -> None:
        if sum(map(len, self._pushed)) + len(data) <= PUSHED:
            self._pushed.append(data)
        elif self._is_stream:
            self.lose("more was pushed than was read")
        else:
            self.dropped += 1
        self._modem.bell.ring()

    def lose(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._fail_results(reason)
        self._modem.bell.ring()

    def _fail_results(self, reason: str) -> None:
        for future in self._results.values():
            if not future.done():
                future.set_exception(ClosedError(reason))
                future.exception()
        self._results.clear()

    def _expect(self, kind: str) -> asyncio.Future[str]:
        future = self._results[kind] = asyncio.get_running_loop().create_future()
        return future

    # The Socket

    async def open(self) -> None:
        endpoint = self.endpoint
        kind = "UDP" if endpoint.kind is Kind.UDP else "TCP"
        async with self._modem._opening:  # the local port is set for whoever connects next
            if endpoint.local_port:
                await self._modem.ask(f'AT+CLPORT="{kind}",{endpoint.local_port}')
            connected = self._expect("CONNECT")
            address = f'"{kind}","{endpoint.host}","{endpoint.port}"'
            await self._modem.ask(f"AT+CIPSTART={self._link}{address}")
            try:
                async with asyncio.timeout(CONNECT):
                    word = await connected
            except TimeoutError:
                raise DeadlineError(f"{self.peer} does not answer") from None
        if word in FAILURES:
            raise FAILURES[word]

    async def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Level:
        check_datagram(self, data)
        if peer not in ("", self.peer):
            raise BadPayloadError(f"this socket sends to {self.peer} only")
        async with self._sending:
            for begin in range(0, len(data), SEGMENT):
                await self._give(data[begin : begin + SEGMENT], begin > 0)
            if not confirm:
                return Level.ACCEPTED
            return await self._confirm()

    async def _give(self, piece: bytes, begun: bool) -> None:  # noqa: FBT001
        """Hand one piece to the modem, after the receipt for the one before."""
        await self._receipt(begun=begun)
        if self._reason or self._gone:
            kind = OutcomeUnknownError if begun else ClosedError
            raise kind(self._reason or "the other side closed the connection")
        self._last = self._expect("SEND")
        try:
            await self._modem.ask(f"AT+CIPSEND={self._link}{len(piece)}", piece)
        except ChipError as error:
            self._last = None
            kind = OutcomeUnknownError if begun else ClosedError
            raise kind(str(error)) from None

    async def _confirm(self) -> Level:
        if await self._receipt(begun=True) == "DATA ACCEPT":
            return Level.ACCEPTED
        if not self._is_stream:
            return Level.SENT
        link = f"={self.number}" if self._modem.several else ""
        (line,) = (await self._modem.ask(f"AT+CIPACK{link}")).lines
        return Level.SENT if int(line.split(",")[-1]) else Level.ACKED

    async def _receipt(self, *, begun: bool) -> str:
        """Wait until the modem says what became of the piece before; `begun` it was this send's."""
        if self._last is None:
            return ""
        kind = OutcomeUnknownError if begun else ClosedError
        try:
            async with asyncio.timeout(SENT):
                word = await asyncio.shield(self._last)
        except TimeoutError:
            raise kind("the modem does not say whether it was sent") from None
        except ClosedError as error:
            raise kind(str(error)) from None
        self._last = None
        if word == "SEND FAIL":
            raise kind("the modem says SEND FAIL")
        return word

    async def receive(self) -> Chunk:
        while True:
            if self._reason:
                raise ClosedError(self._reason)
            if self._pushed:
                return Chunk(self._pushed.popleft(), self.peer)
            if self._waits and not self._gone:
                await self._fetch()
                continue
            if self._ended:
                return Chunk(b"")
            await self._modem.bell.until(
                lambda: self._reason or self._pushed or self._ended or self._may_fetch()
            )

    def _may_fetch(self) -> bool:
        return self._waits and not self._gone

    async def _fetch(self) -> bool:
        """Take the next piece in; not lost when whoever asks is cancelled meanwhile."""
        return bool(await asyncio.shield(self._modem.keep(self._fetch_one())))

    async def _fetch_one(self) -> bool:
        # Forgotten before asking: the next notice may come in one read with the answer.
        self._waits = False
        exchange = await self._modem.ask(f"AT+CIPRXGET=2,{self._link}{SEGMENT}")
        if exchange.data:
            self._waits = True
            self._pushed.append(exchange.data)
        return bool(exchange.data)

    async def close(self) -> None:
        if not self._reason and not self._gone:
            with contextlib.suppress(CommandError, TimeoutError):
                async with asyncio.timeout(CLOSE):
                    await self._close()
        if self._modem.links.get(self.number) is self and not self._gone:
            del self._modem.links[self.number]
        self.lose("the connection was closed")

    async def _close(self) -> None:
        if self._last is not None:
            await asyncio.wait({self._last}, timeout=CLOSE / 2)
        link = f"={self.number}" if self._modem.several else ""
        await self._modem.ask(f"AT+CIPCLOSE{link}")


class ModemListener:
    """A Listener; the modem has one."""

    def __init__(self, modem: ThrowawayModem, endpoint: Endpoint) -> None:
        self.local_port = endpoint.local_port
        self.sockets: list[ModemSocket] = []
        self._peers = endpoint.peers
        self._modem = modem
        self._reason = ""
        self._waiting: deque[ModemSocket] = deque()

    async def offer(self, socket: ModemSocket) -> None:
        """Let a caller wait for `accept`, unless there are enough: the modem does not count."""
        self.sockets = [each for each in self.sockets if each in self._modem.links.values()]
        if self._reason or len(self.sockets) >= self._peers:
            await socket.close()
            return
        self.sockets.append(socket)
        self._waiting.append(socket)
        self._modem.bell.ring()

    async def accept(self) -> ModemSocket:
        await self._modem.bell.until(lambda: self._reason or self._waiting)
        if self._reason:
            raise ClosedError(self._reason)
        return self._waiting.popleft()

    def lose(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._modem.listener = None
        self._modem.bell.ring()

    async def close(self) -> None:
        if self._reason:
            return
        with contextlib.suppress(CommandError):
            await self._modem.ask("AT+CIPSERVER=0")
        self.lose("the listener was closed")
        while self._waiting:
            await self._waiting.popleft().close()
