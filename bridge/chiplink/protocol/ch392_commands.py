"""Builders of the CH392's commands: each returns code and arguments, checked; raises UsageError.

Ports, lengths and times go low byte first, IP and MAC addresses in their written order.
"""

from __future__ import annotations

import struct
from ipaddress import AddressValueError, IPv4Address

from chiplink.exceptions import UsageError
from chiplink.framing import CH392_STREAM
from chiplink.protocol.ch392 import (
    BAUDS,
    BLOCKS,
    KEEP_ALIVE_IDLE,
    KEEP_ALIVE_INTERVAL,
    KEEP_ALIVE_STEP,
    SERVER_ADDRESS,
    SOCKETS,
    TTL_MAX,
    Command,
    FunctionBit,
    Protocol,
)

_BYTE = 0xFF
_PORT = 0xFFFF
_MAC = 6
_GROUP_BIT = 1
_MSS = (60, 1460)
_RETRIES = 20
_RETRY_PERIOD = 1000
_IDLE_MAX = 0xFFFFFFFF // KEEP_ALIVE_STEP * KEEP_ALIVE_STEP

Address = IPv4Address | str


# The chip


def get_ic_ver() -> bytes:
    """Build GET_IC_VER (5.1)."""
    return bytes([Command.GET_IC_VER])


def set_baudrate(baud: int) -> bytes:
    """Build SET_BAUDRATE (5.2); its status comes within 1 ms, at the new rate."""
    if baud not in BAUDS:
        near = min(BAUDS, key=lambda rate: abs(rate - baud))
        raise UsageError(f"{baud} baud is no rate of the chip; the nearest is {near}")
    return bytes([Command.SET_BAUDRATE]) + baud.to_bytes(3, "little")


def enter_sleep() -> bytes:
    """Build ENTER_SLEEP, a CH395's command."""
    return bytes([Command.ENTER_SLEEP])


def reset_all() -> bytes:
    """Build RESET_ALL (5.3)."""
    return bytes([Command.RESET_ALL])


def check_exist(value: int) -> bytes:
    """Build CHECK_EXIST (5.4); the chip answers the complement of the byte."""
    return bytes([Command.CHECK_EXIST, _within("the test byte", value, 0, _BYTE)])


def set_mac_addr(mac: bytes, *, force: bool = False) -> bytes:
    """Build SET_MAC_ADDR (5.5), which writes the EEPROM; refused unless forced."""
    if not force:
        raise UsageError("the chip has a MAC address of its own; writing another needs force")
    if len(mac) != _MAC:
        raise UsageError(f"a MAC address has {_MAC} bytes, not {len(mac)}")
    if mac[0] & _GROUP_BIT or not any(mac):
        raise UsageError(f"{mac.hex(':')} is no address of one device")
    return bytes([Command.SET_MAC_ADDR]) + mac


def set_ip_addr(ip: Address) -> bytes:
    """Build SET_IP_ADDR (5.6), before INIT."""
    return bytes([Command.SET_IP_ADDR]) + _ip(ip)


def set_gwip_addr(ip: Address) -> bytes:
    """Build SET_GWIP_ADDR (5.7), before INIT."""
    return bytes([Command.SET_GWIP_ADDR]) + _ip(ip)


def set_mask_addr(mask: Address) -> bytes:
    """Build SET_MASK_ADDR (5.8), before INIT; ones, then zeros."""
    packed = _ip(mask)
    host = ~int.from_bytes(packed) & 0xFFFFFFFF
    if host & (host + 1):
        raise UsageError(f"{mask} is no netmask; write for example 255.255.255.0")
    return bytes([Command.SET_MASK_ADDR]) + packed


def get_phy_status() -> bytes:
    """Build GET_PHY_STATUS (5.9)."""
    return bytes([Command.GET_PHY_STATUS])


def init_ch392() -> bytes:
    """Build INIT_CH392 (5.10)."""
    return bytes([Command.INIT_CH392])


