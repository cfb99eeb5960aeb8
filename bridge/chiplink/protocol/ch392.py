"""The CH392's vocabulary: codes and values of its manual (V1.0, section 5), and what they mean.

Commands are bytes, a code and its arguments: framing lays them out for UART or SPI. The manual is
a shortened one of the CH395; what only that one's documents have is marked so.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

SOCKETS = 4
"""Sockets, counted from 0."""

BLOCKS = 8
"""Blocks of the buffers that all sockets share (section 5.34)."""

BLOCK_SIZE = 536
"""Bytes of a block."""

DATAGRAM_MAX = 1472
"""Bytes of a UDP datagram; the chip cuts a longer write into several without a word (8.2.2)."""

FACTORY_BAUD = 9600
"""The rate after a reset (section 6.3)."""

BAUDS = (4800, 9600, 19200, 38400, 57600, 76800, 115200, 460800, 921600)
"""The chip's rates (section 5.2). Linux has no 76800."""

SEARCH = (9600, 115200, 57600, 460800, 921600, 38400, 19200, 4800, 76800)
"""The same, likely ones first: a chip that was set up before keeps its rate until a reset."""

SERVER_ADDRESS = "255.255.255.255"
"""As a UDP socket's destination it silently makes the socket a server (section 8.2.2)."""

TTL_MAX = 128
"""Section 5.33."""

KEEP_ALIVE_STEP = 500
"""Milliseconds; both keep-alive times are multiples of it (section 5.38)."""

KEEP_ALIVE_IDLE = 20000
"""The chip's default in milliseconds (section 5.36)."""

KEEP_ALIVE_INTERVAL = 15000
"""The chip's default in milliseconds (section 5.37)."""


class Command(IntEnum):
    """Command codes, as the table of section 5 names them; the last eight are not in it."""

    GET_IC_VER = 0x01
    SET_BAUDRATE = 0x02
    RESET_ALL = 0x05
    CHECK_EXIST = 0x06
    SET_MAC_ADDR = 0x21
    SET_IP_ADDR = 0x22
    SET_GWIP_ADDR = 0x23
    SET_MASK_ADDR = 0x24
    GET_PHY_STATUS = 0x26
    INIT_CH392 = 0x27
    GET_GLOB_INT_STATUS = 0x29
    GET_CMD_STATUS = 0x2C
    GET_REMOT_IPP_SN = 0x2D
    CLEAR_RECV_BUF_SN = 0x2E
    GET_SOCKET_STATUS_SN = 0x2F
    GET_INT_STATUS_SN = 0x30
    SET_IP_ADDR_SN = 0x31
    SET_DEST_PORT_SN = 0x32
    SET_SOUR_PORT_SN = 0x33
    SET_PROTO_TYPE_SN = 0x34
    OPEN_SOCKET_SN = 0x35
    TCP_LISTEN_SN = 0x36
    TCP_CONNECT_SN = 0x37
    TCP_DISCONNECT_SN = 0x38
    WRITE_SEND_BUF_SN = 0x39
    GET_RECV_LEN_SN = 0x3B
    READ_RECV_BUF_SN = 0x3C
    CLOSE_SOCKET_SN = 0x3D
    SET_IPRAW_PRO_SN = 0x3E
    GET_MAC_ADDR = 0x40
    DHCP_ENABLE = 0x41
    GET_DHCP_STATUS = 0x42
    GET_IP_INF = 0x43
    SET_TTL = 0x51
    SET_RECV_BUF = 0x52
    SET_SEND_BUF = 0x53
    SET_KEEP_LIVE_IDLE = 0x56
    SET_KEEP_LIVE_INTVL = 0x57
    SET_KEEP_LIVE_CNT = 0x58
    SET_KEEP_LIVE_SN = 0x59
    # Named in the manual's sentences; the codes are the CH395's.
    GET_UNREACH_IPPORT = 0x28
    SET_FUN_PARA = 0x55
    # The CH395's.
    ENTER_SLEEP = 0x03
    GET_GLOB_INT_STATUS_ALL = 0x19
    SET_RETRAN_COUNT = 0x2A
    SET_RETRAN_PERIOD = 0x2B
    PING_ENABLE = 0x3F
    SET_TCP_MSS = 0x50


class Status(IntEnum):
    """What GET_CMD_STATUS answers (section 5.12); the last two are the CH395's."""

    SUCCESS = 0x00
    ERR_BUSY = 0x10
    ERR_MEM = 0x11
    ERR_BUF = 0x12
    ERR_TIMEOUT = 0x13
    ERR_RTE = 0x14
    ERR_ABRT = 0x15
    ERR_RST = 0x16
    ERR_CLSD = 0x17
    ERR_CONN = 0x18
    ERR_VAL = 0x19
    ERR_ARG = 0x1A
    ERR_USE = 0x1B
    ERR_IF = 0x1C
    ERR_ISCONN = 0x1D
    ERR_OPEN = 0x20
    RET_ABORT = 0x5F
    ERR_UNKNOWN = 0xFA


