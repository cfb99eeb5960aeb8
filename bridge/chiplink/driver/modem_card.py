"""The SIM card: what it is, and its PIN, which is tried once.

A try is on disk before it happens. A PIN that was tried and is not known to be right is never
tried on the same card again, whatever restarts in between: the third wrong one locks the card.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from chiplink.exceptions import BusyError, ChipError, CommandError, OfflineError, RefusedError
from chiplink.protocol.at_common import enter_pin, iccid, sim, tries_left
from chiplink.protocol.at_replies import read_iccid, read_sim, read_tries

if TYPE_CHECKING:
    from chiplink.driver.device import Memory
    from chiplink.driver.modem_line import Line

READY, PIN, PUK, MISSING, BUSY, FAILED = "ready", "pin", "puk", "missing", "busy", "failed"
STATES = (READY, PIN, PUK, MISSING, BUSY, FAILED)

WORDS = {
    PIN: "the SIM asks for its PIN: set pin_file",
    PUK: "the SIM is locked and asks for its PUK: unlock it in a telephone",
    MISSING: "no SIM card: is it in the holder, the right way round?",
    BUSY: "the SIM is not ready yet",
    FAILED: "the SIM card cannot be read",
}
"""What each state keeps the network from, and the way out."""

LEAST_TRIES = 2
"""Tries that must be left: the last one is for a person."""

RECORD = "pin_try"
"""The item of the state file."""

_BY_WORD = {"READY": READY, "SIM PIN": PIN, "SIM PUK": PUK, "NOT INSERTED": MISSING}
_BY_CODE = {"10": MISSING, "11": PIN, "12": PUK, "14": BUSY}


async def look(line: Line) -> str:
    """Return the card's state, one of STATES; raises CommandError if the modem says nothing."""
    reply = (await line.exchange(sim())).reply
    if reply.error:
        return _BY_CODE.get(reply.error.removeprefix("+CME ERROR:").strip(), FAILED)
    word = read_sim(reply.lines)
    return _BY_WORD.get(word or "", BUSY if word == "NOT READY" else FAILED)


async def unlock(line: Line, pin: str, tries: str, memory: Memory) -> None:
    """Enter the PIN if it may be tried; raises RefusedError with why not, or that it was wrong.

    `tries` is the command that tells how many tries are left, where the modem has one.
    """
    card = await _number(line)
    if reason := refusal(memory, card, pin):
        raise RefusedError(reason)
    left = await _left(line, tries)
    if left is not None and left < LEAST_TRIES:
        raise RefusedError(
            f"the SIM's PIN was not tried: {left} try is left; enter it in a telephone"
        )
    note(memory, card, pin)
    try:
        reply = (await line.exchange(enter_pin(pin))).reply
    except (BusyError, OfflineError):
        forget(memory)  # it was never sent
        raise
    if not reply.error:
        forget(memory)
    elif await _left(line, tries) == left and left is not None:
        raise RefusedError(f"the SIM did not take the PIN, and counts no try: {reply.error}")
    else:
        raise RefusedError(f"the SIM's PIN is wrong ({reply.error}); it is not tried again")


def refusal(memory: Memory, card: str, pin: str) -> str:
    """Return why this PIN may not be tried on this card; empty if it may."""
    record: Any = memory.get(RECORD)
    if not isinstance(record, dict):
        return ""
    known = record.get("card")
    if card and known and card != known:
        return ""
    if record.get("hash") != _hash(pin, str(record.get("salt"))):
        return ""
    return (
        "the SIM's PIN was tried before and did not unlock it; it is tried again only when"
        " the PIN in the configuration, or the card, is another one"
    )


def note(memory: Memory, card: str, pin: str) -> None:
    """Record a try before it happens; RefusedError if the record is not on disk."""
    salt = secrets.token_hex(16)
    memory[RECORD] = {"card": card, "salt": salt, "hash": _hash(pin, salt)}
    if not getattr(memory, "saved", True):
        forget(memory)
        raise RefusedError("the SIM's PIN was not tried: that it was cannot be written to disk")


def forget(memory: Memory) -> None:
    """The card is open: the PIN was right."""
    if RECORD in memory:
        del memory[RECORD]


async def _number(line: Line) -> str:
    """Return the card's ICCID; empty where the modem does not tell it before the PIN."""
    try:
        return read_iccid((await line.ask(iccid())).lines) or ""
    except ChipError:
        return ""


async def _left(line: Line, command: str) -> int | None:
    if not command:
        return None
    try:
        return read_tries((await line.ask(tries_left(command))).lines)
    except CommandError:
        return None


def _hash(pin: str, salt: str) -> str:
    """Return what tells whether it is the same PIN; slow, for there are few PINs."""
    return hashlib.scrypt(pin.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()