def get_unreach_ipport() -> bytes:
    """Build GET_UNREACH_IPPORT (named in 5.11)."""
    return bytes([Command.GET_UNREACH_IPPORT])


def get_glob_int_status() -> bytes:
    """Build GET_GLOB_INT_STATUS (5.11); reading clears every bit and raises INT#."""
    return bytes([Command.GET_GLOB_INT_STATUS])


def get_glob_int_status_all() -> bytes:
    """Build GET_GLOB_INT_STATUS_ALL: the same, 16 bits."""
    return bytes([Command.GET_GLOB_INT_STATUS_ALL])


def get_cmd_status() -> bytes:
    """Build GET_CMD_STATUS (5.12)."""
    return bytes([Command.GET_CMD_STATUS])


def get_mac_addr() -> bytes:
    """Build GET_MAC_ADDR (5.29)."""
    return bytes([Command.GET_MAC_ADDR])


def dhcp_enable(*, on: bool) -> bytes:
    """Build DHCP_ENABLE (5.30), after INIT; off and on again is the only renewal."""
    return bytes([Command.DHCP_ENABLE, on])


def get_dhcp_status() -> bytes:
    """Build GET_DHCP_STATUS (5.31)."""
    return bytes([Command.GET_DHCP_STATUS])


def get_ip_inf() -> bytes:
    """Build GET_IP_INF (5.32)."""
    return bytes([Command.GET_IP_INF])


def set_fun_para(bits: FunctionBit) -> bytes:
    """Build SET_FUN_PARA (named in 5.16), before INIT."""
    return struct.pack("<BI", Command.SET_FUN_PARA, bits)


def ping_enable(*, on: bool) -> bytes:
    """Build PING_ENABLE, a CH395's command: whether the chip answers pings."""
    return bytes([Command.PING_ENABLE, on])


def set_retran_count(count: int) -> bytes:
    """Build SET_RETRAN_COUNT, a CH395's command: 1 to 20 times."""
    return bytes([Command.SET_RETRAN_COUNT, _within("the retry count", count, 1, _RETRIES)])


def set_retran_period(milliseconds: int) -> bytes:
    """Build SET_RETRAN_PERIOD, a CH395's command: 1 to 1000 ms."""
    period = _within("the retry period", milliseconds, 1, _RETRY_PERIOD)
    return struct.pack("<BH", Command.SET_RETRAN_PERIOD, period)


def set_tcp_mss(size: int) -> bytes:
    """Build SET_TCP_MSS, a CH395's command: 60 to 1460 bytes."""
    return struct.pack("<BH", Command.SET_TCP_MSS, _within("the MSS", size, *_MSS))


# Keep-alive


def set_keep_live_idle(milliseconds: int) -> bytes:
    """Build SET_KEEP_LIVE_IDLE (5.36), a multiple of 500 ms; keep_alive has the order."""
    return struct.pack("<BI", Command.SET_KEEP_LIVE_IDLE, _steps("idle", milliseconds))


def set_keep_live_intvl(milliseconds: int) -> bytes:
    """Build SET_KEEP_LIVE_INTVL (5.37), a multiple of 500 ms; keep_alive has the order."""
    return struct.pack("<BI", Command.SET_KEEP_LIVE_INTVL, _steps("interval", milliseconds))


def set_keep_live_cnt(count: int) -> bytes:
    """Build SET_KEEP_LIVE_CNT (5.38), 1 to 255."""
    return bytes([Command.SET_KEEP_LIVE_CNT, _within("the keep-alive count", count, 1, _BYTE)])


