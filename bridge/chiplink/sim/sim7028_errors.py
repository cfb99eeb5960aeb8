"""The SIM7028's errors: <err> and <err_info> (application note 5.1, 5.2)."""

from __future__ import annotations

from typing import Final

# <err>, table 3.
SUCCESS: Final = 0
NETWORK_FAILURE: Final = 1
NOT_OPENED: Final = 2
WRONG_PARAMETER: Final = 3
NOT_SUPPORTED: Final = 4
NO_SOCKET: Final = 5
NOT_BOUND: Final = 6
LISTENING: Final = 7
BUSY: Final = 8
SOCKETS_OPENED: Final = 9
TIMEOUT: Final = 10
NOT_RESOLVED: Final = 11
UNKNOWN: Final = 12

# <err_info>, table 2: shown as text, or as the number with errMode 0.
ERR_INFO: Final = (
    "Connection time out",
    "Bind port failed",
    "Port overflow",
    "Create socket failed",
    "Network is already opened",
    "Network is already closed",
    "No clients connected",
    "No active client",
    "Network not opened",
    "Client index overflow",
    "Connection is already created",
    "Connection is not created",
    "Invalid parameter",
    "Operation not supported",
    "DNS query failed",
    "TCP busy",
    "Net close failed for socket opened",
    "Sending time out",
    "Sending failure for network error",
    "Open failure for network error",
    "Server is already listening",
    "Operation failed",
    "No data",
)
INFO_ALREADY_OPENED: Final = 4
INFO_NOT_OPENED: Final = 8
INFO_NOT_CREATED: Final = 11
INFO_INVALID: Final = 12
INFO_NO_DATA: Final = 22

DNS_ERROR: Final = 10  # <dns error code>: general error (2.1.17)
