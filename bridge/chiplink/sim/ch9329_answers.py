"""How a simulated CH9329 decides on a frame: carried out or not, answered and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ch9329_wire as wire
from .ch9329_commands import COMMANDS, RESET, RefusedError

if TYPE_CHECKING:
    from .ch9329_commands import Command
    from .ch9329_core import Core, Times
    from .ch9329_wire import ReceivedFrame

REPLY = 0x80  # a normal answer is command | 80 (document 2.1)
ERROR = 0xC0  # an error answer is command | C0 (document 2.1)
LONG_PARAMS = 65
GET_PARA_CFG = 0x08
UNKNOWN_FE = b"\x57\xab\x00\xfe\x00"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes to the host (None: nothing), after how many seconds, and what follows."""

    data: bytes | None
    seconds: float
    fault: str = ""
    restart: bool = False


def command_name(code: int) -> str:
    """Return the document's name of a command, UNKNOWN if it has none."""
    row = COMMANDS.get(code)
    return row.name if row else "UNKNOWN"


def error_answer(frame: ReceivedFrame, status: int, seconds: float, fault: str) -> Answer:
    """Return an error answer (document 2.3)."""
    code = frame.command | ERROR
    return Answer(wire.reply(frame.address, code, bytes([status])), seconds, fault)


def decide(core: Core, times: Times, frame: ReceivedFrame) -> Answer:
    """Carry frame out as far as the chip would, and return its answer."""
    row = COMMANDS.get(frame.command)
    labels = row.labels if row else (f"0x{frame.command:02x}",)
    if core.faults.hit("no-answer", *labels):
        return Answer(None, times.read, "no-answer")
    if not frame.sum_right:
        return error_answer(frame, wire.ERR_SUM, times.read, "")
    if row is None:
        return _unknown(core, times, frame)
    if when := core.faults.hit("error", *labels):
        return error_answer(frame, when.status or wire.ERR_OPERATE, times.read, "error")
    if (status := _refusal(core, frame, row)) is not None:
        return error_answer(frame, status, times.read, "")
    return _carry_out(core, times, frame, row)


def _refusal(core: Core, frame: ReceivedFrame, row: Command) -> int | None:
    """Return why a sound frame of a known command is not carried out."""
    if len(frame.data) not in row.lengths:
        return wire.ERR_PARA
    return wire.ERR_OPERATE if core.work_mode not in row.modes else None


def _unknown(core: Core, times: Times, frame: ReceivedFrame) -> Answer:
    if core.faults.hit("unknown-silent"):
        return Answer(None, times.read, "unknown-silent")
    if core.faults.hit("unknown-fe"):
        return Answer(UNKNOWN_FE, times.read, "unknown-fe")
    return error_answer(frame, wire.ERR_CMD, times.read, "")


def _carry_out(core: Core, times: Times, frame: ReceivedFrame, row: Command) -> Answer:
    seconds: float = getattr(times, row.time)
    if row.time == "write" and core.faults.hit("slow-write"):
        seconds = times.slow_write
    try:
        data = row.run(core, frame.data)
    except RefusedError as refused:
        return error_answer(frame, refused.status, seconds, "")
    restart = row.code == RESET
    if core.faults.hit("lost-answer", *row.labels):
        return Answer(None, seconds, "lost-answer", restart)
    if restart and core.faults.hit("lost-reset-ack"):
        return Answer(None, seconds, "lost-reset-ack", restart)
    if row.code == GET_PARA_CFG and core.faults.hit("long-params"):
        return Answer(_long_params(frame, data), seconds, "long-params")
    answer = wire.reply(frame.address, frame.command | REPLY, data)
    return Answer(answer, seconds, "", restart)


def _long_params(frame: ReceivedFrame, data: bytes) -> bytes:
    """Return the CH9329F's answer: length 32H, but 65 data bytes before the sum."""
    head = wire.HEAD + bytes([frame.address, frame.command | REPLY, len(data)])
    body = head + data.ljust(LONG_PARAMS, b"\0")
    return body + bytes([sum(body) & 0xFF])