STATUS_WORDS = {
    Status.SUCCESS: "success",
    Status.ERR_BUSY: "still busy with the command (10)",
    Status.ERR_MEM: "the chip's memory ran out (11)",
    Status.ERR_BUF: "a buffer error (12)",
    Status.ERR_TIMEOUT: "timed out (13)",
    Status.ERR_RTE: "no route to the destination (14)",
    Status.ERR_ABRT: "the connection was aborted (15)",
    Status.ERR_RST: "the connection was reset by the other side (16)",
    Status.ERR_CLSD: "the connection is closed (17)",
    Status.ERR_CONN: "there is no connection (18)",
    Status.ERR_VAL: "a wrong value (19)",
    Status.ERR_ARG: "a wrong argument (1A)",
    Status.ERR_USE: "the address or port is in use already (1B)",
    Status.ERR_IF: "an error of the network interface (1C)",
    Status.ERR_ISCONN: "the socket is connected already (1D)",
    Status.ERR_OPEN: "the socket is open already (20)",
    Status.RET_ABORT: "the chip gave the command up (5F)",
    Status.ERR_UNKNOWN: "the chip does not know why it failed (FA)",
}
"""Section 5.12 in words."""


class GlobalInterrupt(IntFlag):
    """Bits of GET_GLOB_INT_STATUS (section 5.11); the last four only in the 16-bit answer."""

    UNREACH = 1 << 0
    IP_CONFLI = 1 << 1
    PHY_CHANGE = 1 << 2
    DHCP = 1 << 3
    SOCK0 = 1 << 4
    SOCK1 = 1 << 5
    SOCK2 = 1 << 6
    SOCK3 = 1 << 7
    SOCK4 = 1 << 8
    SOCK5 = 1 << 9
    SOCK6 = 1 << 10
    SOCK7 = 1 << 11

    @property
    def sockets(self) -> tuple[int, ...]:
        """The sockets that have something to say."""
        return tuple(socket for socket in range(8) if self & GlobalInterrupt.SOCK0 << socket)


class SocketInterrupt(IntFlag):
    """Bits of GET_INT_STATUS_SN (section 5.16); several come at once, each must be acted on."""

    SENBUF_FREE = 1 << 0
    SEND_OK = 1 << 1
    RECV = 1 << 2
    CONNECT = 1 << 3
    DISCONNECT = 1 << 4
    TIM_OUT = 1 << 6


class Phy(IntEnum):
    """The cable, as GET_PHY_STATUS tells it (section 5.9)."""

    DISCONNECTED = 0x01
    FULL_DUPLEX = 0x02
    HALF_DUPLEX = 0x04

    @property
    def connected(self) -> bool:
        """Whether there is a link."""
        return self is not Phy.DISCONNECTED


class Protocol(IntEnum):
    """Socket modes (section 5.20); the first two are the CH395's."""

    IPRAW = 0
    MACRAW = 1
    UDP = 2
    TCP = 3


class SocketState(IntEnum):
    """First byte of GET_SOCKET_STATUS_SN (section 5.15)."""

    CLOSED = 0x00
    OPEN = 0x05


class TcpState(IntEnum):
    """Second byte of GET_SOCKET_STATUS_SN; only an open TCP socket has one (section 5.15)."""

    CLOSED = 0x00
    LISTEN = 0x01
    SYN_SENT = 0x02
    SYN_RCVD = 0x03
    ESTABLISHED = 0x04
    FIN_WAIT_1 = 0x05
    FIN_WAIT_2 = 0x06
    CLOSE_WAIT = 0x07
    CLOSING = 0x08
    LAST_ACK = 0x09
    TIME_WAIT = 0x0A


class FunctionBit(IntFlag):
    """Bits of SET_FUN_PARA; the manual names SOCKET_CLOSE, the values are the CH395's."""

    NONE = 0
    TCP_SERVER = 1 << 1
    """One listener, several connections."""
    SOCKET_CLOSE = 1 << 3
    """The chip does not close a socket by itself: read the rest, then close it (section 5.16)."""
    NO_SEND_OK = 1 << 4
    FAST_UART = 1 << 7


class Dhcp(IntEnum):
    """What GET_DHCP_STATUS answers (section 5.31); anything but 0 means failure."""

    SUCCESS = 0
    FAILED = 1


def status_words(status: int) -> str:
    """Return a command's status as a phrase."""
    if status in STATUS_WORDS:
        return STATUS_WORDS[Status(status)]
    return f"the unknown status {status:02X}h"


def is_echo(status: int) -> bool:
    """Whether a status is the command's own code: over SPI, read too soon; ask again."""
    return status == Command.GET_CMD_STATUS


def global_bits(value: int) -> tuple[str, ...]:
    """Return the names of the set bits; unknown ones by their number."""
    return _bits(value, GlobalInterrupt)


def socket_bits(value: int) -> tuple[str, ...]:
    """Return the names of the set bits; unknown ones by their number."""
    return _bits(value, SocketInterrupt)


def function_bits(value: int) -> tuple[str, ...]:
    """Return the names of the set bits; unknown ones by their number."""
    return _bits(value, FunctionBit)


def _bits(value: int, kind: type[IntFlag]) -> tuple[str, ...]:
    names = {int(member): str(member.name) for member in kind}
    bits = (1 << number for number in range(value.bit_length()))
    return tuple(names.get(bit, f"bit {bit.bit_length() - 1}") for bit in bits if value & bit)
