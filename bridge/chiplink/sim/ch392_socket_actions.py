"""What the CH392's commands that concern one socket do (section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ch392_codes as codes
from .ch392_actions import number
from .ch392_memory import Area

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_chip import Chip
    from .ch392_socket import ChipSocket

    Run = Callable[[Chip, bytes], bytes]
    Work = Callable[[Chip, bytes], int]
    SocketRun = Callable[[ChipSocket, bytes], bytes]


def two(value: int) -> bytes:
    """Return two bytes, low first."""
    return value.to_bytes(2, "little")


def on_socket(run: SocketRun, reply: int = 0) -> Run:
    """Return an action whose first argument is a socket; it replies zeros for a wrong one."""

    def act(chip: Chip, data: bytes) -> bytes:
        if data[0] < len(chip.sockets):
            return run(chip.sockets[data[0]], data[1:])
        chip.ignore(f"socket {data[0]}", "there is no such socket")
        return bytes(reply)

    return act


def status_of(work: Callable[[ChipSocket], int]) -> Work:
    """Return an action on a socket whose result is the status of the command (5.12)."""

    def act(chip: Chip, data: bytes) -> int:
        if not chip.initialised:
            return codes.ERR_IF
        if data[0] >= len(chip.sockets):
            return codes.ERR_ARG
        return work(chip.sockets[data[0]])

    return act


def open_socket(socket: ChipSocket) -> int:
    """Open (5.21)."""
    return socket.open()


def close_socket(socket: ChipSocket) -> int:
    """Close (5.28)."""
    return socket.close()


def listen(socket: ChipSocket) -> int:
    """Listen (5.22)."""
    return codes.ERR_CLSD if socket.session is None else socket.session.listen()


def connect(socket: ChipSocket) -> int:
    """Connect (5.23)."""
    return codes.ERR_CLSD if socket.session is None else socket.session.connect()


def disconnect(socket: ChipSocket) -> int:
    """Disconnect (5.24)."""
    return codes.ERR_CLSD if socket.session is None else socket.session.disconnect()


def get_remote(socket: ChipSocket, _data: bytes) -> bytes:
    """Return the peer, or the destination that was set (5.13)."""
    peer = socket.session.peer if socket.session is not None else None
    ip, port = peer or (socket.settings.ip, socket.settings.port)
    return ip + two(port)


def clear_receive(socket: ChipSocket, _data: bytes) -> bytes:
    """Drop what waits to be read (5.14)."""
    socket.clear_receive()
    return b""


def get_socket_status(socket: ChipSocket, _data: bytes) -> bytes:
    """Return the state of the socket and of its TCP (5.15)."""
    state = codes.SOCKET_CLOSED if socket.session is None else codes.SOCKET_OPEN
    return bytes([state, socket.tcp_state])


def get_socket_interrupts(socket: ChipSocket, _data: bytes) -> bytes:
    """Return and clear the interrupt bits (5.16)."""
    return bytes([socket.read_interrupts()])


def set_ip(socket: ChipSocket, data: bytes) -> bytes:
    """Set the destination address (5.17)."""
    socket.settings.ip = data
    return b""


def set_port(socket: ChipSocket, data: bytes) -> bytes:
    """Set the destination port (5.18)."""
    socket.settings.port = number(data)
    return b""


def set_source_port(socket: ChipSocket, data: bytes) -> bytes:
    """Set the source port (5.19)."""
    socket.settings.source_port = number(data)
    socket.changed()
    return b""


def set_protocol(socket: ChipSocket, data: bytes) -> bytes:
    """Set the mode (5.20)."""
    socket.settings.protocol = data[0]
    socket.changed()
    return b""


def set_ip_protocol(socket: ChipSocket, data: bytes) -> bytes:
    """Set the protocol number of IPRAW (3EH)."""
    socket.settings.ip_protocol = data[0]
    return b""


def write(socket: ChipSocket, data: bytes) -> bytes:
    """Take data to send (5.25)."""
    socket.write(data[2:])
    return b""


def get_receive_length(socket: ChipSocket, _data: bytes) -> bytes:
    """Return how much waits to be read (5.26)."""
    if socket.chip.faults.hit("recv-length-garbage"):
        return two(socket.chip.faults.rng.randint(socket.receive.size + 1, 0xFFFF))
    return two(socket.receive.used)


def read(socket: ChipSocket, data: bytes) -> bytes:
    """Return as many bytes as were asked for, at most a stream's (5.27)."""
    return socket.read(min(number(data), codes.STREAM_MAX))


def set_ttl(socket: ChipSocket, data: bytes) -> bytes:
    """Set the TTL of an open socket (5.33)."""
    if data[0] > codes.TTL_MAX:
        socket.chip.ignore("CMD_SET_TTL", "the largest is 128")
    elif socket.session is None:
        socket.chip.ignore("CMD_SET_TTL", "the socket is not open")
    else:
        socket.settings.ttl = data[0]
    return b""


def set_receive_area(socket: ChipSocket, data: bytes) -> bytes:
    """Give the receive buffer its blocks (5.34)."""
    socket.receive = Area(socket.chip.memory, data[0], data[1])
    return b""


def set_send_area(socket: ChipSocket, data: bytes) -> bytes:
    """Give the send buffer its blocks (5.35)."""
    socket.send = Area(socket.chip.memory, data[0], data[1])
    return b""


def set_keep_alive(socket: ChipSocket, data: bytes) -> bytes:
    """Switch keep-alive of a socket (5.39)."""
    socket.settings.keep_alive = bool(data[0])
    if socket.session is not None:
        socket.session.wire_changed()
    return b""
