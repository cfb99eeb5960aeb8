"""The conversation with a modem: one command at a time, and what the modem says besides.

A command is pending from `send` until a Reply or TimedOut. OK ends most; what OK has only accepted
(`+CIPOPEN:`, `CONNECT OK`) comes later as its Outcome, whatever is pending by then, so that a late
CONNECT FAIL is no other command's answer. Every line is asked in this order:

    a result that is awaited?  ->  Outcome
    what ends the command?     ->  Reply
    a line of its reply?       ->  kept
    nothing of these           ->  an event of its own (at_urcs)

Nothing here knows the time: it is passed in, in seconds of any clock that only rises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from chiplink.exceptions import LocalMisuseError
from chiplink.framing import AtFramer, AtKind
from chiplink.protocol.at_command import LINES_MAX
from chiplink.protocol.at_events import (
    Junk,
    Outcome,
    Payload,
    Prompt,
    Reply,
    Restarted,
    Stage,
    TimedOut,
)
from chiplink.protocol.at_text import peer
from chiplink.protocol.at_urcs import KNOWN, RESTARTED, STRAY_PROMPT, event_of, payload_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.framing import AtFrame
    from chiplink.protocol.at_command import Command
    from chiplink.protocol.at_events import Event

CANCEL = b"\x1b"
"""ESC: behind a prompt that was asked for without a length it cancels the send (SIM7028, 2.1.4)."""

ESCAPE = b"+++"
"""Leaves transparent mode, with a second of silence before and behind it."""

SILENCE = 5.0
"""Seconds without a byte after which the rest of a line or payload does not come any more."""

PROMPT_WAIT = 30.0
"""Seconds until a prompt; the documents give one time for a whole send, of up to 645 s."""

RESULTS_MAX = 16
"""Results that may be awaited at once."""

_DETAILS = ("+CIPERROR:", "+IP ERROR:")


@dataclass(slots=True)
class _Pending:
    command: Command
    deadline: float
    stage: Stage
    lines: list[str] = field(default_factory=list)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Awaited:
    command: Command
    deadline: float


class Channel:
    """Commands out, events in; `echoes` once the modem has repeated a command."""

    def __init__(self) -> None:
        self._framer = AtFramer()
        self._pending: _Pending | None = None
        self._awaited: list[_Awaited] = []
        self._head: str | None = None
        self._sender: str | None = None
        self._last_byte = 0.0
        self._now = 0.0
        self._suspect = False
        self._raw = False
        self.echoes = False

    @property
    def pending(self) -> Command | None:
        """The command that has not ended."""
        return self._pending.command if self._pending else None

    @property
    def awaited(self) -> tuple[Command, ...]:
        """The commands whose results are still to come."""
        return tuple(each.command for each in self._awaited)

    @property
    def suspect(self) -> bool:
        """Whether a late answer may come: a command has timed out since the last reply with lines.

        Then an OK without the lines that a command needs is a late one, and passed over: send a
        command that has lines, as AT+CFUN?.
        """
        return self._suspect

    @property
    def deadline(self) -> float | None:
        """When `tick` must be called."""
        deadlines = [each.deadline for each in self._awaited]
        if self._pending:
            deadlines.append(self._pending.deadline)
        if self._framer.pending:
            deadlines.append(self._last_byte + SILENCE)
        return min(deadlines, default=None)

    def conflict(self, command: Command) -> Command | None:
        """Return the command whose result must come first: their answers look the same."""
        for each in self.awaited:
            if each.name == command.name and (
                each.link is None or command.link is None or each.link == command.link
            ):
                return each
        return None

    def send(self, command: Command, now: float) -> bytes:
        """Make a command pending and return its bytes; LocalMisuseError while it may not be."""
        if self._pending:
            raise LocalMisuseError(f"{self._pending.command.shown} is pending")
        if self._raw:
            raise LocalMisuseError("in transparent mode there are no commands")
        if other := self.conflict(command):
            raise LocalMisuseError(f"the result of {other.shown} must come first")
        if command.result and len(self._awaited) == RESULTS_MAX:
            raise LocalMisuseError(f"{RESULTS_MAX} results are awaited")
        if command.data is None:
            self._pending = _Pending(command, now + command.wait, Stage.REPLY)
        else:
            self._pending = _Pending(command, now + PROMPT_WAIT, Stage.PROMPT)
        if command.result:
            self._awaited.append(_Awaited(command, now + command.result_wait))
        self._framer.expect(prompt=command.data is not None, read=command.read)
        return command.wire

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Return what received bytes say."""
        self._last_byte = self._now = now
        return self._events(self._framer.feed(data))

    def tick(self, now: float) -> list[Event]:
        """Return what has not come in time."""
        self._now = now
        events: list[Event] = []
        if self._framer.pending and now >= self._last_byte + SILENCE:
            events += self._events(self._framer.flush())
        if self._pending and now >= self._pending.deadline:
            events.append(self._give_up())
        for each in [each for each in self._awaited if now >= each.deadline]:
            self._awaited.remove(each)
            events.append(TimedOut(each.command, Stage.RESULT))
        return events

    def give_up(self) -> list[Event]:
        """End the pending command before its time; it counts as timed out."""
        return [self._give_up()] if self._pending else []

    def give_up_result(self, command: Command) -> list[Event]:
        """Await a command's result no more; it counts as timed out."""
        if all(each.command is not command for each in self._awaited):
            return []
        self._awaited = [each for each in self._awaited if each.command is not command]
        return [TimedOut(command, Stage.RESULT)]

    def forget(self, link: int | None) -> None:
        """Await no result of a link any more; None: of no link."""
        self._awaited = [
            each for each in self._awaited if link is not None and each.command.link != link
        ]

    def transparent(self, *, on: bool) -> None:
        """Take all bytes as payload from now on (behind CONNECT), or lines again (behind `+++`).

        The end of the data, `CLOSED` or the OK to `+++`, cannot be told from data: the caller knows
        it by DCD, or by the silence around it.
        """
        self._raw = on
        self._framer.expect(raw=on)

    def reset(self) -> None:
        """Forget everything: the port was closed."""
        self._framer = AtFramer()
        self._pending = None
        self._awaited.clear()
        self._head = self._sender = None
        self._suspect = self._raw = False

    def _events(self, frames: list[AtFrame]) -> list[Event]:
        events: list[Event] = []
        for kind, data in frames:
            event = self._readers[kind](self, data)
            if event is not None:
                events.append(event)
        return events

    def _line(self, data: bytes) -> Event | None:
        text = data.decode("latin-1")
        if event := self._result(text) or self._end(text):
            return event
        pending = self._pending
        if pending and text.startswith(_DETAILS):
            pending.detail = text
            return None
        if pending and pending.stage is not Stage.PROMPT and _belongs(pending, text):
            pending.lines.append(text)
            return None
        return event_of(text)

    def _result(self, text: str) -> Event | None:
        for each in self._awaited:
            command = each.command
            if command.result and command.result.match(text):
                self._awaited.remove(each)
                failed = bool(command.fails and command.fails.match(text))
                if failed and self._pending and self._pending.command is command:
                    self._pending.detail = text  # ERROR comes next
                return Outcome(command, text, not failed)
        return None

    def _end(self, text: str) -> Event | None:
        pending = self._pending
        if pending is None or pending.stage is Stage.PROMPT:
            return None
        ends, fails = pending.command.ends, pending.command.fails
        if ends is None or not ends.match(text):
            return None
        return self._reply(text, text if fails and fails.match(text) else "")

    def _final(self, data: bytes) -> Event | None:
        text = data.decode("latin-1")
        pending = self._pending
        # A result that came after OK is not the error of what is pending now.
        other = pending is None or self._of_another(text, pending.command)
        if text != "OK" and other and (event := self._result(text)):
            return event
        if pending is None:
            return Junk(data, "the end of a command that nobody waits for")
        if text != "OK":
            self._awaited = [each for each in self._awaited if each.command is not pending.command]
            return self._reply(text, pending.detail or text)
        if pending.stage is Stage.PROMPT or (
            self._suspect and len(pending.lines) < pending.command.least
        ):
            return Junk(data, "the late OK of an earlier command")
        return self._reply(text, "") if pending.command.ok else None

    def _of_another(self, text: str, command: Command) -> bool:
        return any(
            each.command is not command and each.command.result and each.command.result.match(text)
            for each in self._awaited
        )

    def _reply(self, final: str, error: str) -> Event:
        pending = self._pending
        self._pending = None
        self._framer.expect()
        if pending is None:  # the callers have looked
            raise LocalMisuseError("no command is pending")
        if pending.lines:
            self._suspect = False
        return Reply(pending.command, tuple(pending.lines), final, error)

    def _give_up(self) -> Event:
        pending = self._pending
        if pending is None:  # the callers have looked
            raise LocalMisuseError("no command is pending")
        self._pending = None
        self._suspect = True
        self._awaited = [each for each in self._awaited if each.command is not pending.command]
        self._framer.expect()
        return TimedOut(pending.command, pending.stage, tuple(pending.lines))

    def _urc(self, data: bytes) -> Event | None:
        text = data.decode("latin-1")
        if RESTARTED.match(text):
            return self._restarted()
        return self._line(data)

    def _restarted(self) -> Event:
        lost = [each.command for each in self._awaited]
        if self._pending and self._pending.command not in lost:
            lost.insert(0, self._pending.command)
        self.reset_conversation()
        return Restarted(tuple(lost))

    def reset_conversation(self) -> None:
        """Forget what is pending and awaited, and no received byte."""
        self._pending = None
        self._awaited.clear()
        self._sender = None
        self._suspect = False
        self._framer.expect()

    def _prompt(self, data: bytes) -> Event | None:
        pending = self._pending
        if pending is None or pending.command.data is None:
            return Junk(data, STRAY_PROMPT)
        pending.stage = Stage.DATA
        pending.deadline = self._now + pending.command.wait
        for index, each in enumerate(self._awaited):
            if each.command is pending.command:
                later = self._now + each.command.result_wait
                self._awaited[index] = _Awaited(each.command, later)
        return Prompt(pending.command, pending.command.data)

    def _echo(self, data: bytes) -> Event | None:
        text = data.decode("latin-1")
        pending = self._pending
        if pending is None or text.upper() == pending.command.text.upper():
            self.echoes = True
            return None
        return self._line(data)

    def _from(self, data: bytes) -> Event | None:
        self._sender = peer(data.decode("latin-1").partition(":")[2])
        return None

    def _header(self, data: bytes) -> Event | None:
        self._head = data.decode("latin-1")
        return None

    def _payload(self, data: bytes, *, complete: bool = True) -> Event | None:
        head, sender = self._head, self._sender
        if head is None:
            return Payload(data)
        self._head = self._sender = None
        if self._pending and head.startswith("+CIPRXGET"):
            self._pending.lines.append(head)
        return payload_of(head, data, sender, complete=complete)

    def _torn(self, data: bytes) -> Event | None:
        return self._payload(data, complete=False)

    def _junk(self, data: bytes) -> Event | None:
        return Junk(data, "bytes of no line")

    def _broken(self, data: bytes) -> Event | None:
        prompt = data.strip() == b">"
        return Junk(data, STRAY_PROMPT if prompt else "a line without an end")

    _readers: ClassVar[dict[int, Callable[[Channel, bytes], Event | None]]] = {
        AtKind.LINE: _line,
        AtKind.FINAL: _final,
        AtKind.URC: _urc,
        AtKind.SENDER: _from,
        AtKind.PROMPT: _prompt,
        AtKind.ECHO: _echo,
        AtKind.HEAD: _header,
        AtKind.PAYLOAD: _payload,
        AtKind.JUNK: _junk,
        AtKind.BROKEN: _broken,
        AtKind.TORN: _torn,
    }


def _belongs(pending: _Pending, text: str) -> bool:
    """Whether a line is one of the pending command's reply."""
    command = pending.command
    if len(pending.lines) >= min(command.most, LINES_MAX):
        return False
    if command.line is None:
        return not text.startswith("+") and not KNOWN.match(text)
    if not command.line.match(text):
        return False
    return text.startswith("+") or not KNOWN.match(text) or command.ends is not None
