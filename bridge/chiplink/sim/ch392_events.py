"""What a simulated CH392 did, beyond the events that every chip has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .events import Event


@dataclass(frozen=True, slots=True)
class ChipStarted(Event):
    """The chip runs, after power-up or a reset."""

    event: ClassVar[str] = "started"
    cause: str
    baud: int


@dataclass(frozen=True, slots=True)
class CommandTaken(Event):
    """A whole command arrived; fault is empty or says why it is not carried out."""

    event: ClassVar[str] = "command"
    code: int
    name: str
    arguments: bytes
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SpiProblem(Event):
    """What the host did wrong on SPI, and during which command (None: before any)."""

    event: ClassVar[str] = "spi"
    code: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class StatusReady(Event):
    """What GET_CMD_STATUS answers from now on, after the command of this name."""

    event: ClassVar[str] = "status"
    name: str
    status: int


@dataclass(frozen=True, slots=True)
class InterruptRaised(Event):
    """Bits were set: of the global interrupt status, or of a socket's (0 to 3)."""

    event: ClassVar[str] = "interrupt"
    bits: int
    socket: int | None = None


@dataclass(frozen=True, slots=True)
class IntChanged(Event):
    """INT# changed its level; lost says that nobody was told."""

    event: ClassVar[str] = "int"
    low: bool
    lost: bool = False


@dataclass(frozen=True, slots=True)
class SocketChanged(Event):
    """A socket opened, closed, or its TCP state changed; peer is IP:port of a connection."""

    event: ClassVar[str] = "socket"
    socket: int
    open: bool
    state: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class DataMoved(Event):
    """Bytes went out to the network ("sent") or came into a receive buffer ("received")."""

    event: ClassVar[str] = "data"
    socket: int
    direction: str
    count: int


@dataclass(frozen=True, slots=True)
class DataLost(Event):
    """Bytes of a socket are gone, and why."""

    event: ClassVar[str] = "data_lost"
    socket: int
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class PhyChanged(Event):
    """The PHY's state as GET_PHY_STATUS answers it."""

    event: ClassVar[str] = "phy"
    status: int


@dataclass(frozen=True, slots=True)
class CableChanged(Event):
    """The Ethernet cable was plugged in or pulled out."""

    event: ClassVar[str] = "cable"
    plugged: bool


@dataclass(frozen=True, slots=True)
class DhcpChanged(Event):
    """DHCP's status (0 success, 1 error) and the address in force."""

    event: ClassVar[str] = "dhcp"
    status: int
    ip: str


@dataclass(frozen=True, slots=True)
class BaudChanged(Event):
    """The UART runs at another rate."""

    event: ClassVar[str] = "baud"
    baud: int


@dataclass(frozen=True, slots=True)
class CommandIgnored(Event):
    """A command had no effect, and why."""

    event: ClassVar[str] = "ignored"
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MacWritten(Event):
    """The EEPROM has another MAC address, and the chip hears again."""

    event: ClassVar[str] = "mac"
    mac: bytes