def keep_alive(
    idle: int, interval: int, count: int, *, was: tuple[int, int] | None = None
) -> list[bytes]:
    """Build all three, in the order in which idle exceeds interval at every moment.

    Times in milliseconds; `was` is the idle time and interval set before, else the defaults.
    """
    if idle <= interval:
        raise UsageError(
            f"keep-alive idle {idle} ms must be longer than its interval {interval} ms"
        )
    _, old_interval = was or (KEEP_ALIVE_IDLE, KEEP_ALIVE_INTERVAL)
    times = [set_keep_live_idle(idle), set_keep_live_intvl(interval)]
    if idle <= old_interval:
        times.reverse()
    return [*times, set_keep_live_cnt(count)]


def set_keep_live_sn(socket: int, *, on: bool) -> bytes:
    """Build SET_KEEP_LIVE_SN (5.39): a client after OPEN, a server after CONNECT."""
    return bytes([Command.SET_KEEP_LIVE_SN, _socket(socket), on])


# Sockets


def get_remot_ipp_sn(socket: int) -> bytes:
    """Build GET_REMOT_IPP_SN (5.13)."""
    return bytes([Command.GET_REMOT_IPP_SN, _socket(socket)])


def clear_recv_buf_sn(socket: int) -> bytes:
    """Build CLEAR_RECV_BUF_SN (5.14)."""
    return bytes([Command.CLEAR_RECV_BUF_SN, _socket(socket)])


def get_socket_status_sn(socket: int) -> bytes:
    """Build GET_SOCKET_STATUS_SN (5.15)."""
    return bytes([Command.GET_SOCKET_STATUS_SN, _socket(socket)])


def get_int_status_sn(socket: int) -> bytes:
    """Build GET_INT_STATUS_SN (5.16); reading clears every bit."""
    return bytes([Command.GET_INT_STATUS_SN, _socket(socket)])


def set_ip_addr_sn(socket: int, ip: Address, *, server: bool = False) -> bytes:
    """Build SET_IP_ADDR_SN (5.17).

    255.255.255.255 makes a UDP socket a server (8.2.2), so it is for a server alone.
    """
    packed = _ip(ip)
    if packed == _ip(SERVER_ADDRESS) and not server:
        raise UsageError(f"to {SERVER_ADDRESS} the chip becomes a server; make the link udp-server")
    if not any(packed):
        raise UsageError("0.0.0.0 is no destination")
    return bytes([Command.SET_IP_ADDR_SN, _socket(socket)]) + packed


def udp_server_sn(socket: int) -> bytes:
    """Build the SET_IP_ADDR_SN that makes a UDP socket a server (8.2.2)."""
    return set_ip_addr_sn(socket, SERVER_ADDRESS, server=True)


def set_dest_port_sn(socket: int, port: int) -> bytes:
    """Build SET_DEST_PORT_SN (5.18)."""
    return struct.pack("<BBH", Command.SET_DEST_PORT_SN, _socket(socket), _port(port))


def set_sour_port_sn(socket: int, port: int) -> bytes:
    """Build SET_SOUR_PORT_SN (5.19); two sockets of one mode must differ, but in one server."""
    return struct.pack("<BBH", Command.SET_SOUR_PORT_SN, _socket(socket), _port(port))


def set_proto_type_sn(socket: int, protocol: Protocol) -> bytes:
    """Build SET_PROTO_TYPE_SN (5.20), before OPEN; MACRAW is for socket 0 alone."""
    if protocol is Protocol.MACRAW and socket != 0:
        raise UsageError(f"socket {socket} cannot be MACRAW, only socket 0 can")
    return bytes([Command.SET_PROTO_TYPE_SN, _socket(socket), protocol])


def set_ipraw_pro_sn(socket: int, number: int) -> bytes:
    """Build SET_IPRAW_PRO_SN: an IP protocol number, before OPEN."""
    value = _within("the IP protocol number", number, 0, _BYTE)
    return bytes([Command.SET_IPRAW_PRO_SN, _socket(socket), value])


def open_socket_sn(socket: int) -> bytes:
    """Build OPEN_SOCKET_SN (5.21)."""
    return bytes([Command.OPEN_SOCKET_SN, _socket(socket)])


