"""What differs between chips, and what only hardware can settle: a field each, with its default."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from chiplink.framing import CH392F, CH392T, ch392_commands
from chiplink.protocol.ch392 import SOCKETS, FunctionBit, Status


class ServerMode(Enum):
    """Where a TCP server's connection goes; sections 5.22 and 8.3.4 disagree."""

    SPARE_OR_LISTENER = "spare or listener"
    """To a closed TCP socket with the same source port, else the listener itself becomes it."""
    SPARE = "spare"
    """To such a socket only; without one the peer is reset (8.3.4)."""
    LISTENER = "listener"
    """The listener becomes the connection and further peers are reset (5.22)."""


class HeaderLength(Enum):
    """What a UDP server's header counts; section 8.2.2 does not say."""

    EITHER = "either"
    """The reading that ends at the buffer's end."""
    DATA = "data"
    WHOLE = "whole"
    """The data and the 8 bytes of the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A chip as the driver treats it. Times are as the names say."""

    name: str
    model: str
    chips: int
    """Bits of a command row that this chip has; add CH392_OPTIONAL to try the CH395's commands."""

    sockets: int = SOCKETS

    macraw: bool = False
    """Socket mode 1; the maker lists it for the CH392T alone."""

    ipraw: bool = True
    """Socket mode 0. The manual has SET_IPRAW_PRO_SN (3EH) in its table and no section for it,
    and a list of the maker's leaves IPRAW out: an OPEN that fails tells."""

    server_mode: ServerMode = ServerMode.SPARE_OR_LISTENER
    """The reading that fits both sections."""

    function_bits: FunctionBit = FunctionBit.SOCKET_CLOSE
    """Sent by SET_FUN_PARA before INIT. With SOCKET_CLOSE unread data outlives the connection; the
    code is inferred, so a driver reads and closes as if it were set, and takes ERR_CLSD for done.
    TCP_SERVER is what a CH395 needs for several connections; section 8.3.4 names no switch."""

    baud_refused: frozenset[int] = frozenset({Status.RET_ABORT})
    """SET_BAUDRATE's status has no stated values (00 and 5F on a CH395): only these mean no, and
    CHECK_EXIST at the new rate decides."""

    spi_gap_us: int = 2
    """After the command byte. The manual's TSC of "about 1 mS" is a misprint for microseconds."""

    spi_turn_us: int = 2
    """Before the first byte that is read."""

    echo: bool = True
    """Over SPI too short a gap is answered by the echo of the command: a status of 2CH is read
    again (seen on a CH395)."""

    header_length: HeaderLength = HeaderLength.EITHER

    uart_interrupts: bool = False
    """Section 6.3, step 6: some commands push an interrupt status byte over the UART. Later manuals
    dropped it. True: a stray byte makes the driver read the interrupts at once; False: it is
    counted. Input is flushed before each command either way."""

    wide_interrupts: bool = False
    """Whether interrupts are read by GET_GLOB_INT_STATUS_ALL, 16 bits, instead of 8."""

    reopen_pause_ms: int = 200
    """Between CLOSE, or a connection's end, and the next OPEN, which else can answer ERR_OPEN."""

    init_deadline_ms: int = 1000
    """INIT takes about 350 ms."""

    def has(self, code: int) -> bool:
        """Whether this chip has a command."""
        row = ch392_commands().get(code)
        return row is not None and bool(row.chips & self.chips)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="ch392f", model="CH392F", chips=CH392F),
        # No manual of it is public. A list of the maker's gives it 8 sockets, which 8 blocks cannot
        # serve both ways, so the four that are documented are used; and it gives it MACRAW, for
        # which public code has a command, BAH, whose arguments nobody shows.
        Profile(name="ch392t", model="CH392T", chips=CH392T, macraw=True),
    )
}
"""By name."""

DEFAULT = PROFILES["ch392f"]
"""The chip of the manual."""
