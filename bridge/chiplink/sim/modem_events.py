"""What a simulated modem did, beyond the events that every chip has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .events import Event


@dataclass(frozen=True, slots=True)
class ModemStarted(Event):
    """The modem runs, after power-up or a restart, at this baud rate."""

    event: ClassVar[str] = "started"
    cause: str
    baud: int


@dataclass(frozen=True, slots=True)
class LineTaken(Event):
    """A whole command line arrived; fault says why it is not carried out, if so."""

    event: ClassVar[str] = "line"
    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Said(Event):
    """The modem sent a line, or the bytes of one message; kind is reply, urc or data."""

    event: ClassVar[str] = "said"
    kind: str
    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ModeChanged(Event):
    """What the serial line carries from now on: command, prompt or data."""

    event: ClassVar[str] = "mode"
    mode: str


@dataclass(frozen=True, slots=True)
class BaudChanged(Event):
    """The serial line runs at another rate; 0 waits for the host's."""

    event: ClassVar[str] = "baud"
    baud: int


@dataclass(frozen=True, slots=True)
class LinkChanged(Event):
    """A link has another state; peer is address:port."""

    event: ClassVar[str] = "link"
    link: int
    state: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class DataMoved(Event):
    """Payload of a link went to the network ("sent") or came from it ("received")."""

    event: ClassVar[str] = "data"
    link: int
    direction: str
    count: int


@dataclass(frozen=True, slots=True)
class DataLost(Event):
    """Payload of a link is gone, and why."""

    event: ClassVar[str] = "data_lost"
    link: int
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class StackChanged(Event):
    """The TCP/IP stack, or one context of it, has another state."""

    event: ClassVar[str] = "stack"
    context: int
    state: str


@dataclass(frozen=True, slots=True)
class RegistrationChanged(Event):
    """The registration as +CREG counts it, and whether packet service is attached."""

    event: ClassVar[str] = "registration"
    state: int
    attached: bool


@dataclass(frozen=True, slots=True)
class CardChanged(Event):
    """The SIM card's state and what is left of its tries."""

    event: ClassVar[str] = "card"
    state: str
    pin_tries: int
    puk_tries: int