def tcp_listen_sn(socket: int) -> bytes:
    """Build TCP_LISTEN_SN (5.22), after OPEN."""
    return bytes([Command.TCP_LISTEN_SN, _socket(socket)])


def tcp_connect_sn(socket: int) -> bytes:
    """Build TCP_CONNECT_SN (5.23), after OPEN; success is the CONNECT interrupt, not the status."""
    return bytes([Command.TCP_CONNECT_SN, _socket(socket)])


def tcp_disconnect_sn(socket: int) -> bytes:
    """Build TCP_DISCONNECT_SN (5.24)."""
    return bytes([Command.TCP_DISCONNECT_SN, _socket(socket)])


def close_socket_sn(socket: int) -> bytes:
    """Build CLOSE_SOCKET_SN (5.28)."""
    return bytes([Command.CLOSE_SOCKET_SN, _socket(socket)])


def set_ttl(socket: int, ttl: int) -> bytes:
    """Build SET_TTL (5.33), 1 to 128, after OPEN."""
    return bytes([Command.SET_TTL, _socket(socket), _within("the TTL", ttl, 1, TTL_MAX)])


def set_recv_buf(socket: int, start: int, blocks: int) -> bytes:
    """Build SET_RECV_BUF (5.34); ch392_buffers plans them."""
    return bytes([Command.SET_RECV_BUF, _socket(socket), *_blocks(start, blocks)])


def set_send_buf(socket: int, start: int, blocks: int) -> bytes:
    """Build SET_SEND_BUF (5.35); ch392_buffers plans them."""
    return bytes([Command.SET_SEND_BUF, _socket(socket), *_blocks(start, blocks)])


# Data


def write_send_buf_sn(socket: int, data: bytes, *, limit: int = CH392_STREAM) -> bytes:
    """Build WRITE_SEND_BUF_SN (5.25), 1 to `limit` bytes, the socket's send buffer."""
    size = _within("the length of a write", len(data), 1, min(limit, CH392_STREAM))
    return struct.pack("<BBH", Command.WRITE_SEND_BUF_SN, _socket(socket), size) + data


def get_recv_len_sn(socket: int) -> bytes:
    """Build GET_RECV_LEN_SN (5.26)."""
    return bytes([Command.GET_RECV_LEN_SN, _socket(socket)])


def read_recv_buf_sn(socket: int, length: int) -> bytes:
    """Build READ_RECV_BUF_SN (5.27), 1 to 4096 bytes."""
    size = _within("the length of a read", length, 1, CH392_STREAM)
    return struct.pack("<BBH", Command.READ_RECV_BUF_SN, _socket(socket), size)


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        near = min(max(value, least), most)
        raise UsageError(f"{name} {value} is outside {least} to {most}; the nearest is {near}")
    return value


def _socket(socket: int) -> int:
    return _within("socket", socket, 0, SOCKETS - 1)


def _port(port: int) -> int:
    return _within("port", port, 1, _PORT)


def _blocks(start: int, blocks: int) -> tuple[int, int]:
    _within("the first block", start, 0, BLOCKS - 1)
    _within(f"the number of blocks from {start} on", blocks, 1, BLOCKS - start)
    return start, blocks


def _steps(name: str, milliseconds: int) -> int:
    if milliseconds % KEEP_ALIVE_STEP:
        near = max(1, round(milliseconds / KEEP_ALIVE_STEP)) * KEEP_ALIVE_STEP
        raise UsageError(
            f"keep-alive {name} {milliseconds} ms is no multiple of {KEEP_ALIVE_STEP};"
            f" the nearest is {near}"
        )
    return _within(f"keep-alive {name}", milliseconds, KEEP_ALIVE_STEP, _IDLE_MAX)


def _ip(ip: Address) -> bytes:
    try:
        return IPv4Address(ip).packed
    except AddressValueError:
        raise UsageError(f"{ip!r} is no IPv4 address; write for example 192.168.1.2") from None
