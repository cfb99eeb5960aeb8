"""Sockets of the CH392 that send packets: UDP (section 8.2.2) and IPRAW."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_session import Session

if TYPE_CHECKING:
    from .ch392_socket import ChipSocket


class PacketSession(Session):
    """A socket that cuts what it sends into packets and overwrites what nobody reads."""

    largest = codes.DATAGRAM_MAX

    def transmit(self, data: bytes) -> None:
        """Send data in as many packets as it needs; a SEND_OK each, or one TIM_OUT."""
        ip, port = self._destination()
        self.sent(len(data))
        if not self.chip.reaches(ip):
            self.chip.later(self.chip.retry_time, self._fail)
            return
        for start in range(0, len(data), self.largest):
            self._send(data[start : start + self.largest], ip, port)
            self.sent_well()

    def _destination(self) -> tuple[bytes, int]:
        settings = self.socket.settings
        return settings.ip, settings.port

    def _send(self, data: bytes, ip: bytes, port: int) -> None:
        raise NotImplementedError

    def _fail(self) -> None:
        if self.socket.session is self:
            self.socket.fail(codes.SINT_TIM_OUT)


class UdpSession(PacketSession):
    """A UDP socket; the destination 255.255.255.255 makes it a server."""

    def __init__(self, socket: ChipSocket) -> None:
        """Bind the source port; OSError if the machine has it in use."""
        super().__init__(socket)
        settings = socket.settings
        self._server = settings.ip == codes.UDP_SERVER_IP
        self.peer = None if self._server else (settings.ip, settings.port)
        self._port = self.chip.ether.open_udp(self, settings.source_port)

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def datagram(self, data: bytes, ip: bytes, port: int) -> None:
        """Take a datagram: a client's from its peer only, a server's with a header."""
        if len(data) > self.largest:
            self.socket.lost("longer than a packet", len(data))
        elif self._server:
            self.socket.deliver(self._header(len(data), ip, port) + data)
        elif (ip, port) == self.peer:
            self.socket.deliver(data)

    def unreachable(self, code: int, ip: bytes, port: int) -> None:
        """Keep what ICMP says for GET_UNREACH_IPPORT."""
        self.chip.tell_unreachable(code, codes.IP_UDP, port, ip)

    def missed(self, count: int) -> None:
        """Tell the log about a datagram that the chip cannot have heard."""
        self.socket.lost("the wire is down", count)

    def _header(self, length: int, ip: bytes, port: int) -> bytes:
        if self.chip.length_counts_header:
            length += 8
        return length.to_bytes(2, "little") + port.to_bytes(2, "little") + ip

    def _destination(self) -> tuple[bytes, int]:
        return self.peer or super()._destination()

    def _send(self, data: bytes, ip: bytes, port: int) -> None:
        self._port.send(data, ip, port)


class IprawSession(PacketSession):
    """An IPRAW socket: payloads of one IP protocol, never real packets of this machine."""

    largest = codes.IPRAW_MAX

    def __init__(self, socket: ChipSocket) -> None:
        super().__init__(socket)
        self._protocol = socket.settings.ip_protocol
        self.peer = (socket.settings.ip, 0)
        self._leave = self.chip.ether.join_ipraw(self)

    def close(self) -> None:
        """Take no more packets."""
        self._leave()

    def packet(self, data: bytes, _ip: bytes, protocol: int) -> None:
        """Take the payload of a packet of our protocol, from whomever."""
        if protocol == self._protocol:
            self.socket.deliver(data)

    def _send(self, data: bytes, ip: bytes, _port: int) -> None:
        self.chip.ether.send_ipraw(ip, self._protocol, data)
