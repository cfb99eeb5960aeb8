"""The CH392's numbers as its document names them (sections 5 and 6.3)."""

from __future__ import annotations

from typing import Final

# Section 6.3: the two bytes before every command.
SYNC_1: Final = 0x57
SYNC_2: Final = 0xAB

# Section 5.12: the status of a command. 5F is the CH395's, for a rate that it has not.
SUCCESS: Final = 0x00
ERR_BUSY: Final = 0x10
ERR_CLSD: Final = 0x17
ERR_CONN: Final = 0x18
ERR_ARG: Final = 0x1A
ERR_USE: Final = 0x1B
ERR_IF: Final = 0x1C
ERR_ISCONN: Final = 0x1D
ERR_OPEN: Final = 0x20
RET_ABORT: Final = 0x5F

# Section 5.11: the bits of the global interrupt status; a socket's is GINT_SOCK0 << index.
GINT_UNREACH: Final = 0x01
GINT_IP_CONFLI: Final = 0x02
GINT_PHY_CHANGE: Final = 0x04
GINT_DHCP: Final = 0x08
GINT_SOCK0: Final = 0x10

# Section 5.16: the bits of a socket's interrupt status.
SINT_SENBUF_FREE: Final = 0x01
SINT_SEND_OK: Final = 0x02
SINT_RECV: Final = 0x04
SINT_CONNECT: Final = 0x08
SINT_DISCONNECT: Final = 0x10
SINT_TIM_OUT: Final = 0x40

# Section 5.9.
PHY_DISCONN: Final = 0x01
PHY_10M_FULL: Final = 0x02
PHY_10M_HALF: Final = 0x04

# Section 5.20; 0 is the CH395's. Type 1 (MACRAW) is not on this variant.
PROTO_IPRAW: Final = 0
PROTO_UDP: Final = 2
PROTO_TCP: Final = 3

# Section 5.15.
SOCKET_CLOSED: Final = 0x00
SOCKET_OPEN: Final = 0x05
TCP_CLOSED: Final = 0x00
TCP_LISTEN: Final = 0x01
TCP_SYN_SENT: Final = 0x02
TCP_SYN_RCVD: Final = 0x03
TCP_ESTABLISHED: Final = 0x04
TCP_FIN_WAIT_1: Final = 0x05
TCP_FIN_WAIT_2: Final = 0x06
TCP_CLOSE_WAIT: Final = 0x07
TCP_TIME_WAIT: Final = 0x0A
TCP_STATES: Final = (
    "closed",
    "listen",
    "syn_sent",
    "syn_rcvd",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
)

# SET_FUN_PARA, as on the CH395.
FUN_TCP_SERVER: Final = 0x02
FUN_SOCKET_CLOSE: Final = 0x08
FUN_NO_SEND_OK: Final = 0x10

# Section 5.2.
BAUD_RATES: Final = frozenset(
    {4800, 9600, 19200, 38400, 57600, 76800, 115200, 460800, 921600},
)
RESET_BAUD: Final = 9600

# Section 2.
SPI_CLOCK_MAX: Final = 8_000_000

# Section 5.27.
READ_RECV_BUF_SN: Final = 0x3C

SOCKETS: Final = 4
BLOCKS: Final = 8
BLOCK_SIZE: Final = 536
STREAM_MAX: Final = 4096  # section 5: the longest data stream
DATAGRAM_MAX: Final = 1472  # section 8.2.2: the most that one UDP packet carries
IPRAW_MAX: Final = 1480
MSS: Final = 1460  # section 8.3.3
TTL_MAX: Final = 128
UDP_SERVER_IP: Final = b"\xff\xff\xff\xff"
IP_UDP: Final = 17  # the protocol's number in an IP header
