"""A modem's links as sockets: what is sent in pieces, what is fetched or pushed, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from chiplink.driver.sockets import Chunk, Kind, Level, check_datagram
from chiplink.exceptions import (
    BadPayloadError,
    ChipError,
    ClosedError,
    CommandError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
)
from chiplink.protocol.at_errors import CLOSE_REASONS, error_words, is_harmless
from chiplink.protocol.at_sim800_replies import read_acked
from chiplink.protocol.at_text import integer, place_of

if TYPE_CHECKING:
    from chiplink.driver.modem_line import Exchange, Line
    from chiplink.driver.modem_row import Address, Model
    from chiplink.driver.modem_stack import ModemStack
    from chiplink.driver.sockets import Endpoint
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Outcome, Payload

INBOX = 64 * 1024
"""Bytes that were pushed, or read before a send, and not asked for yet."""

LEFT_MAX = 64 * 1024
"""Bytes of a connection that a modem may have left at its end."""

DATAGRAMS = 64
"""Datagrams that wait to be asked for."""

REPEATS = 3
"""Times that a send is repeated which failed because received data was unread."""

ACK_TRIES = 8
ACK_PAUSE = 0.25
"""Questions for the peer's acknowledgement, and seconds between them."""

CLOSE_WAIT = 3.0
"""Seconds that a close waits for what is being sent."""

CLOSE_TRIES = 3
"""Times that a close is sent whose answer is an error, or does not come."""

_ENDS = bytes((0x1A, 0x1B))
"""Ctrl-Z and ESC: where a send has no length they end or cancel it."""


