"""What modems say when they fail, in their words and in ours."""

from __future__ import annotations

import re

from chiplink.protocol.at_text import integer

ERR = {
    0: "operation succeeded",
    1: "network failure",
    2: "network not opened",
    3: "wrong parameter",
    4: "operation not supported; on a socket the peer has closed, usually that",
    5: "failed to create socket",
    6: "failed to bind socket: the local port is taken",
    7: "TCP server is already listening",
    8: "busy",
    9: "sockets opened",
    10: "timeout",
    11: "DNS parse failed for AT+CIPOPEN: the host's name was not found",
    12: "unknown error",
}
"""<err> of `+CIPERROR:`, `+CIPOPEN:`, `+NETOPEN:`, `+CIPCLOSE:` … (SIM7028, 5.2)."""

ERR_INFO = (
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
"""<err_info> of `+IP ERROR:` by number (SIM7028, 5.1); with errMode 0 the number is printed."""

CME = {
    0: "phone failure",
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password: a wrong PIN",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed: emergency calls only",
    50: "incorrect parameters",
    58: "invalid command line",
    100: "unknown error",
    103: "illegal MS: the network refuses this SIM",
    106: "illegal ME: the network refuses this modem",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    148: "unspecified GPRS error",
    149: "PDP authentication failure",
    150: "invalid mobile class",
}
"""The usual ones of 3GPP TS 27.007, 9.2."""

GSERIES_CME_50 = (
    "the connection was not made: no credit on the SIM, the server is off, the network is bad,"
    " the host's name was not found, or a connection exists already"
)
"""`+CME ERROR: 50` behind a CIPSTART (G series, 9)."""

DNS = {
    3: "network error",
    8: "DNS common error: the name was not found",
    10: "DNS general error: the name was not found",
}
"""The code of `+CDNSGIP: 0,<code>` (SIM7028, 2.1.17; SIM800's AT manual)."""

CLOSE_REASONS = {
    0: "closed by us",
    1: "closed by the peer",
    2: "closed because a send timed out or DTR went off",
}
"""The reason of `+IPCLOSE: <link>,<reason>` (SIM7028, 2.2)."""

TEXTS = {
    "ERROR": "the modem refuses the command and does not say why",
    "CONNECT FAIL": "the connection was not made",
    "SEND FAIL": "the data was not sent",
    "ALREADY CONNECT": "the link is open already",
    "COMMAND NO RESPONSE!": "the network is bad and the connection timed out",
    "CLOSED": "the link is closed",
    "+PDP: DEACT": "the network ended the data context; CIPSHUT must follow",
    "+PDP DEACT": "the network ended the data context; CIPSHUT must follow",
}
"""Other texts of failure."""


HARMLESS = {
    "NETOPEN": re.compile(r"\+IP ERROR: *(Network is already opened|4)$"),
    "NETCLOSE": re.compile(
        r"\+NETCLOSE: *2$|\+IP ERROR: *(Network is already closed|Network not opened|5|8)$"
    ),
    "CIPCLOSE": re.compile(r"\+CIPCLOSE: *\d,[24]$|\+CME ERROR: *(3|4)$|ERROR$"),
    "CIPRXGET": re.compile(r"\+IP ERROR: *(No data|22)$"),
    "CIFSR": re.compile(r"ERROR$"),
}
"""Errors that mean that it is so already, or that there is nothing, by the command's name."""

_WITH_ERR = ("+CIPERROR", "+NETOPEN", "+NETCLOSE", "+CIPOPEN", "+CIPCLOSE", "+SERVERSTOP")


def err_words(code: int) -> str:
    """Return <err> in words."""
    return ERR.get(code, f"unknown error {code}")


def err_info(text: str) -> str:
    """Return the text of `+IP ERROR:`, which may be a number."""
    code = integer(text)
    return ERR_INFO[code] if code is not None and 0 <= code < len(ERR_INFO) else text.strip()


def error_words(text: str) -> str:
    """Return an error line in the modem's words and ours, as `+CIPERROR: 4 (…)`."""
    words = error_meaning(text)
    return f"{text} ({words})" if words else text


def error_meaning(text: str) -> str:
    """Return an error line in our words; empty if it says all itself, or is none."""
    name, _, rest = text.partition(":")
    code = integer(rest.rpartition(",")[2])
    if name in _WITH_ERR and code is not None:
        return err_words(code)
    if name == "+CDNSGIP" and code is not None:
        return DNS.get(code, f"unknown error {code}")
    if name == "+IP ERROR":
        return err_info(rest) if code is not None else ""
    if name == "+CME ERROR" and code is not None:
        return CME.get(code, "unknown code")
    return TEXTS.get(text, "")


def is_harmless(name: str, error: str) -> bool:
    """Whether a command's error is no failure: what was to be closed is closed, and so on."""
    pattern = HARMLESS.get(name)
    return pattern is not None and pattern.match(error) is not None
