"""What an open socket of the CH392 does, whatever its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ch392_codes as codes

if TYPE_CHECKING:
    from .ch392_socket import ChipSocket


class Session:
    """An open socket; here everything that only TCP can is refused."""

    def __init__(self, socket: ChipSocket) -> None:
        self.socket = socket
        self.chip = socket.chip
        self.state = codes.TCP_CLOSED
        self.peer: tuple[bytes, int] | None = None

    def listen(self) -> int:
        """Begin to listen; return the command's status."""
        return codes.ERR_ARG

    def connect(self) -> int:
        """Begin to connect; return the command's status."""
        return codes.ERR_ARG

    def disconnect(self) -> int:
        """Begin to disconnect; return the command's status."""
        return codes.ERR_ARG

    def transmit(self, data: bytes) -> None:
        """Send what a WRITE left in the send buffer."""
        raise NotImplementedError

    def room_grew(self) -> None:
        """The receive buffer has more room."""

    def settings_changed(self) -> None:
        """Some socket of the chip was set, opened or closed."""

    def wire_changed(self) -> None:
        """The wire came up or went down."""

    def close(self) -> None:
        """End without a word to the host."""

    def abort(self) -> None:
        """End as a chip does that loses its power."""
        self.close()

    def sent(self, count: int) -> None:
        """Tell the host that the network has count bytes: the send buffer is free."""
        if self.socket.session is not self:
            return
        self.socket.moved("sent", count)
        self.socket.raise_bits(codes.SINT_SENBUF_FREE)

    def sent_well(self) -> None:
        """Tell the host that a packet was sent successfully, unless it does not want to know."""
        wanted = not self.chip.functions & codes.FUN_NO_SEND_OK
        if wanted and self.socket.session is self:
            self.socket.raise_bits(codes.SINT_SEND_OK)
