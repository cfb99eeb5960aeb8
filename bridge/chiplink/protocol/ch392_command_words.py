"""What a CH392 command asks for, in words, from its arguments."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from chiplink.protocol.ch392 import (
    BLOCK_SIZE,
    BLOCKS,
    SERVER_ADDRESS,
    SOCKETS,
    TTL_MAX,
    Command,
    Protocol,
    function_bits,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN = 32
"""Bytes of data that are shown."""

PROTOCOLS = {
    Protocol.IPRAW: "IPRAW",
    Protocol.MACRAW: "MACRAW",
    Protocol.UDP: "UDP",
    Protocol.TCP: "TCP",
}
"""Socket modes."""


def command_name(code: int) -> str:
    """Return a command's name, or its code."""
    return Command(code).name if code in set(Command) else f"command {code:02X}H"


def command_words(command: bytes) -> str:
    """Return what a well-formed command asks for; empty if its name says it all."""
    reader = COMMANDS.get(command[0])
    return reader(command[1:]) if reader else ""


def bytes_words(data: bytes) -> str:
    """Return how many bytes these are, and the first of them."""
    shown = data[:SHOWN].hex(" ").upper()
    more = " …" if len(data) > SHOWN else ""
    unit = "byte" if len(data) == 1 else "bytes"
    return f"{len(data)} {unit}{': ' if data else ''}{shown}{more}"


def socket_words(socket: int) -> str:
    """Return a socket's number; the chip has four."""
    return f"socket {socket}{'' if socket < SOCKETS else ', which does not exist'}"


def number(data: bytes) -> int:
    """Return a number that comes low byte first."""
    return int.from_bytes(data, "little")


def _address(args: bytes) -> str:
    return str(IPv4Address(args))


def _switch(args: bytes) -> str:
    return {0: "off", 1: "on"}.get(args[-1], f"{args[-1]:02X}H, unknown")


def _just_socket(args: bytes) -> str:
    return socket_words(args[0])


def _destination(args: bytes) -> str:
    ip = _address(args[1:])
    server = ", which makes a UDP socket a server" if ip == SERVER_ADDRESS else ""
    return f"{socket_words(args[0])} to {ip}{server}"


def _port(args: bytes) -> str:
    return f"{socket_words(args[0])}, port {number(args[1:])}"


def _mode(args: bytes) -> str:
    known = {int(mode): name for mode, name in PROTOCOLS.items()}
    return f"{socket_words(args[0])} {known.get(args[1], f'unknown mode {args[1]:02X}H')}"


def _write(args: bytes) -> str:
    return f"{socket_words(args[0])}, {bytes_words(args[3:])}"


def _read(args: bytes) -> str:
    return f"{socket_words(args[0])}, {number(args[1:])} bytes"


def _ttl(args: bytes) -> str:
    top = "" if args[1] <= TTL_MAX else f", more than {TTL_MAX}"
    return f"{socket_words(args[0])}, {args[1]}{top}"


def _blocks(args: bytes) -> str:
    socket, start, count = args
    beyond = f", beyond block {BLOCKS - 1}" if start + count > BLOCKS else ""
    unit = "block" if count == 1 else "blocks"
    return (
        f"{socket_words(socket)}, {count} {unit} from block {start} on"
        f" ({count * BLOCK_SIZE} bytes){beyond}"
    )


def _milliseconds(args: bytes) -> str:
    return f"{number(args)} ms"


def _functions(args: bytes) -> str:
    return " + ".join(function_bits(number(args))) or "none"


COMMANDS: dict[int, Callable[[bytes], str]] = {
    Command.SET_BAUDRATE: lambda args: f"{number(args)} baud",
    Command.CHECK_EXIST: lambda args: f"{args[0]:02X}H",
    Command.SET_MAC_ADDR: lambda args: args.hex(":"),
    Command.SET_IP_ADDR: _address,
    Command.SET_GWIP_ADDR: _address,
    Command.SET_MASK_ADDR: _address,
    Command.GET_REMOT_IPP_SN: _just_socket,
    Command.CLEAR_RECV_BUF_SN: _just_socket,
    Command.GET_SOCKET_STATUS_SN: _just_socket,
    Command.GET_INT_STATUS_SN: _just_socket,
    Command.SET_IP_ADDR_SN: _destination,
    Command.SET_DEST_PORT_SN: _port,
    Command.SET_SOUR_PORT_SN: _port,
    Command.SET_PROTO_TYPE_SN: _mode,
    Command.OPEN_SOCKET_SN: _just_socket,
    Command.TCP_LISTEN_SN: _just_socket,
    Command.TCP_CONNECT_SN: _just_socket,
    Command.TCP_DISCONNECT_SN: _just_socket,
    Command.WRITE_SEND_BUF_SN: _write,
    Command.GET_RECV_LEN_SN: _just_socket,
    Command.READ_RECV_BUF_SN: _read,
    Command.CLOSE_SOCKET_SN: _just_socket,
    Command.SET_IPRAW_PRO_SN: lambda args: f"{socket_words(args[0])}, IP protocol {args[1]}",
    Command.DHCP_ENABLE: _switch,
    Command.SET_TTL: _ttl,
    Command.SET_RECV_BUF: _blocks,
    Command.SET_SEND_BUF: _blocks,
    Command.SET_FUN_PARA: _functions,
    Command.SET_KEEP_LIVE_IDLE: _milliseconds,
    Command.SET_KEEP_LIVE_INTVL: _milliseconds,
    Command.SET_KEEP_LIVE_CNT: lambda args: f"{args[0]} times",
    Command.SET_KEEP_LIVE_SN: lambda args: f"{socket_words(args[0])} {_switch(args)}",
    Command.SET_RETRAN_COUNT: lambda args: f"{args[0]} times",
    Command.SET_RETRAN_PERIOD: _milliseconds,
    Command.PING_ENABLE: _switch,
    Command.SET_TCP_MSS: lambda args: f"{number(args)} bytes",
}
"""For each command with arguments, what reads them."""