class ModemSocket:
    """A Socket on a link of the modem."""

    def __init__(self, stack: ModemStack, line: Line, number: int, endpoint: Endpoint) -> None:
        self.number = number
        self.endpoint = endpoint
        self.local_port = endpoint.local_port
        self.dropped = 0
        self.on_release = _nothing
        self._stack = stack
        self._line = line
        self._model: Model = stack.model
        self._link = stack.link_name(number)
        self._stream = endpoint.kind.is_stream
        self._inbox: deque[Chunk] = deque()
        self._waiting_bytes = 0
        self._received = 0
        self._given = 0
        self._waits = False
        self._refusals = 0
        self._ended = False
        self._gone = ""
        self._reason = ""
        self._changed = asyncio.Event()
        self._sending = asyncio.Lock()
        self._fetching = asyncio.Lock()
        self._sends: Command | None = None
        self._last: asyncio.Future[Outcome] | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def peer(self) -> str:
        """The other side."""
        if self.endpoint.kind is Kind.UDP_SERVER:
            return ""
        return f"{self.endpoint.host}:{self.endpoint.port}"

    @property
    def datagram_limit(self) -> int | None:
        """Bytes of the longest datagram; None for a stream."""
        return None if self._stream else self._model.datagram_max

    @property
    def window(self) -> int:
        """Bytes of one sending command."""
        return self._model.send_max

    # Opening

    async def open(self) -> None:
        """Connect; raises CommandError."""
        needed = self.endpoint.local_port or self.endpoint.kind is Kind.UDP_SERVER
        for command in self._model.prepare(self._link, self.endpoint):
            try:
                await self._line.ask(command)
            except ChipError:
                if needed:  # else it only takes back what was set before, if anything was
                    raise
        outcome = await self._line.outcome(self._model.connect(self._link, self.endpoint))
        if not outcome.ok:
            doubtful = self._model.doubtful
            if doubtful is not None and doubtful.match(outcome.text):
                await self._stack.doubt(self._line, self.number, outcome.text)
            raise self._model.connect_error(outcome)
        self._stack.doubts = 0

    # Sending

    async def send(self, data: bytes, peer: str = "", *, confirm: bool = True) -> Level:
        """Send all of it, a piece at a time, each when the modem takes it."""
        target = self._target(peer)
        check_datagram(self, data)
        self._check_bytes(data)
        async with self._sending:
            for at in range(0, len(data), self._model.send_max):
                piece = data[at : at + self._model.send_max]
                await self._give(piece, target, begun=at > 0)
            if not confirm:
                return Level.ACCEPTED
            await self._settle(begun=True)
            given = self._given
        # Whoever sends next need not wait for the receipt too.
        return await self._confirm(given)

    def _target(self, peer: str) -> Address | None:
        """Return whom a datagram goes to, where each says it."""
        if self.endpoint.kind is Kind.UDP_SERVER:
            return _address(peer)
        if peer not in ("", self.peer):
            raise BadPayloadError(f"this socket sends to {self.peer} only")
        several = self._model.everybody and not self._stream
        return (self.endpoint.host, self.endpoint.port) if several else None

    def _check_bytes(self, data: bytes) -> None:
        if not data and not self._stream:
            raise BadPayloadError("this modem cannot send an empty datagram")
        if self._model.counted:
            return
        for at, byte in enumerate(data):
            if byte in _ENDS:
                raise BadPayloadError(
                    f"byte {byte:02X}H at {at}: this modem ends or cancels a send with it"
                    " and cannot carry it"
                )

    async def _give(self, piece: bytes, target: Address | None, *, begun: bool) -> None:
        """Hand one piece to the modem, behind the result of the one before."""
        await self._settle(begun=begun)
        for _attempt in range(REPEATS):
            if self._model.unread_stops_sends:
                await self._read_first()
            self._check_open(begun=begun)
            exchange = await self._put(piece, target, begun=begun)
            if not exchange.reply.error:
                self._given += len(piece)
                self._note_result(exchange)
                return
            if not await self._may_repeat(exchange):
                break
        self._failed(exchange, begun=begun)

    async def _put(self, piece: bytes, target: Address | None, *, begun: bool) -> Exchange:
        model = self._model
        command = self._sends = model.send(self._link, piece, target)
        try:
            if target is not None and model.retarget is not None and not model.everybody:
                await self._line.ask(model.retarget(target))
            return await self._line.exchange(command)
        except OfflineError as error:
            kind = OutcomeUnknownError if begun else ClosedError
            raise kind(str(error)) from None
        except CommandError as error:
            if self._stream:
                self.lose(str(error))
            raise OutcomeUnknownError(str(error)) from None

    def _note_result(self, exchange: Exchange) -> None:
        self._last = exchange.result
        if exchange.result is not None:
            exchange.result.add_done_callback(self._result_came)

    def _result_came(self, result: asyncio.Future[Outcome]) -> None:
        """End a link whose send failed, or a stream of which nobody knows whether it did."""
        if result.cancelled():
            return
        error = result.exception()
        if error is not None:
            if self._stream:
                self.lose(str(error))
        elif not result.result().ok:
            self.lose(_not_sent(result.result()))

    async def _settle(self, *, begun: bool) -> None:
        """Wait for the result of the piece before; `begun`: it was of this send."""
        last = self._last
        if last is None:
            return
        kind = OutcomeUnknownError if begun else ClosedError
        try:
            outcome = await asyncio.shield(last)
        except CommandError as error:
            if not begun and not self._stream:
                return  # a datagram is nothing to the next one
            raise kind(str(error)) from None
        finally:
            if last.done():
                self._last = None
        if not outcome.ok and (begun or self._stream):
            raise kind(_not_sent(outcome))

    async def _read_first(self) -> None:
        """Read what waits: with it unread, sends may fail."""
        while self._waits and not self._gone and self._waiting_bytes < INBOX:
            await self._fetch()

    async def _may_repeat(self, exchange: Exchange) -> bool:
        """Whether a send failed for unread data alone, and nothing of it is in the stream."""
        unacked = self._model.unacked
        if "SEND FAIL" not in exchange.reply.final or unacked is None or self._gone:
            return False
        if not self._stack.bearing.pull or self._waiting_bytes >= INBOX:
            return False
        if not await self._fetch():
            return False
        try:
            found = read_acked((await self._line.ask(unacked(self._link))).lines)
        except CommandError:
            return False
        return found is not None and found.sent == self._given

    def _failed(self, exchange: Exchange, *, begun: bool) -> None:
        words = error_words(exchange.reply.error)
        if self._stream or not exchange.prompted:
            self.lose(words)
        if begun or exchange.prompted:
            raise OutcomeUnknownError(words)
        raise ClosedError(self._gone or words)

    async def _confirm(self, given: int) -> Level:
        """Return what is known of the first `given` bytes."""
        model, quick = self._model, self._stack.bearing.quick_send
        level = model.tcp_level if self._stream else model.udp_level
        level = Level.ACCEPTED if quick and model.unacked is not None else level
        if not self._stream or model.unacked is None:
            return level
        for attempt in range(ACK_TRIES):
            if attempt:
                await asyncio.sleep(ACK_PAUSE)
            if self._closing or not self._stack.holds(self):
                break  # the link's numbers may be another's now
            try:
                exchange = await self._line.ask(model.unacked(self._link))
            except CommandError:
                break
            found = read_acked(exchange.lines)
            if found is None or not self._stack.holds(self):
                break
            if found.sent < given:
                # A digit of a length was lost on the line, and the rest taken for commands.
                words = f"the modem sent {found.sent} of {given} bytes"
                self.lose(words)
                raise OutcomeUnknownError(words)
            if found.unacked == 0 or found.acked >= given:
                return Level.ACKED
        return level

    def _check_open(self, *, begun: bool) -> None:
        why = self._reason or self._gone or ("it was closed" if self._closing else "")
        if why:
            raise (OutcomeUnknownError if begun else ClosedError)(why)

    # Receiving

    async def receive(self) -> Chunk:
        """Return the next piece or datagram; in pull mode the modem keeps what nobody asks for."""
        while True:
            if self._inbox:
                chunk = self._inbox.popleft()
                self._waiting_bytes -= len(chunk.data)
                return chunk
            if self._reason:
                raise ClosedError(self._reason)
            if self._waits and not self._gone:
                await self._fetch()
            elif self._ended:
                return Chunk(b"")
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _fetch(self) -> bool:
        """Read the next piece into the inbox; not lost when whoever asks is cancelled."""
        return await asyncio.shield(self._stack.keep(self._fetch_one()))

    async def _fetch_one(self) -> bool:
        read = self._model.read
        if read is None:
            return False
        async with self._fetching:
            # Forgotten before asking: the next notice may come in one piece with the answer.
            self._waits = False
            before = self._received
            try:
                exchange = await self._line.exchange(read(self._link))
            except CommandError as error:
                self.lose(f"what was read may be lost: {error}")
                return False
            got = self._received > before
            words = exchange.reply.error
            refused = bool(words) and not is_harmless("CIPRXGET", words)
            self._refusals = self._refusals + 1 if refused else 0
            # The notice is not repeated while data waits: ask until nothing comes.
            again = 0 < self._refusals < REPEATS if refused else got and not words
            self._waits = self._waits or again
            return got

    # What the modem says

    def waits(self) -> None:
        """Data can be fetched, or may be: the notice is said once only."""
        self._waits = self._stack.bearing.pull
        self._changed.set()

    def arrived(self, payload: Payload) -> None:
        """Take a piece of the stream, or a datagram."""
        if not payload.complete:
            self.miss("a part of what came was lost on the line")
            return
        if not payload.data:
            return
        self._received += len(payload.data)
        pushed = payload.left is None
        if not self._stream:
            self._take_datagram(payload)
        elif pushed and self._waiting_bytes + len(payload.data) > INBOX:
            self.miss(f"more than {INBOX} bytes were pushed and not taken")
        else:
            self._put_in(Chunk(payload.data))

    def _take_datagram(self, payload: Payload) -> None:
        sender = payload.peer or self.peer
        if self.endpoint.kind is Kind.UDP and sender != self.peer:
            return  # as any socket that is connected to somebody else
        nobody = self.endpoint.kind is Kind.UDP_SERVER and place_of(sender) is None
        if nobody or len(self._inbox) >= DATAGRAMS:
            self.dropped += 1
        else:
            self._put_in(Chunk(payload.data, sender))

    def _put_in(self, chunk: Chunk) -> None:
        self._inbox.append(chunk)
        self._waiting_bytes += len(chunk.data)
        self._changed.set()

    def miss(self, why: str) -> None:
        """Something of what came is lost: a stream with a hole in it is over."""
        if self._stream:
            self.lose(why)
        else:
            self.dropped += 1

    def closed(self, reason: str) -> None:
        """The link is closed; what the modem still has is fetched before its next caller."""
        if self._gone or self._reason:
            return
        self._gone = reason
        if not self._stream or reason != CLOSE_REASONS[1]:
            self.lose(reason)
        if self._stack.bearing.pull and self._stream:
            self._stack.keep(self._drain())
        else:
            self.end()

    async def _drain(self) -> None:
        """Fetch all of it, even if much waits here: the modem has no more than its memory holds."""
        most = self._waiting_bytes + LEFT_MAX
        try:
            while not self._ended and (await self._fetch_one() or self._waits):
                if self._waiting_bytes > most:
                    self.lose(f"the modem had more than {LEFT_MAX} bytes left at the end")
                    break
        finally:
            self.end()

    def end(self) -> None:
        """Nothing more comes, and the link's number is free."""
        self._ended = True
        self._release()
        self._changed.set()

    def lose(self, reason: str) -> None:
        """It is over, for this reason; what has come can still be received."""
        self._reason = self._reason or reason
        self._changed.set()

    # Closing

    async def close(self) -> None:
        """Close; the number is given back when the modem has closed, too."""
        if self._closing is None:
            self._closing = self._stack.keep(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            if self._stack.holds(self) and not self._gone:
                await self._finish_sending()
                with contextlib.suppress(CommandError):
                    await self._close_link()
        finally:
            self.lose("the connection was closed")
            self.end()

    async def _finish_sending(self) -> None:
        with contextlib.suppress(TimeoutError, CommandError):
            async with asyncio.timeout(CLOSE_WAIT):
                async with self._sending:
                    await self._settle(begun=True)
        if self._sends is not None:
            self._line.abandon(self._sends)

    async def _close_link(self) -> None:
        """Close, and again if nobody knows whether it did: the other side would wait for ever."""
        for _attempt in range(CLOSE_TRIES):
            if not self._stack.holds(self) or self._gone:
                return
            with contextlib.suppress(DeadlineError, OutcomeUnknownError):
                exchange = await self._line.exchange(self._model.close(self._link))
                if exchange.reply.error:
                    continue  # closed already, or the command was garbled
                if exchange.result is not None:
                    await exchange.outcome()
                return

    def _release(self) -> None:
        if self._stack.release(self):
            self.on_release()


def _not_sent(outcome: Outcome) -> str:
    confirmed = integer(outcome.text.rpartition(",")[2])
    why = {-1: "the connection is gone", 0: "the modem's buffer is full"}
    return f"{outcome.text}: {why.get(confirmed or 0, 'not all of it was sent')}"


def _address(peer: str) -> Address:
    host, _colon, port = peer.rpartition(":")
    number = integer(port)
    if not host or number is None or not 0 < number <= 65535:  # noqa: PLR2004 (ports)
        raise BadPayloadError(f"{peer!r} is no peer; write 192.0.2.1:5000")
    return host, number


def _nothing() -> None:
    """Nobody wants to know."""
